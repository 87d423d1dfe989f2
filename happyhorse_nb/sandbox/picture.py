"""The first frame, prepared once so that every frame of the clip is quickly cut from it."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.sandbox.camera import Box

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
