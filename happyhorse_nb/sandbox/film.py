"""Renders the clip: a camera move over the first frame, as H.264 in an MP4."""

from __future__ import annotations

import io
import math
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import inspect, output_size

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A part of the picture, of the picture's own aspect.

    ``zoom`` is how many times it is enlarged, at least 1; ``across`` and ``down`` say where it lies, from -1 (at the
    left or top edge) to 1. So no view can leave the picture.
    """

    zoom: float
    across: float = 0.0
    down: float = 0.0

    def box(self, width: int, height: int) -> Box:
        """Left, top, right and bottom in a picture of that size; in fractions of pixels, or the move would stutter."""
        seen_x, seen_y = width / self.zoom, height / self.zoom
        left, top = (width - seen_x) * (1 + self.across) / 2, (height - seen_y) * (1 + self.down) / 2
        return max(left, 0.0), max(top, 0.0), min(left + seen_x, width), min(top + seen_y, height)


@dataclass(frozen=True)
class Move:
    """From one view to another, slow at both ends."""

    start: View
    end: View

    def at(self, time: float) -> View:
        """The view at a time from 0 to 1."""
        part = (1 - math.cos(math.pi * time)) / 2
        return View(
            # Enlarging by the same factor in the same time is what looks even.
            zoom=self.start.zoom * (self.end.zoom / self.start.zoom) ** part,
            across=_between(self.start.across, self.end.across, part),
            down=_between(self.start.down, self.end.down, part),
        )


def choose_move(seed: int, prompt: str, duration: int) -> Move:
    """The move for that seed and prompt: always the same one. A longer clip (seconds) moves farther, no faster."""
    # Bytes seed the generator the same in every process; JSON may hold halves of characters, hence the errors=.
    dice = random.Random(f"{seed} {prompt}".encode(errors="surrogatepass"))
    reach = 1.1 + 0.025 * duration
    across, down = dice.choice((-1, 1)) * dice.uniform(0.3, 0.9), dice.uniform(-0.6, 0.6)
    moves = (
        Move(View(1.0, across, down), View(reach, across, down)),
        Move(View(reach, across, down), View(1.0, across, down)),
        Move(View(reach, across, down), View(reach, -across, -down)),
        Move(View(1.04, across, down), View(reach, -across, -down)),
    )
    return dice.choice(moves)


def _between(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


#: A first frame is kept at most this many times as large as the video: enough for every zoom, and quick.
_ROOM = 1.6
_LARGE = 3000


@dataclass(frozen=True)
class Planes:
    """A picture as video has it: brightness, and two planes of colour with half its width and height."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image

    def cut(self, box: Box, width: int, height: int) -> Planes:
        """That part of the picture, as a frame of that size."""
        left, top, right, bottom = box
        halves = (left / 2, top / 2, right / 2, bottom / 2)
        half = (width // 2, height // 2)
        return Planes(
            self.luma.resize((width, height), Image.Resampling.BICUBIC, box),
            self.blue.resize(half, Image.Resampling.BILINEAR, halves),
            self.red.resize(half, Image.Resampling.BILINEAR, halves),
        )

    def array(self) -> np.ndarray:
        """The three planes one after the other, as yuv420p wants them."""
        width = self.luma.width
        planes = [np.asarray(plane).reshape(-1) for plane in (self.luma, self.blue, self.red)]
        return np.concatenate(planes).reshape(-1, width)


def upright(data: bytes) -> Image.Image:
    """The picture in RGB, turned as EXIF says; what is transparent becomes white. Raises `InvalidRequest`."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of very many pixels, and refuses twice as many.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                # A large JPEG is quickly decoded at a half or a quarter of its size, which is still more than enough.
                image.draft(None, (_LARGE, _LARGE))
                return _plain(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InvalidRequest("first frame is damaged and cannot be decoded", param="image") from None


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Sixteen bits a pixel: Pillow would cut off what is above 255.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def prepare(image: Image.Image, width: int, height: int) -> Planes:
    """The picture for a video of that size in pixels: cut to its exact aspect, and no larger than need be."""
    scale = min(image.width / width, image.height / height)
    # The two sides' ratios differ by a rounding, which must not put the cut outside the picture.
    cut_x, cut_y = max(0.0, (image.width - width * scale) / 2), max(0.0, (image.height - height * scale) / 2)
    box = (cut_x, cut_y, image.width - cut_x, image.height - cut_y)
    scale = min(scale, _ROOM)
    size = (2 * round(width * scale / 2), 2 * round(height * scale / 2))
    return _planes(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0))


def _planes(image: Image.Image) -> Planes:
    """RGB to BT.709 in its limited range, which is what players take HD video for."""
    rgb = np.asarray(image, dtype=np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    to_blue = 128 + (blue - luma) * (224 / 255 / 1.8556)
    to_red = 128 + (red - luma) * (224 / 255 / 1.5748)
    return Planes(
        _plane(16 + luma * (219 / 255)),
        _plane(to_blue).reduce(2),
        _plane(to_red).reduce(2),
    )


def _plane(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


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
        box = (self.left, self.top, self.left + self.shade.width, self.top + self.shade.height)
        frame.luma.paste(_BLACK, box, self.shade)
        frame.luma.paste(_WHITE, box, self.ink)
        half = (box[0] // 2, box[1] // 2, box[2] // 2, box[3] // 2)
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


FPS = 24
_ENCODER = {
    "preset": "veryfast",
    "crf": "22",
    # A key frame every two seconds: players seek to one, and browsers show one at once.
    "g": str(2 * FPS),
    "x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709",
}


class Interrupted(Exception):
    """The rendering was told to stop; no file was made."""


def render(
    first_frame: bytes, path: Path, *, resolution: str, duration: int, move: Move, stop: Callable[[], bool]
) -> tuple[int, int]:
    """Make the clip at ``path`` and return its width and height in pixels. It takes seconds; run it on a thread.

    ``duration`` is seconds. The file appears when it is whole. Raises `Interrupted` soon after ``stop()`` has become
    true, `InvalidRequest` when the first frame cannot be decoded, and OSError when the file cannot be written.
    """
    info = inspect(first_frame)
    width, height = output_size(info.width, info.height, resolution)
    picture = prepare(upright(first_frame), width, height)
    making = path.with_name(f".{path.name}-making")
    # What users' pictures become is theirs alone; a library writes into what is there.
    making.touch(mode=0o600)
    try:
        _encode(making, picture, width, height, frames=duration * FPS, move=move, stop=stop)
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)
    return width, height


def _encode(
    path: Path, picture: Planes, width: int, height: int, *, frames: int, move: Move, stop: Callable[[], bool]
) -> None:
    stamp = make_stamp(width, height)
    # The index at the front: a player shows the first picture before it has the rest.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            if stop():
                raise Interrupted
            view = move.at(number / (frames - 1))
            planes = picture.cut(view.box(*picture.luma.size), width, height)
            stamp.press(planes)
            frame = av.VideoFrame.from_ndarray(planes.array(), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
