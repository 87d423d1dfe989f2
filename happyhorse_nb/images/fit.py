"""Makes an image fit the limits, and says what was done; makes the small picture that cards and the ledger show."""

from __future__ import annotations

import io
from math import ceil
from typing import TYPE_CHECKING

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images.check import inspect, problem, weight
from happyhorse_nb.images.pixels import decoded, decoding, encode, flat, judged, open_image
from happyhorse_nb.models import Fit, ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

#: Large enough for a gallery's poster on a dense screen, small enough for a thousand of them in a ledger.
THUMBNAIL = (352, 352)


def fit_into(data: bytes, limits: ImageLimits, how: Fit = True) -> tuple[bytes, str]:
    """The image within the limits, and what was done to it in words; untouched and "" when it was within already.

    Raises `InvalidRequest` when it cannot be decoded, and for a ``how`` that there is not.
    """
    if how not in (True, "pad", "crop"):
        raise InvalidRequest(f'fit={how!r} cannot be used. Give True, "pad" or "crop".', param="fit")
    info = inspect(data)
    if problem(info, limits) is None:
        return data, ""
    with open_image(data) as opened:
        image, clipped = judged(opened)
    done = [clipped] if clipped else []
    width, height = image.size
    if max(width, height) > limits.max_aspect * min(width, height):
        image = (_crop if how == "crop" else _pad)(image, limits.max_aspect)
        what = "cropped" if how == "crop" else "padded"
        done.append(f"{what} from {width} x {height} to {image.width} x {image.height}")
    if min(image.size) < limits.min_side:
        image = _scale(image, limits.min_side / min(image.size))
        done.append(f"scaled up to {image.width} x {image.height}")
    fitted, size = encode(image), image.size
    if len(fitted) > limits.max_bytes:
        fitted = encode(image, lossy=True)
    while len(fitted) > limits.max_bytes:
        image = _scale(image, 0.8)
        fitted = encode(image, lossy=True)
    if image.size != size:
        done.append(f"scaled down to {image.width} x {image.height}")
    made = inspect(fitted).format
    if info.size > limits.max_bytes or info.format not in limits.formats:
        turned = "" if made == info.format else f"turned from {info.format} into {made}, "
        done.append(f"{turned}{weight(len(fitted))} instead of {weight(info.size)}")
    return fitted, ", ".join(done)


def thumbnail(data: bytes, box: tuple[int, int] = THUMBNAIL) -> bytes | None:
    """A small upright JPEG of an image, within a box of pixels; None when it cannot be decoded to its end."""
    try:
        with open_image(data) as image, decoding():
            # Lets the JPEG decoder skip most of the work on a large photo.
            image.draft("RGB", (box[0] * 2, box[1] * 2))
            small = decoded(image)
            small.thumbnail(box)
            out = io.BytesIO()
            flat(small).save(out, "JPEG", quality=80)
    except InvalidRequest:
        return None
    return out.getvalue()


def _pad(image: Image, max_aspect: float) -> Image:
    """Bars of the image's mean colour, so that the camera move does not end in black."""
    from PIL import Image, ImageOps, ImageStat

    width, height = image.size
    size = (max(width, ceil(height / max_aspect)), max(height, ceil(width / max_aspect)))
    mean = tuple(round(v) for v in ImageStat.Stat(image.convert("RGB")).mean)
    color = (*mean, 255) if image.mode == "RGBA" else mean
    return ImageOps.pad(image, size, method=Image.Resampling.LANCZOS, color=color)


def _crop(image: Image, max_aspect: float) -> Image:
    """The middle of it, of the longest shape that is taken."""
    from PIL import Image, ImageOps

    width, height = image.size
    size = (min(width, int(height * max_aspect)), min(height, int(width * max_aspect)))
    return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS)


def _scale(image: Image, factor: float) -> Image:
    from PIL import Image

    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
