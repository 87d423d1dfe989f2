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
    """A part of the picture with the same aspect. ``zoom`` is at least 1; ``across`` and ``down`` say where the part
    lies, from -1 (left or top edge) to 1, so no view leaves the picture."""

    zoom: float
    across: float = 0.0
    down: float = 0.0

    def box(self, width: int, height: int) -> Box:
        """Left, top, right and bottom in a picture of that size, in fractions of pixels: whole ones would stutter."""
        seen_x, seen_y = width / self.zoom, height / self.zoom
        left, top = (width - seen_x) * (1 + self.across) / 2, (height - seen_y) * (1 + self.down) / 2
        return max(left, 0.0), max(top, 0.0), min(left + seen_x, width), min(top + seen_y, height)


@dataclass(frozen=True)
class Move:
    """A camera move from one view to another, slow at both ends."""

    start: View
    end: View

    def at(self, time: float) -> View:
        """The view at a time from 0 to 1."""
        start, end, part = self.start, self.end, (1 - math.cos(math.pi * time)) / 2
        return View(
            # A zoom looks even when it grows by the same factor in the same time.
            zoom=start.zoom * (end.zoom / start.zoom) ** part,
            across=start.across + (end.across - start.across) * part,
            down=start.down + (end.down - start.down) * part,
        )


def choose_move(seed: int, prompt: str, duration: int) -> Move:
    """The move for that seed and prompt, always the same one. A longer clip (seconds) moves farther, not faster."""
    # Bytes seed the generator the same way in every process. JSON may hold lone surrogates, hence the errors=.
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


#: The first frame is scaled to at most this many times the video's size: enough for every zoom, and quick.
_ROOM = 1.6
_LARGE = 3000


@dataclass(frozen=True)
class Planes:
    """A picture in YUV 4:2:0: brightness, and two planes of colour with half the width and height. Scaling these takes
    half as long as scaling RGB and converting each frame."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image

    def cut(self, box: Box, width: int, height: int) -> Planes:
        """That part of the picture, scaled to that size."""
        left, top, right, bottom = box
        halves = (left / 2, top / 2, right / 2, bottom / 2)
        blue, red = (
            plane.resize((width // 2, height // 2), Image.Resampling.BILINEAR, halves)
            for plane in (self.blue, self.red)
        )
        return Planes(self.luma.resize((width, height), Image.Resampling.BICUBIC, box), blue, red)

    def array(self) -> np.ndarray:
        """The three planes one after the other, as yuv420p wants them."""
        planes = [np.asarray(plane).reshape(-1) for plane in (self.luma, self.blue, self.red)]
        return np.concatenate(planes).reshape(-1, self.luma.width)


def upright(data: bytes) -> Image.Image:
    """The picture in RGB, turned as EXIF says, transparent pixels white. Raises `InvalidRequest`."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of very many pixels, and refuses twice as many.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                # Decodes a large JPEG at a half or a quarter of its size, which is quick and large enough.
                image.draft(None, (_LARGE, _LARGE))
                return _plain(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InvalidRequest("first frame is damaged and cannot be decoded", param="image") from None


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Sixteen bits a pixel: Pillow would clip values above 255.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def prepare(image: Image.Image, width: int, height: int) -> Planes:
    """The picture cropped to the exact aspect of a video of that size (pixels), and scaled down where it is large."""
    scale = min(image.width / width, image.height / height)
    # The ratios of the two sides differ by a rounding; the crop must stay inside the picture.
    cut_x, cut_y = max(0.0, (image.width - width * scale) / 2), max(0.0, (image.height - height * scale) / 2)
    box = (cut_x, cut_y, image.width - cut_x, image.height - cut_y)
    scale = min(scale, _ROOM)
    size = (2 * round(width * scale / 2), 2 * round(height * scale / 2))
    return _planes(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0))


def _planes(image: Image.Image) -> Planes:
    """RGB to BT.709 in its limited range, which players assume for HD video."""
    rgb = np.asarray(image, dtype=np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    to_blue = 128 + (blue - luma) * (224 / 255 / 1.8556)
    to_red = 128 + (red - luma) * (224 / 255 / 1.5748)
    return Planes(_plane(16 + luma * (219 / 255)), _plane(to_blue).reduce(2), _plane(to_red).reduce(2))


def _plane(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


_WORD = "SANDBOX"
_WHITE, _BLACK, _GREY = 235, 16, 128
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
        self._shade, self._ink = bar.reduce(4), word.point(lambda value: value * _INK)
        self._colour = ImageChops.lighter(self._shade, self._ink).reduce(2)
        right, top = width - _even(1.1 * unit), _even(1.1 * unit)
        self._box = (right - wide, top, right, top + high)

    def press(self, frame: Planes) -> None:
        """Draw the word into a frame."""
        frame.luma.paste(_BLACK, self._box, self._shade)
        frame.luma.paste(_WHITE, self._box, self._ink)
        left, top, right, bottom = self._box
        for plane in (frame.blue, frame.red):
            plane.paste(_GREY, (left // 2, top // 2, right // 2, bottom // 2), self._colour)


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
    """The rendering was stopped; no file was made."""


def render(
    first_frame: bytes, path: Path, *, resolution: str, duration: int, move: Move, stop: Callable[[], bool]
) -> tuple[int, int]:
    """Make the clip at ``path`` and return its width and height in pixels. It takes seconds: run it on a thread.

    ``duration`` is seconds. The file appears when it is complete. Raises `Interrupted` soon after ``stop()`` is true,
    `InvalidRequest` when the first frame cannot be decoded, and OSError when the file cannot be written.
    """
    info = inspect(first_frame)
    width, height = output_size(info.width, info.height, resolution)
    picture = prepare(upright(first_frame), width, height)
    making = path.with_name(f".{path.name}-making")
    # Made private first, since the library keeps the mode of a file that exists.
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
    stamp = Stamp(width, height)
    # With the index at the front a player shows the first picture before it has the rest.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            if stop():
                raise Interrupted
            planes = picture.cut(move.at(number / (frames - 1)).box(*picture.luma.size), width, height)
            stamp.press(planes)
            frame = av.VideoFrame.from_ndarray(planes.array(), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
