"""Pictures, the moves over them, and the clip of a first frame."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import output_size
from happyhorse_nb.sandbox import sound
from happyhorse_nb.sandbox.film import FPS, Film, Interrupted, write
from happyhorse_nb.sandbox.picture import Move, View, choose_move, dice_of, prepare, upright
from happyhorse_nb.sandbox.scenes import frames_of, walk
from sandbox.calls import PICTURE, encoded, picture

STILL = Move(View(1.0), View(1.0))


def film(
    tmp_path: Path, data: bytes = PICTURE, *, move: Move = STILL, stop: Callable[[], bool] = lambda: False
) -> Path:
    path = tmp_path / "clip.mp4"
    image = upright(data)
    size = output_size(*image.size, "720P")
    frames, rate = frames_of(3), 44_100
    made = sound.soft_sound(dice_of(1, "p"), sound.samples_of(frames, FPS, rate), rate)
    pictures = walk(prepare(image, *size), move, *size, frames)
    write(Film(*size, frames, pictures, made), path, label="task-1", rate=rate, stop=stop)
    return path


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which nothing moves."""
    return film(tmp_path_factory.mktemp("still"))


@pytest.mark.parametrize("size", [(300, 300), (750, 300), (300, 750), (301, 377)])
@pytest.mark.parametrize("resolution", ["720P", "1080P"])
def test_the_pixels_are_the_levels_and_the_aspect_is_the_pictures(size: tuple[int, int], resolution: str) -> None:
    width, height = output_size(*size, resolution)
    pixels = {"720P": 1280 * 720, "1080P": 1920 * 1080}[resolution]
    assert width * height == pytest.approx(pixels, rel=0.005)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.005)
    assert width % 2 == height % 2 == 0


def test_what_is_seen_is_the_first_frame_with_its_colours(still: Path) -> None:
    first = frames(still)[0].astype(float)
    wanted = np.asarray(picture().resize((first.shape[1], first.shape[0])), dtype=float)
    inside = np.s_[100:-200, 100:-200]
    # The decoder's default matrix differs from the one the file names, in saturated colours above all.
    assert np.abs(first[inside] - wanted[inside]).mean() < 12


@pytest.mark.parametrize("seed", range(8))
def test_the_camera_moves_smoothly_and_all_the_time(seed: int) -> None:
    move = choose_move(dice_of(seed, "a quiet street"), 5)
    boxes = np.array([move.at(number / 119).box(480, 320) for number in range(120)])
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= 480).all()
    assert (boxes[:, 3] <= 320).all()
    assert np.allclose((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1]), 1.5)
    steps = np.abs(np.diff(boxes, axis=0)).max(axis=1)
    assert (steps > 0).all()
    # From one picture to the next it speeds up or slows down by a fraction of a pixel, never by a jump.
    assert np.abs(np.diff(steps)).max() < 0.1


def test_seed_and_prompt_choose_the_move() -> None:
    def move(seed: int, prompt: str) -> Move:
        return choose_move(dice_of(seed, prompt), 5)

    assert move(1, "sun") == move(1, "sun")
    assert move(1, "sun") != move(2, "sun")
    assert move(1, "sun") != move(1, "moon")
    assert move(1, "sun") != move(1, "half a character: \ud800")


def test_frames_follow_the_move(tmp_path: Path) -> None:
    taken = frames(film(tmp_path, move=Move(View(1.2, -1, 0), View(1.2, 1, 0))))
    # From the dark left to the light right, as seen in the corner that nothing is written in.
    redness = [frame[:40, :40, 0].mean() for frame in taken]
    assert redness[-1] > redness[0] + 20
    assert all(later > earlier - 5 for earlier, later in pairwise(redness))


def test_sandbox_is_written_where_no_player_covers_it(tmp_path: Path) -> None:
    grey = encoded(Image.new("RGB", (480, 320), (128, 128, 128)))
    taken = frames(film(tmp_path, grey))
    height, width = taken[0].shape[:2]
    for frame in (taken[0].astype(int), taken[-1].astype(int)):
        marked = np.argwhere(np.abs(frame - frame[0, 0]).max(axis=2) > 20)
        assert len(marked) > 500
        assert marked[:, 0].max() < height * 0.12
        assert marked[:, 1].min() > width * 0.75
        assert frame[marked[:, 0], marked[:, 1]].max() > 200
        assert frame[marked[:, 0], marked[:, 1]].min() < 100


def test_a_picture_taken_upright_stays_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = film(tmp_path, encoded(picture(), exif=exif))
    with av.open(str(path)) as container:
        assert container.streams.video[0].height > container.streams.video[0].width
    # Turned clockwise by a quarter, the dark left is the top.
    first = frames(path)[0]
    assert first[:60, : first.shape[1] // 2, 0].mean() < 40 < 200 < first[-160:-100, :, 0].mean()


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        (Image.new("RGBA", (400, 300), (0, 0, 0, 0)), "PNG", (255, 255, 255)),
        (Image.new("LA", (400, 300), (0, 0)), "PNG", (255, 255, 255)),
        (Image.new("CMYK", (400, 300), (0, 255, 255, 0)), "JPEG", (254, 0, 0)),
        (Image.new("L", (400, 300), 90), "WEBP", (90, 90, 90)),
        (Image.fromarray(np.full((300, 400), 128 << 8, dtype=np.uint16)), "PNG", (128, 128, 128)),
        (Image.new("P", (400, 300), 0), "PNG", (0, 0, 0)),
    ],
    ids=["clear", "clear grey", "four inks", "grey", "sixteen bits", "palette"],
)
def test_every_kind_of_picture_becomes_rgb(image: Image.Image, kind: str, colour: tuple[int, int, int]) -> None:
    plain = upright(encoded(image, kind))
    assert plain.mode == "RGB"
    assert np.abs(np.array(plain.getpixel((200, 150))) - colour).max() <= 2


def test_a_damaged_picture_is_said_to_be_one() -> None:
    with pytest.raises(InvalidRequest, match="damaged"):
        upright(PICTURE[: len(PICTURE) // 2])


def test_stopping_leaves_no_file(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    with pytest.raises(Interrupted):
        film(tmp_path, stop=lambda: next(looks))
    assert not list(tmp_path.glob("*.mp4*"))
    assert not list(tmp_path.glob(".*"))


def test_the_same_request_makes_the_same_film(tmp_path: Path, still: Path) -> None:
    assert film(tmp_path).read_bytes() == still.read_bytes()
