"""Checks a picture against a model's limits, and makes it fit."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs.pixels import DAMAGED, Unfit, decoded, decoding, encode, flat, judged, open_image, sideways
from happyhorse_nb.models import Fit, ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

#: A JPEG marker (ISO 10918-1, B.1.1), except those within a scan: stuffed bytes, restarts, fill bytes.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOI, _EOI, _APP2 = b"\xff\xd8", 0xD9, 0xE2
#: The last chunk of every PNG.
_IEND = b"\0\0\0\0IEND\xaeB`\x82"


@dataclass(frozen=True)
class ImageInfo:
    """Format as Pillow names it, upright width and height in pixels, size in bytes."""

    format: str
    width: int
    height: int
    size: int

    def __str__(self) -> str:
        return f"{self.format}, {self.width} x {self.height}, {self.aspect}, {weight(self.size)}"

    @property
    def aspect(self) -> str:
        """The aspect ratio in small numbers, such as ``3:2``, if need be the nearest one."""
        ratio = Fraction(self.width, self.height).limit_denominator(16)
        if not ratio:
            return f"1:{round(self.height / self.width)}"
        return f"{ratio.numerator}:{ratio.denominator}"


def inspect(data: bytes) -> ImageInfo:
    """Read what an image is, without decoding its pixels. Raises `InvalidRequest` when it is none."""
    with open_image(data) as image:
        width, height = image.size
        if sideways(image):
            width, height = height, width
        # (A camera's MPO file is a JPEG with a second picture behind it.)
        name = "JPEG" if image.format == "MPO" else (image.format or "unknown")
    return ImageInfo(name, width, height, len(data))


def check(info: ImageInfo, limits: ImageLimits) -> None:
    """Raise `InvalidRequest` for the first limit that the image breaks."""
    broken = problem(info, limits)
    if broken:
        words, limit = broken
        remedy = "Make it fit with `--fit`."
        if limits.unlisted_bytes is not None and limits.max_bytes < info.size <= limits.unlisted_bytes:
            remedy += f" Alibaba's pages allow {weight(limits.unlisted_bytes)}: `--unlisted` sends it as it is."
        raise Unfit(words, remedy, limit=limit, fixable=True)


def problem(info: ImageInfo, limits: ImageLimits) -> tuple[str, str] | None:
    """What is wrong with the image, and the limit that it breaks, the first one; None when it meets them all."""
    if info.format not in limits.formats:
        return f"is {info.format}", f"the server takes {', '.join(limits.formats[:-1])} or {limits.formats[-1]}"
    if min(info.width, info.height) < limits.min_side:
        return f"is {info.width} x {info.height} pixels", f"each side must be at least {limits.min_side}"
    if max(info.width, info.height) > limits.max_aspect * min(info.width, info.height):
        most = f"1:{limits.max_aspect:g} to {limits.max_aspect:g}:1"
        return f"is {info.width} x {info.height}, an aspect of {info.aspect}", f"it must be within {most}"
    if info.size > limits.max_bytes:
        size, most = weight(info.size), weight(limits.max_bytes)
        return f"has {size if size != most else f'{info.size:,} bytes'}", f"the limit is {most}"
    return None


def weight(size: int) -> str:
    """A number of bytes in words: ``80 kB``, ``4.1 MB``; with 1 kB = 1024 bytes, as in the limits."""
    if size < 1000 * 1024:
        return f"{max(1, round(size / 1024))} kB"
    return f"{size / 1024**2:.1f} MB".replace(".0 ", " ")


def first_picture(data: bytes) -> tuple[bytes, str]:
    """The first picture of a JPEG that holds more, not encoded anew, and what was done in words; else the data.

    Phones put a second picture behind it (its depth, its brightness), or a film, and list them in an MPF segment (CIPA
    DC-007). Servers refuse a file with two pictures and go by that list, so it is removed too. Padding stays.
    """
    pieces, end = _pieces(data)
    if not end or (len(pieces) == 1 and not data[end:].strip(b"\0\xff\r\n ")):
        return data, ""
    made = b"".join(pieces)
    return made, f"only its first picture is sent, {weight(len(made))} of {weight(len(data))}"


def check_end(data: bytes) -> None:
    """Raise `InvalidRequest` for a JPEG or PNG without its end, even if its pixels can be decoded.

    Decoders take the zeros that an interrupted download leaves for a grey half; servers may not.
    """
    if data.startswith(_SOI):
        ends = bool(_pieces(data)[1])
    else:
        ends = _IEND in data or not data.startswith(b"\x89PNG")
    if not ends:
        raise Unfit(*DAMAGED)


def _pieces(data: bytes) -> tuple[list[bytes], int]:
    """The parts of a JPEG's first picture without lists of others, and where it ends (0 for never)."""
    pieces: list[bytes] = []
    start, at = 0, 2
    while data.startswith(_SOI) and (found := _MARKER.search(data, at)):
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI:
            return [*pieces, data[start:at]], at
        # A segment begins with its length, these two bytes included; a thumbnail in it is skipped with it.
        length = int.from_bytes(data[at : at + 2])
        if length < 2:
            break
        if marker == _APP2 and data.startswith(b"MPF\0", at + 2):
            pieces.append(data[start : found.start()])
            start = at + length
        at += length
    return [], 0


#: For a gallery's poster on a dense screen; small enough for a thousand in a ledger.
THUMBNAIL = (352, 352)


def fit_into(data: bytes, limits: ImageLimits, how: Fit = True) -> tuple[bytes, str]:
    """The image within the limits, and what was done to it in words; the data and "" if it was within them.

    Raises `InvalidRequest` when it cannot be decoded, and for an unknown ``how``.
    """
    if how not in (True, "pad", "crop"):
        raise InvalidRequest(f"fit={how!r} cannot be used", remedy='Give True, "pad" or "crop".', param="fit")
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
            # So the JPEG decoder skips most of the work on a large photo.
            image.draft("RGB", (box[0] * 2, box[1] * 2))
            small = decoded(image)
            small.thumbnail(box)
            out = io.BytesIO()
            flat(small).save(out, "JPEG", quality=80)
    except InvalidRequest:
        return None
    return out.getvalue()


def _pad(image: Image, max_aspect: float) -> Image:
    """Add bars of the image's mean colour, so that the video does not end in black."""
    from PIL import Image, ImageOps, ImageStat

    width, height = image.size
    size = (max(width, ceil(height / max_aspect)), max(height, ceil(width / max_aspect)))
    mean = tuple(round(v) for v in ImageStat.Stat(image.convert("RGB")).mean)
    color = (*mean, 255) if image.mode == "RGBA" else mean
    return ImageOps.pad(image, size, method=Image.Resampling.LANCZOS, color=color)


def _crop(image: Image, max_aspect: float) -> Image:
    """Its middle, in the longest shape allowed."""
    from PIL import Image, ImageOps

    width, height = image.size
    size = (min(width, int(height * max_aspect)), min(height, int(width * max_aspect)))
    return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS)


def _scale(image: Image, factor: float) -> Image:
    from PIL import Image

    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
