"""The word SANDBOX, burnt into a corner of the picture so that nobody takes such a clip for a real one."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFont

from happyhorse_nb.sandbox.picture import Planes

_WORD = "SANDBOX"
_WHITE, _BLACK, _GREY = 235, 16, 128
_SHADE, _INK = 0.38, 0.86


@dataclass(frozen=True)
class Stamp:
    """The word for one size of picture: where it goes, and how much of dark and of white each pixel takes."""

    left: int
    top: int
    shade: Image.Image
    ink: Image.Image
    colour: Image.Image

    def press(self, frame: Planes) -> None:
        """Put the word into a frame."""
        place = (self.left, self.top, self.left + self.shade.width, self.top + self.shade.height)
        frame.luma.paste(_BLACK, place, self.shade)
        frame.luma.paste(_WHITE, place, self.ink)
        half = (place[0] // 2, place[1] // 2, place[2] // 2, place[3] // 2)
        frame.blue.paste(_GREY, half, self.colour)
        frame.red.paste(_GREY, half, self.colour)


def make_stamp(width: int, height: int) -> Stamp:
    """The stamp for frames of that size in pixels, at their upper right: a player's controls cover the lower edge."""
    unit = max(min(width, height) / 40, 10.0)
    # Pillow's own font: no machine can be counted on to have another.
    font = ImageFont.load_default(unit)
    gap = unit * 0.16
    letters = [font.getlength(letter) for letter in _WORD]
    wide = _even(sum(letters) + gap * (len(_WORD) - 1) + 1.5 * unit)
    high = _even(1.9 * unit)
    word = Image.new("L", (wide, high))
    draw = ImageDraw.Draw(word)
    x = 0.75 * unit
    for letter, length in zip(_WORD, letters, strict=True):
        draw.text((x, high / 2), letter, fill=255, font=font, anchor="lm")
        x += length + gap
    shade = _pill(wide, high)
    margin = _even(1.1 * unit)
    ink = word.point(lambda value: value * _INK)
    colour = ImageChops.lighter(shade, ink).reduce(2)
    return Stamp(width - wide - margin, margin, shade, ink, colour)


def _pill(width: int, height: int) -> Image.Image:
    """A rounded bar, drawn large and scaled down for smooth edges."""
    large = Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, 4 * width - 1, 4 * height - 1), radius=4 * height * 0.3, fill=round(255 * _SHADE)
    )
    return large.reduce(4)


def _even(length: float) -> int:
    return 2 * round(length / 2)
