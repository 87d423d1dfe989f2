"""What is seen in a clip: a move over a first frame, the words of a prompt, or a walk through references."""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from happyhorse_nb.inputs import output_size
from happyhorse_nb.models import REFERENCES
from happyhorse_nb.sandbox.film import FPS
from happyhorse_nb.sandbox.lettering import Caption
from happyhorse_nb.sandbox.picture import Mask, Move, Planes, View, choose_move, colour_of, planes_of, prepare, upright

#: Where the levels' pixels and a ratio give other sides than these, the service rounds in its own way.
_SIZES = {
    ("720P", "4:3"): (1108, 832),
    ("720P", "3:4"): (832, 1108),
    ("1080P", "4:3"): (1662, 1248),
    ("1080P", "3:4"): (1248, 1662),
}


def size_of(ratio: str, resolution: str) -> tuple[int, int]:
    """Width and height in pixels of a video of that ratio."""
    width, _, height = ratio.partition(":")
    return _SIZES.get((resolution, ratio)) or output_size(int(width), int(height), resolution)


def frames_of(duration: int) -> int:
    """How many pictures a clip of that many seconds has, as the service makes them."""
    return FPS * duration + 3


def walk(picture: Planes, move: Move, width: int, height: int, frames: int) -> Iterator[Planes]:
    """A camera move over one picture."""
    for number in range(frames):
        yield picture.cut(move.at(number / (frames - 1)).box(*picture.luma.size), width, height)


#: The part of its time for which a reference fades into the next one, and the most seconds of it.
_FADES, _FADE = 0.4, 0.8


def album(references: Sequence[bytes], dice: random.Random, width: int, height: int, frames: int) -> Iterator[Planes]:
    """Moves over each reference in turn, one fading into the next."""
    pictures = [prepare(upright(data, REFERENCES), width, height) for data in references]
    each = frames / len(pictures)
    moves = [choose_move(dice, each / FPS) for _ in pictures]
    fade = min(_FADES * each, _FADE * FPS)

    def seen(which: int, number: int) -> Planes:
        # It is seen from the middle of one fade to the middle of the next, and half a fade longer at both ends.
        time = (number - which * each + fade / 2) / (each + fade)
        picture = pictures[which]
        return picture.cut(moves[which].at(min(max(time, 0.0), 1.0)).box(*picture.luma.size), width, height)

    for number in range(frames):
        which = min(int(number / each), len(pictures) - 1)
        into, left = number - which * each, (which + 1) * each - number
        planes = seen(which, number)
        if which and into < fade / 2:
            planes = seen(which - 1, number).blend(planes, 0.5 + into / fade)
        elif which + 1 < len(pictures) and left < fade / 2:
            planes = planes.blend(seen(which + 1, number), 0.5 - left / fade)
        yield planes


def words(prompt: str, dice: random.Random, width: int, height: int, frames: int) -> Iterator[Planes]:
    """The words of a prompt, drifting over hills, above which a ball flies."""
    hue = dice.random()
    landscape = planes_of(_landscape(dice, hue, width, height))
    # A wide move, as nobody has given a picture that should be seen whole.
    move = Move(View(1.02, -1.0, dice.uniform(-1, 1)), View(1.25, 1.0, dice.uniform(-1, 1)))
    if dice.random() < 0.5:
        move = Move(move.end, move.start)
    caption = Caption(prompt, width, height)
    across, down = dice.choice(((0.05, 0.95), (0.95, 0.05))), dice.uniform(0.4, 0.9)
    ball, colour = _ball(min(width, height)), colour_of(*colorsys.hsv_to_rgb((hue + 0.5) % 1, 0.55, 1.0))
    hops, phase = dice.uniform(1.5, 3.0), dice.random()
    for number in range(frames):
        time = number / (frames - 1)
        planes = landscape.cut(move.at(time).box(*landscape.luma.size), width, height)
        left = time * (width - ball.luma.width)
        top = (0.72 - 0.55 * abs(math.sin(math.pi * (hops * time + phase)))) * (height - ball.luma.height)
        planes.paint(colour, ball, 2 * int(left / 2), 2 * int(top / 2))
        caption.write(planes, across[0] + (across[1] - across[0]) * time, down)
        yield planes


def _ball(side: int) -> Mask:
    size = 2 * round(side / 18)
    disc = Image.new("L", (4 * size, 4 * size))
    ImageDraw.Draw(disc).ellipse((0, 0, 4 * size - 1, 4 * size - 1), fill=255)
    return Mask.of(disc.reduce(4))


def _landscape(dice: random.Random, hue: float, width: int, height: int) -> Image.Image:
    """Three rows of hills under a sky, somewhat larger than the frame. Its sides are even."""
    wide, high = 2 * round(0.6 * width), 2 * round(0.6 * height)
    x = np.linspace(0, 1, wide, dtype=np.float32)
    y = np.linspace(0, 1, high, dtype=np.float32)[:, None, None]

    def colour(shift: float, saturation: float, value: float) -> np.ndarray:
        return np.array(colorsys.hsv_to_rgb((hue + shift) % 1, saturation, value), np.float32)

    sky = colour(0.55, 0.55, 0.55) * (1 - y) + colour(0.45, 0.25, 0.95) * y
    picture = np.repeat(sky, wide, axis=1)
    for row in range(3):
        line = np.full(wide, 0.5 + 0.16 * row, np.float32)
        for wave in (2, 5, 11):
            turn = np.float32(wave * dice.uniform(0.7, 1.3) * math.tau)
            line += np.float32(0.16 / wave) * np.sin(x * turn + np.float32(dice.uniform(0, 6)))
        hills = y[..., 0] > line
        picture[hills] = colour(0.1 * row, 0.35 + 0.15 * row, 0.75 - 0.2 * row)
    return Image.fromarray((picture * 255).astype(np.uint8))
