"""What an image is, and whether it is within a model's limits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images.pixels import lies, open_image
from happyhorse_nb.models import ImageLimits


@dataclass(frozen=True)
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
        if lies(image):
            width, height = height, width
        # A camera's MPO file is a JPEG with a second picture behind it.
        name = "JPEG" if image.format == "MPO" else (image.format or "unknown")
    return ImageInfo(name, width, height, len(data))


def check(info: ImageInfo, limits: ImageLimits) -> None:
    """Raise `InvalidRequest` for the first limit that the image breaks: what, the limit, the remedy."""
    broken = problem(info, limits)
    if broken:
        raise InvalidRequest(f"first frame {broken}. Make it fit with --fit (fit=True).", param="image", fixable=True)


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
        size, most = weight(info.size), weight(limits.max_bytes)
        return f"weighs {size if size != most else f'{info.size:,} bytes'}; at most {most} are taken"
    return None


def weight(size: int) -> str:
    """A number of bytes in words: ``80 kB``, ``4.1 MB``; of 1024, as the limits are counted."""
    if size < 1000 * 1024:
        return f"{max(1, round(size / 1024))} kB"
    return f"{size / 1024**2:.1f} MB".replace(".0 ", " ")
