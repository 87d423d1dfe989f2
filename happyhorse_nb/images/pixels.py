"""Opening, decoding and encoding with Pillow, which is imported on first use."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import InvalidRequest

if TYPE_CHECKING:
    from PIL.Image import Image

UNREADABLE = "first frame cannot be read as an image. Give a JPEG, PNG or WEBP file."
DAMAGED = "first frame is damaged and cannot be decoded. Save it again."
#: The EXIF tag that says how a camera was held; 5 to 8 are the upright ones, where width and height change places.
_ORIENTATION = 0x0112


@contextmanager
def decoding(words: str = DAMAGED) -> Iterator[None]:
    """Work on an image from outside: whatever a decoder says to damaged data becomes an `InvalidRequest`."""
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow warns of odd EXIF data, and of many pixels before it refuses them; a warning is no help in a cell.
        warnings.simplefilter("ignore")
        try:
            yield
        except InvalidRequest:
            raise
        except (Image.DecompressionBombError, MemoryError):
            words = "first frame has too many pixels to be opened safely. Scale it down."
            raise InvalidRequest(words, param="image") from None
        except Exception:  # noqa: BLE001 - besides OSError they raise whatever they stumble over: struct.error, KeyError
            raise InvalidRequest(words, param="image") from None


def open_image(data: bytes) -> Image:
    """Open an image lazily. Raises `InvalidRequest` when it cannot be read, or would fill the memory."""
    from PIL import Image

    with decoding(UNREADABLE):
        return Image.open(io.BytesIO(data))


def lies(image: Image) -> bool:
    """Whether the camera was held so that width and height change places."""
    if image.format == "PNG" and "exif" not in image.info:
        # Pillow would decode all of it, to look behind the pixels too.
        return False
    try:
        with decoding():
            return image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except InvalidRequest:
        return False


def decoded(image: Image) -> Image:
    """The image as its camera saw it, in 8 bits a channel: RGB, or RGBA where something shines through.

    Raises `InvalidRequest` when it is damaged.
    """
    with decoding():
        image.load()
    return plain(_turned(image))


def plain(image: Image) -> Image:
    """The same picture as RGB, or as RGBA where something shines through."""
    if image.mode == ("RGBA" if image.has_transparency_data else "RGB"):
        return image
    with decoding(f"first frame is an image of mode {image.mode}, which cannot be turned into RGB. Convert it."):
        image = _eight_bits(image)
        converted = image.convert("RGBA" if image.has_transparency_data else "RGB")
        # The colour profile was that of the channels it had.
        converted.info.pop("icc_profile", None)
        return converted


def flat(image: Image) -> Image:
    """Without transparency: on white, as a notebook shows it."""
    from PIL import Image

    image = plain(image)
    if image.mode != "RGBA":
        return image
    back = Image.new("RGBA", image.size, "white")
    back.info = image.info
    return Image.alpha_composite(back, image).convert("RGB")


def encode(image: Image, *, lossy: bool = False) -> bytes:
    """An image as PNG, which loses nothing, or as a very good JPEG where asked."""
    out = io.BytesIO()
    profile = image.info.get("icc_profile")
    if lossy:
        flat(image).save(out, "JPEG", quality=92, icc_profile=profile)
    else:
        image.save(out, "PNG", compress_level=3, icc_profile=profile)
    return out.getvalue()


def _turned(image: Image) -> Image:
    from PIL import ImageOps

    try:
        with decoding():
            if image.getexif().get(_ORIENTATION, 1) == 1:
                # What need not be turned need not be there twice.
                return image
            return ImageOps.exif_transpose(image)
    except InvalidRequest:
        # The pixels are good, what the camera wrote beside them is not.
        return image


def _eight_bits(image: Image) -> Image:
    """Deep grey images in 8 bits, the way viewers show them; Pillow alone makes all above 255 white."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    deep = image.convert("F")
    extremes: Any = deep.getextrema()
    low, high = extremes
    if image.mode == "F" and low >= 0 and high <= 1:
        deep = deep.point(lambda value: value * 255)
    elif image.mode.startswith("I;16") or high > 255:
        deep = deep.point(lambda value: value * (1 / 257))
    return deep.convert("L")
