"""Pictures in YUV, and the camera moves over them."""

from __future__ import annotations

import io
import math
import random
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import FIRST_FRAME, Role

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


def dice_of(seed: int, prompt: str) -> random.Random:
    """The dice of a request, which always fall the same way for that seed and prompt."""
    # Bytes seed the generator the same way in every process. JSON may hold lone surrogates, hence the errors=.
    return random.Random(f"{seed} {prompt}".encode(errors="surrogatepass"))


def choose_move(dice: random.Random, duration: float) -> Move:
    """A move for a clip of that many seconds. A longer one moves farther, not faster."""
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


#: Brightness, and how blue and how red.
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Mask:
    """How opaque each pixel of a drawing is, for the planes of brightness and of colour. Its sides are even."""

    luma: Image.Image
    colour: Image.Image

    @classmethod
    def of(cls, image: Image.Image) -> Mask:
        """The mask of an image of mode L."""
        return cls(image, image.reduce(2))


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

    def scaled(self, width: int, height: int) -> Planes:
        """The whole picture at that size."""
        return self.cut((0, 0, *self.luma.size), width, height)

    def blend(self, other: Planes, part: float) -> Planes:
        """The picture as it fades into another one of its size: ``part`` of that, from 0 to 1."""
        pairs = ((self.luma, other.luma), (self.blue, other.blue), (self.red, other.red))
        return Planes(*(Image.blend(ours, theirs, part) for ours, theirs in pairs))

    def paint(self, colour: Colour, mask: Mask, left: int, top: int) -> None:
        """Draw in one colour where the mask says, which lies at that place (even numbers of pixels)."""
        self.luma.paste(colour[0], (left, top), mask.luma)
        for plane, value in zip((self.blue, self.red), colour[1:], strict=True):
            plane.paste(value, (left // 2, top // 2), mask.colour)

    def put(self, other: Planes, left: int, top: int) -> None:
        """Lay another picture on it at that place (even numbers of pixels)."""
        self.luma.paste(other.luma, (left, top))
        self.blue.paste(other.blue, (left // 2, top // 2))
        self.red.paste(other.red, (left // 2, top // 2))

    def array(self) -> np.ndarray:
        """The three planes one after the other, as yuv420p wants them."""
        planes = [np.asarray(plane).reshape(-1) for plane in (self.luma, self.blue, self.red)]
        return np.concatenate(planes).reshape(-1, self.luma.width)


def upright(data: bytes, role: Role = FIRST_FRAME) -> Image.Image:
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
        raise InvalidRequest(f"{role.words} is damaged and cannot be decoded", param=role.option) from None


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Sixteen bits a pixel: Pillow would clip values above 255.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def colour_of(red: float, green: float, blue: float) -> Colour:
    """A colour of channels from 0 to 1."""
    one = planes_of(Image.new("RGB", (2, 2), tuple(round(255 * channel) for channel in (red, green, blue))))
    return tuple(int(np.asarray(plane)[0, 0]) for plane in (one.luma, one.blue, one.red))  # type: ignore[return-value]  # three


def prepare(image: Image.Image, width: int, height: int) -> Planes:
    """The picture cropped to the exact aspect of a video of that size (pixels), and scaled down where it is large."""
    scale = min(image.width / width, image.height / height)
    # The ratios of the two sides differ by a rounding; the crop must stay inside the picture.
    cut_x, cut_y = max(0.0, (image.width - width * scale) / 2), max(0.0, (image.height - height * scale) / 2)
    box = (cut_x, cut_y, image.width - cut_x, image.height - cut_y)
    scale = min(scale, _ROOM)
    size = (2 * round(width * scale / 2), 2 * round(height * scale / 2))
    return planes_of(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0))


def planes_of(image: Image.Image) -> Planes:
    """RGB to BT.709 in its limited range, which players assume for HD video. Its sides are even."""
    rgb = np.asarray(image, dtype=np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    to_blue = 128 + (blue - luma) * (224 / 255 / 1.8556)
    to_red = 128 + (red - luma) * (224 / 255 / 1.5748)
    return Planes(_plane(16 + luma * (219 / 255)), _plane(to_blue).reduce(2), _plane(to_red).reduce(2))


def _plane(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
