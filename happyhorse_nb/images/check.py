"""What an image is, and whether it is within a model's limits."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

#: The EXIF tag that says how a camera was held; 5 to 8 are the upright ones, where width and height change places.
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Format as Pillow names it, width and height in pixels as seen upright, size in bytes."""

    format: str
    width: int
    height: int
    size: int

    def __str__(self) -> str:
        return f"{self.format}, {self.width} x {self.height}, {self.aspect}, {weight(self.size)}"

    @property
    def aspect(self) -> str:
        """The aspect ratio in small numbers, such as ``3:2``; the nearest ones where it is not quite that."""
        ratio = Fraction(self.width, self.height).limit_denominator(16)
        if not ratio:
            return f"1:{round(self.height / self.width)}"
        return f"{ratio.numerator}:{ratio.denominator}"


def inspect(data: bytes) -> ImageInfo:
    """Read what an image is from its bytes, without decoding its pixels. Raises `InvalidRequest` when it is none."""
    with open_image(data) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        # A camera's MPO file is a JPEG with a second picture behind it.
        name = "JPEG" if image.format == "MPO" else (image.format or "unknown")
    return ImageInfo(name, width, height, len(data))


def check(info: ImageInfo, limits: ImageLimits) -> None:
    """Raise `InvalidRequest` for the first limit that the image breaks: what, the limit, the remedy."""
    broken = problem(info, limits)
    if broken:
        raise InvalidRequest(f"first frame {broken}. Make it fit with --fit (fit=True).", param="image")


def problem(info: ImageInfo, limits: ImageLimits) -> str | None:
    """The first limit that the image breaks, in words; None when it meets them all."""
    if info.format not in limits.formats:
        return f"is {info.format}; the server takes {', '.join(limits.formats[:-1])} or {limits.formats[-1]}"
    if min(info.width, info.height) < limits.min_side:
        return f"is {info.width} x {info.height} pixels; each side must be at least {limits.min_side}"
    if max(info.width, info.height) > limits.max_aspect * min(info.width, info.height):
        most = f"1:{limits.max_aspect:g} to {limits.max_aspect:g}:1"
        return f"is {info.width} x {info.height}, an aspect of {info.aspect}; it must be within {most}"
    if info.size > limits.max_bytes:
        return f"weighs {weight(info.size)}; at most {weight(limits.max_bytes)} are taken"
    return None


def weight(size: int) -> str:
    """A number of bytes in words: ``80 kB``, ``4.1 MB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f} MB"


def open_image(data: bytes) -> Image:
    """Open an image lazily. Raises `InvalidRequest` when it cannot be read, or would fill the memory."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels and refuses from twice that; a warning is no help in a cell.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise InvalidRequest(
            "first frame has too many pixels to be opened safely. Scale it down.", param="image"
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise InvalidRequest(
            "first frame cannot be read as an image. Give a JPEG, PNG or WEBP file.", param="image"
        ) from None
