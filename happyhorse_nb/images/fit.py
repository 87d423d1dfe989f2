"""Makes an image fit the limits, and says what was done; makes the small picture that cards and the ledger show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images.check import inspect, open_image, problem, weight
from happyhorse_nb.models import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

#: Large enough for a gallery's poster on a dense screen, small enough for a thousand of them in a ledger.
THUMBNAIL = (352, 352)


def fit_into(data: bytes, limits: ImageLimits) -> tuple[bytes, str]:
    """The image within the limits, and what was done to it in words; untouched and "" when it was within already.

    Raises `InvalidRequest` when it cannot be decoded.
    """
    info = inspect(data)
    if problem(info, limits) is None:
        return data, ""
    image = upright(data)
    done: list[str] = []
    width, height = image.size
    if max(width, height) > limits.max_aspect * min(width, height):
        image = _pad(image, limits.max_aspect)
        done.append(f"padded from {width} x {height} to {image.width} x {image.height}")
    if min(image.size) < limits.min_side:
        image = _scale(image, limits.min_side / min(image.size), at_least=limits.min_side)
        done.append(f"scaled up to {image.width} x {image.height}")
    fitted = encode(image)
    while len(fitted) > limits.max_bytes:
        image = _scale(image, 0.8, at_least=limits.min_side)
        fitted = encode(image, lossy=True)
    if info.size > limits.max_bytes:
        done.append(f"re-encoded from {weight(info.size)} to {weight(len(fitted))}, {image.width} x {image.height}")
    if info.format not in limits.formats:
        done.append(f"{info.format} turned into {inspect(fitted).format}")
    return fitted, ", ".join(done)


def encode(image: Image, *, lossy: bool = False) -> bytes:
    """An image as PNG, which loses nothing, or as a very good JPEG where asked."""
    out = io.BytesIO()
    if lossy:
        image.convert("RGB").save(out, "JPEG", quality=92)
    else:
        ready = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert(_plain_mode(image))
        ready.save(out, "PNG", compress_level=3)
    return out.getvalue()


def upright(data: bytes) -> Image:
    """The decoded image as its camera saw it."""
    from PIL import ImageOps

    try:
        with open_image(data) as image:
            turned = ImageOps.exif_transpose(image)
            return turned.convert(_plain_mode(turned))
    except (OSError, ValueError, SyntaxError):
        raise InvalidRequest("first frame is damaged and cannot be decoded. Save it again.", param="image") from None


def thumbnail(data: bytes) -> bytes | None:
    """A small upright JPEG of an image; None when it cannot be decoded."""
    from PIL import Image, ImageOps

    try:
        with open_image(data) as image:
            # Lets the JPEG decoder skip most of the work on a large photo.
            image.draft("RGB", (THUMBNAIL[0] * 2, THUMBNAIL[1] * 2))
            small = ImageOps.exif_transpose(image)
            small.thumbnail(THUMBNAIL)
            if "A" in small.getbands() or small.mode == "P":
                back = Image.new("RGBA", small.size, "white")
                small = Image.alpha_composite(back, small.convert("RGBA"))
            out = io.BytesIO()
            small.convert("RGB").save(out, "JPEG", quality=80)
    except (InvalidRequest, OSError, ValueError, SyntaxError):
        return None
    return out.getvalue()


def _plain_mode(image: Image) -> str:
    return "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"


def _pad(image: Image, max_aspect: float) -> Image:
    """Bars of the image's mean colour, so that the camera move does not end in black."""
    from math import ceil

    from PIL import Image, ImageOps, ImageStat

    width, height = image.size
    size = (max(width, ceil(height / max_aspect)), max(height, ceil(width / max_aspect)))
    mean = tuple(round(v) for v in ImageStat.Stat(image.convert("RGB")).mean)
    color = (*mean, 255) if image.mode == "RGBA" else mean
    return ImageOps.pad(image, size, method=Image.Resampling.LANCZOS, color=color)


def _scale(image: Image, factor: float, *, at_least: int) -> Image:
    from PIL import Image

    width, height = (max(at_least, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
