"""What a file says of itself: codec, sound, frames, and whether a browser can play it; from its boxes alone."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.client import check_mp4, read_mp4
from happyhorse_nb.models import Sound
from support.videos import make_video

CODECS = {
    "libx264": ("H.264", True),
    "libx265": ("HEVC", False),
    "mpeg4": ("MPEG-4 part 2", False),
    "mpeg2video": ("MPEG-2", False),
    "mjpeg": ("Motion JPEG", False),
    "libsvtav1": ("AV1", True),
    "libvpx-vp9": ("VP9", True),
}
SOUNDS = {
    "aac": "AAC",
    "libmp3lame": "MP3",
    "libopus": "Opus",
    "flac": "FLAC",
    "ac3": "AC-3",
    "alac": "ALAC",
}
FORMS = {
    "last": "",
    "front": "faststart",
    "fragments": "frag_keyframe+empty_moov+default_base_moof",
    "a fragment a frame": "frag_every_frame+empty_moov",
}


@pytest.mark.parametrize("codec", CODECS)
def test_the_codec_is_named_and_whether_a_browser_plays_it(tmp_path: Path, codec: str) -> None:
    info = read_mp4(make_video(tmp_path / "x.mp4", codec=codec))
    assert (info.codec, info.playable) == CODECS[codec]
    assert (info.width, info.height) == (192, 128)
    assert (info.frames, info.frame_rate) == (27, 24.0)
    assert info.sound is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sound", ["", "aac"], ids=["silent", "sound"])
def test_frames_and_sound_are_read_in_every_form_of_a_file(tmp_path: Path, form: str, sound: str) -> None:
    info = read_mp4(make_video(tmp_path / "x.mp4", sound=sound, movflags=FORMS[form]))
    assert (info.codec, info.frames) == ("H.264", 27)
    assert info.frame_rate == pytest.approx(24.0, abs=0.01)
    assert info.sound == (Sound("AAC", 2, 44100) if sound else None)


@pytest.mark.parametrize("sound", SOUNDS)
def test_the_sound_is_named(tmp_path: Path, sound: str) -> None:
    rate = 48000 if sound == "libopus" else 44100
    info = read_mp4(make_video(tmp_path / "x.mp4", sound=sound, rate=rate))
    assert info.sound == Sound(SOUNDS[sound], 2, rate)
    assert info.playable


@pytest.mark.parametrize(
    ("layout", "rate", "channels"), [("mono", 24000, 1), ("stereo", 24000, 2), ("5.1", 48000, 6), ("7.1", 96000, 8)]
)
def test_channels_and_rate_are_those_that_are_heard(tmp_path: Path, layout: str, rate: int, channels: int) -> None:
    # (AAC of more than two channels says two in the entry that players skip.)
    info = read_mp4(make_video(tmp_path / "x.mp4", sound="aac", layout=layout, rate=rate))
    assert info.sound == Sound("AAC", channels, rate)


def test_uncompressed_sound_of_quicktime_is_read(tmp_path: Path) -> None:
    info = read_mp4(make_video(tmp_path / "x.mov", sound="pcm_s16le", layout="stereo", form="mov"))
    assert info.sound == Sound("PCM", 2, 44100)


def test_a_download_tells_the_same_as_the_boxes(tmp_path: Path) -> None:
    file = make_video(tmp_path / "x.mp4", sound="aac")
    assert check_mp4(file) == check_mp4(file, decode=False) == read_mp4(file)


def test_a_codec_without_a_name_is_called_by_its_letters_and_not_played(tmp_path: Path) -> None:
    file = make_video(tmp_path / "x.mp4", sound="aac")
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b"avc1", b"x\x1b<9", 2).replace(b"mp4a", b"z\0\0z"))
    info = read_mp4(file)
    assert info.codec == "x<9"
    assert not info.playable
    assert info.sound is not None
    assert info.sound.codec == "zz"


@pytest.mark.parametrize("sound", ["aac", "libmp3lame"])
@pytest.mark.parametrize("form", ["last", "fragments"])
def test_hostile_boxes_end_in_an_error_or_an_answer(tmp_path: Path, form: str, sound: str) -> None:
    raw = make_video(tmp_path / "x.mp4", sound=sound, movflags=FORMS[form]).read_bytes()
    start, chance = raw.index(b"moov"), random.Random(7)
    file = tmp_path / "y.mp4"
    for _ in range(400):
        bad = bytearray(raw)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(start, len(bad))
            bad[at : at + 4] = chance.choice([bytes(4), b"\xff" * 4, chance.randbytes(4)])
        file.write_bytes(bad)
        try:
            info = read_mp4(file)
        except hh.DownloadError:
            continue
        assert info.frames >= 0
        assert info.frame_rate >= 0


def test_a_file_of_too_many_boxes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.mp4"
    file.write_bytes(struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8, b"free") * 30_000)
    with pytest.raises(hh.DownloadError, match="too large"):
        read_mp4(file)


def test_what_is_read_in_passing_has_a_small_index(tmp_path: Path) -> None:
    file = make_video(tmp_path / "x.mp4")
    raw = file.read_bytes()
    # As a hostile index would be: larger than a film of some seconds has, within what a download may have.
    start, filler = raw.index(b"moov") - 4, struct.pack(">I4s", 2_000_000, b"free") + bytes(1_999_992)
    size = struct.unpack_from(">I", raw, start)[0]
    file.write_bytes(raw[:start] + struct.pack(">I", size + len(filler)) + raw[start + 4 :] + filler)
    assert check_mp4(file, decode=False).frames == 27
    with pytest.raises(hh.DownloadError, match="too large"):
        read_mp4(file)
