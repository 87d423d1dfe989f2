"""What is written into the pictures: the word SANDBOX, and the words of a prompt."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from happyhorse_nb.sandbox.picture import Mask, Planes

_WORD = "SANDBOX"
_WHITE, _BLACK = (235, 128, 128), (16, 128, 128)
_SHADE, _INK = 0.38, 0.86


class Stamp:
    """The word SANDBOX for frames of one size, at their upper right: a player's controls cover the lower edge."""

    def __init__(self, width: int, height: int) -> None:
        unit = max(min(width, height) / 40, 10.0)
        # Pillow's own font: no other one is on every machine.
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
        # The rounded bar behind it is drawn large and scaled down for smooth edges.
        bar = Image.new("L", (4 * wide, 4 * high))
        corners = (0, 0, 4 * wide - 1, 4 * high - 1)
        ImageDraw.Draw(bar).rounded_rectangle(corners, radius=1.2 * high, fill=round(255 * _SHADE))
        shade, ink = bar.reduce(4), word.point(lambda value: value * _INK)
        self._shade, self._ink = Mask.of(shade), Mask(ink, ImageChops.lighter(shade, ink).reduce(2))
        self._left, self._top = width - _even(1.1 * unit) - wide, _even(1.1 * unit)

    def press(self, frame: Planes) -> None:
        """Draw the word into a frame."""
        frame.paint(_BLACK, self._shade, self._left, self._top)
        frame.paint(_WHITE, self._ink, self._left, self._top)


class Caption:
    """The words of a prompt, as many as there is room for, as a mask with its shadow."""

    _MOST = 160

    def __init__(self, text: str, width: int, height: int) -> None:
        """For frames of that size in pixels."""
        unit = min(width, height) / 13
        font = ImageFont.load_default(unit)
        # (Lone surrogates cannot be drawn.)
        words = text[: self._MOST].encode(errors="replace").decode().split()
        lines = _lines(words, font, 0.72 * width)[: max(1, int(0.55 * height / (1.35 * unit)))]
        wide = max((font.getlength(line) for line in lines), default=0.0)
        size = (_even(min(wide + 2 * unit, 0.9 * width)), _even(1.35 * unit * len(lines) + unit))
        ink = Image.new("L", size)
        draw = ImageDraw.Draw(ink)
        for number, line in enumerate(lines):
            draw.text((unit, unit * (0.5 + 1.35 * (number + 0.5))), line, fill=255, font=font, anchor="lm")
        shade = ink.filter(ImageFilter.GaussianBlur(unit / 7)).point(lambda value: min(255, value * 2) * 0.6)
        self._ink, self._shade = Mask.of(ink), Mask.of(shade)
        #: Pixels between it and the frame's edges, across and down.
        self.room = (width - size[0], height - size[1])

    def write(self, frame: Planes, across: float, down: float) -> None:
        """Draw it into a frame, at that part of the room (from 0 to 1) across and down."""
        left, top = (2 * int(part * room / 2) for part, room in zip((across, down), self.room, strict=True))
        frame.paint(_BLACK, self._shade, left, top)
        frame.paint(_WHITE, self._ink, left, top)


def _lines(words: list[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    """The words in lines of at most that width; one that is longer is cut."""
    lines: list[str] = []
    for word in words:
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        fits = next((n for n in range(len(word), 1, -1) if font.getlength(word[:n]) <= width), 1)
        lines.append(word[:fits])
    return lines


def _even(length: float) -> int:
    return 2 * round(length / 2)
