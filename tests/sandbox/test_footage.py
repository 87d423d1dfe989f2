"""The video that is edited: its limits, and what an edit takes from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.sandbox import footage
from happyhorse_nb.sandbox.footage import Footage
from sandbox.calls import PICTURE
from support.videos import make_mp4

GOOD = Footage(Path("film.mp4"), 5.125, 1280, 720, 24.0, "h264")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"codec": "hevc"}, "the video is hevc; the server takes H.264"),
        ({"seconds": 2.99}, "lasts 2.99 s; it must last 3 to 60 s"),
        ({"seconds": 60.1}, "lasts 60.1 s"),
        ({"height": 300, "width": 640}, "640 x 300 pixels; the short side must be at least 320"),
        ({"width": 2162, "height": 1200}, "the long side must be at most 2160"),
        ({"width": 400, "height": 1002}, "within 1:2.5 to 2.5:1"),
        ({"rate": 8.0}, "has 8 pictures a second; it must have more than 8"),
    ],
    ids=str,
)
def test_each_limit_of_a_video(wrong: dict[str, Any], words: str) -> None:
    footage.check(GOOD)
    with pytest.raises(InvalidRequest) as problem:
        footage.check(replace(GOOD, **wrong))
    assert words in problem.value.why


def test_alibabas_pages_allow_longer_sides() -> None:
    footage.check(replace(GOOD, width=2162, height=1200), unlisted=True)


@pytest.mark.parametrize(("seconds", "frames"), [(3.0, 73), (3.125, 73), (5.125, 121), (15.125, 361), (60.0, 361)])
def test_an_edit_is_as_long_as_its_input_and_fifteen_seconds_at_most(seconds: float, frames: int) -> None:
    assert replace(GOOD, seconds=seconds).frames == frames


@pytest.mark.parametrize("data", [b"", PICTURE, b"#EXTM3U\nhttp://127.0.0.1:1/a\n"], ids=["empty", "picture", "list"])
def test_what_is_no_video(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "film").write_bytes(data)
    with pytest.raises(InvalidRequest, match="the video cannot be read"):
        footage.read(tmp_path / "film")


def test_a_video_without_sound_is_silent(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(make_mp4(seconds=3))
    given = footage.read(tmp_path / "film")
    assert (given.seconds, given.width, given.height, given.rate, given.codec) == (3.0, 320, 214, 24.0, "h264")
    sound = footage.sound_of(given, 1000, 44_100)
    assert sound.shape == (2, 1000)
    assert not sound.any()


@pytest.mark.parametrize("fps", [12, 60])
def test_pictures_are_seen_when_they_were(tmp_path: Path, fps: int) -> None:
    (tmp_path / "film").write_bytes(make_mp4(seconds=3, fps=fps))
    given = footage.read(tmp_path / "film")
    # It grows lighter from black to white in its three seconds.
    shown = [np.asarray(planes.luma).mean() for planes in footage.pictures(given, 320, 214)]
    assert len(shown) == 73
    assert shown[24] - shown[0] == pytest.approx(shown[48] - shown[24], abs=4)
    assert shown[48] - shown[0] == pytest.approx((235 - 16) * 2 / 3, abs=6)


def test_damaged_pictures_are_said_to_be_so(tmp_path: Path) -> None:
    data = make_mp4(seconds=3)
    at = data.find(b"mdat") + 4
    (tmp_path / "film").write_bytes(data[:at] + bytes(len(data) - at))
    given = footage.read(tmp_path / "film")
    with pytest.raises((InvalidRequest, av.error.FFmpegError)) as problem:
        list(footage.pictures(given, 320, 214))
    assert isinstance(problem.value, InvalidRequest)
