"""Opens, decodes and encodes images with Pillow, which is imported on first use."""

from __future__ import annotations

import io
import math
import struct
import warnings
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import FIRST_FRAME, Role

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

#: What is wrong, and what to do.
UNREADABLE = "cannot be read as an image", "Give a JPEG, PNG or WEBP file."
DAMAGED = "is damaged and cannot be decoded", "Save it again."
#: The EXIF tag of how a camera was held; with 5 to 8, width and height are swapped.
_ORIENTATION = 0x0112
#: How far floats may be beyond 0 to 1, as bicubic interpolation leaves them at edges.
_OVERSHOOT = 0.05
#: Formats with files inside a file, which Pillow opens out of our sight.
_NESTED = ("BLP", "ICNS", "ICO", "IPTC")


class Unfit(InvalidRequest):
    """An input that cannot be sent. ``words`` say why, following its name."""

    def __init__(
        self, words: str, remedy: str = "", *, limit: str = "", role: Role = FIRST_FRAME, fixable: bool = False
    ) -> None:
        what = f"{role.words} {words}"
        super().__init__(what, limit=limit, remedy=remedy, param=role.option, fixable=fixable)
        self.words = words

    def of(self, role: Role) -> Unfit:
        """The same error for an input of that role."""
        return Unfit(self.words, self.remedy, limit=self.limit, role=role, fixable=self.fixable)


@contextmanager
def decoding(wrong: tuple[str, str] = DAMAGED) -> Iterator[None]:
    """Work on an image from outside: any error of a decoder becomes an `InvalidRequest`."""
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow warns of odd EXIF data, and of many pixels before it refuses them; neither helps in a cell.
        warnings.simplefilter("ignore")
        try:
            yield
        except InvalidRequest:
            raise
        except (Image.DecompressionBombError, MemoryError):
            raise Unfit("has too many pixels to be opened safely", "Scale it down.") from None
        except Exception:  # noqa: BLE001 - decoders raise anything for damaged data: OSError, struct.error, KeyError
            raise Unfit(*wrong) from None


def open_image(data: bytes) -> Image:
    """Open an image lazily. Raises `InvalidRequest` when it cannot be read, or would fill the memory."""
    from PIL import Image

    with decoding(UNREADABLE):
        return Image.open(io.BytesIO(data))


def sideways(image: Image) -> bool:
    """Whether the camera was held so that width and height are swapped."""
    if image.format == "PNG" and "exif" not in image.info:
        # Here Pillow would decode the whole image, to look for EXIF data behind the pixels.
        return False
    try:
        with decoding():
            return image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except InvalidRequest:
        return False


def decoded(image: Image) -> Image:
    """The upright image with 8 bits a channel: RGB, or RGBA where it is transparent.

    Raises `InvalidRequest` when it is damaged.
    """
    with decoding():
        _load(image)
    return plain(_turned(image))


def judged(image: Image) -> tuple[Image, str]:
    """`decoded`, and what was done to its values in words, else "".

    Raises `InvalidRequest` where their scale is not known, or they would give a black picture.
    """
    with decoding():
        _load(image)
    what, high, note = f"is an image of mode {image.mode}", 0.0, ""
    if _deep(image):
        low, high = _range(image)
        if image.mode == "F":
            note = check_floats(low, high, what, "floats from 0 to 1")
        else:
            check_integers(low, high, 65535, what, "integers from 0 to 65535")
    picture = decoded(image)
    if _deep(image) or image.mode == "L":
        # Labels have one channel; a dark frame of a film has three.
        bands: Any = picture.getextrema()
        check_brightness(high, bands[0][1], what)
    return picture, note


