"""Pictures that are objects of a notebook: bytes, figures, arrays, PIL images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images.pixels import check_brightness, check_floats, check_integers, encode, judged
from happyhorse_nb.models import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image


class NoImage(InvalidRequest):
    """An object that is no picture of any kind."""


def from_object(value: Any, limits: ImageLimits) -> tuple[str, bytes, str]:
    """What it is called, the bytes of its file, and what was done to its values in words, "" where nothing was.

    Raises `InvalidRequest`, `NoImage` for what is no picture.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes", bytes(value), ""
    if callable(getattr(value, "savefig", None)):
        out = io.BytesIO()
        value.savefig(out, format="png")
        return "figure", out.getvalue(), ""
    from PIL import Image

    note = ""
    if not isinstance(value, Image.Image) and hasattr(value, "__array_interface__"):
        value, note = _from_array(value)
    if not isinstance(value, Image.Image):
        raise NoImage(
            f"first frame is a {type(value).__name__}; give a path, URL, data URI, bytes, PIL image, NumPy array or "
            "matplotlib figure.",
            param="image",
        )
    picture, clipped = judged(value)
    data = encode(picture)
    # What is encoded here anyway need not be refused for its weight.
    return "image", data if len(data) <= limits.max_bytes else encode(picture, lossy=True), note or clipped


def _from_array(array: Any) -> tuple[Image, str]:
    """An array as an image of 8 bits, and what was done to its values in words."""
    from PIL import Image

    kind, shape = array.dtype.kind, array.shape
    what = f"first frame is an array of shape {shape} and type {array.dtype}"
    taken = "height x width (x 3 or 4) with integers from 0 to 255 or floats from 0 to 1"
    good_shape = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good_shape or kind not in "buif" or not array.size:
        raise InvalidRequest(f"{what}; give {taken}.", param="image")
    if getattr(array, "mask", None) is not None and array.mask.any():
        raise InvalidRequest(f"{what}, with values that are masked. Say what they are: .filled(0).", param="image")
    low, high, shown, note = float(array.min()), float(array.max()), array, ""
    if kind == "f":
        note = check_floats(low, high, what, taken)
        shown = (array.clip(0, 1) * 255).round()
    elif kind == "b":
        shown = array * 255
    else:
        check_integers(low, high, 255, what, taken)
    # Opacity is no brightness, and is in the same scale.
    for part in (slice(0, 3), slice(3, 4)) if shape[2:] == (4,) else (slice(None),):
        check_brightness(float(array[..., part].max()), float(shown[..., part].max()), what)
    if shape[2:] == (1,):
        shown = shown[:, :, 0]
    return Image.fromarray(shown.astype("uint8")), note