def check_floats(low: float, high: float, what: str, taken: str) -> str:
    """What to say if floats of that range are clipped to 0 to 1, else "".

    Overshoots of interpolation are clipped. More means another scale, which is not guessed: raises `InvalidRequest`
    with ``what`` it is and what is ``taken``.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        words = f"{what}, with values that are no numbers or infinite"
        raise Unfit(words, "Replace those values.", limit=f"give {taken}")
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        remedy = "Divide by 255, or use .astype('uint8')" if low >= 0 and high <= 255 else "Scale them"
        raise Unfit(f"{what}, with values from {low:g} to {high:g}", f"{remedy}.", limit=f"give {taken}")
    return "" if low >= 0 and high <= 1 else "values a little outside 0 to 1 were clipped"


def check_integers(low: float, high: float, most: int, what: str, taken: str) -> None:
    """Raise `InvalidRequest` for integers beyond 0 to ``most``."""
    if low < 0 or high > most:
        raise Unfit(f"{what}, with values from {low:g} to {high:g}", "Scale or clip them.", limit=f"give {taken}")


def check_brightness(high: float, shown: float, what: str) -> None:
    """Raise `InvalidRequest` where values up to ``high`` become at most 1 of 255: labels, or another scale.

    Zeros alone are a black picture that is meant: a film may begin with one.
    """
    if shown == 1 or (shown == 0 and high > 0):
        words = f"{what}, with values up to {max(high, shown):g}, which would be a black picture"
        raise Unfit(words, "Scale them up, or give booleans for black and white.")


def plain(image: Image) -> Image:
    """The picture as RGB, or as RGBA where it is transparent."""
    if image.mode == ("RGBA" if image.has_transparency_data else "RGB"):
        return image
    with decoding((f"is an image of mode {image.mode}, which cannot be turned into RGB", "Convert it.")):
        image = _eight_bits(image)
        converted = image.convert("RGBA" if image.has_transparency_data else "RGB")
        # The colour profile was that of the former channels.
        converted.info.pop("icc_profile", None)
        return converted


def flat(image: Image) -> Image:
    """Without transparency: on white, as in a notebook."""
    from PIL import Image

    image = plain(image)
    if image.mode != "RGBA":
        return image
    back = Image.new("RGBA", image.size, "white")
    back.info = image.info
    return Image.alpha_composite(back, image).convert("RGB")


def encode(image: Image, *, lossy: bool = False) -> bytes:
    """An image as PNG, without loss, or as a very good JPEG."""
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
                # Avoids a copy.
                return image
            return ImageOps.exif_transpose(image)
    except InvalidRequest:
        # The pixels are good; the camera's EXIF data are not.
        return image


def _eight_bits(image: Image) -> Image:
    """Deep grey images in 8 bits, as viewers show them; in Pillow alone, all above 255 becomes white."""
    if not _deep(image):
        return image
    factor = 255.0 if image.mode == "F" else 1.0
    if image.mode.startswith("I;16") or (image.mode == "I" and _range(image)[1] > 255):
        factor = 1 / 257
    # Pillow cuts fractions off, so 0.5 is added to round; and it clips.
    return image.convert("F").point(lambda value: value * factor + 0.5).convert("L")


def _deep(image: Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _range(image: Image) -> tuple[float, float]:
    """The smallest and largest value of a deep image; NaN for both if any value is not finite."""
    # The sum tells that, the extremes do not.
    if image.mode == "F" and not math.isfinite(sum(array("f", image.tobytes()))):
        return math.nan, math.nan
    extremes: Any = image.convert("F").getextrema()
    low, high = extremes
    return low, high


def _load(image: Image) -> None:
    """Decode the pixels strictly, whatever `PIL.ImageFile.LOAD_TRUNCATED_IMAGES` allows in this process.

    Some library may have set it, and other threads may need it, so it is left alone: reading raises at the file's end,
    and so does each decoder that fails.
    """
    from PIL import Image, ImageFile

    if ImageFile.LOAD_TRUNCATED_IMAGES and image.format in _NESTED:
        told = "cannot be checked for missing data while PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set"
        raise Unfit(f"is {image.format}, which {told}", "Save it as PNG.")
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        # Its pixels are there already, or it decodes them itself, strictly.
        image.load()
        return
    tiles: Any = image.tile
    strict: Any = []
    codecs = vars(Image)["core"]
    for tile in tiles:
        name, *rest = tile
        decoder: Any = partial(_Strict, Image.DECODERS.get(name) or getattr(codecs, f"{name}_decoder"))
        Image.register_decoder(f"strict {name}", decoder)
        # A named tuple in newer versions of Pillow, a tuple in older ones.
        strict.append(getattr(type(tile), "_make", tuple)((f"strict {name}", *rest)))
    image.tile = strict
    image.load_read = partial(_read, image, getattr(image, "load_read", None))  # type: ignore[attr-defined]  # its hook
    try:
        image.load()
    except BaseException:
        image.tile = tiles
        raise
    finally:
        del image.load_read  # type: ignore[attr-defined]  # so the class's own counts again


def _read(image: ImageFile, own: Callable[[int], bytes] | None, size: int) -> bytes:
    """The next bytes of a picture that is being decoded. Raises `OSError` where there are none."""
    if own is None or image.format in ("JPEG", "MPO"):
        # JPEG's own makes up an end where there is none.
        assert image.fp is not None
        own = image.fp.read
    try:
        data = own(size)
    except (IndexError, struct.error):
        data = b""
    if not data:
        raise OSError("image file is truncated")
    return data


class _Strict:
    """A decoder of Pillow that raises when it fails, instead of leaving that to its caller."""

    def __init__(self, make: Callable[..., Any], *args: Any) -> None:
        self._decoder = make(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def decode(self, data: bytes) -> tuple[int, int]:
        used, error = self._decoder.decode(data)
        if error < 0:
            raise OSError(f"decoder error {error}")
        return used, error
