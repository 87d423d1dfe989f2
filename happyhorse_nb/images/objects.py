"""Pictures that are objects of a notebook: bytes, figures, arrays, PIL images."""

from __future__ import annotations

import io
from typing import Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images.pixels import decoded, encode
from happyhorse_nb.models import ImageLimits


class NoImage(InvalidRequest):
    """An object that is no picture of any kind."""


def from_object(value: Any, limits: ImageLimits) -> tuple[str, bytes]:
    """What it is called, and the bytes of its file. Raises `InvalidRequest`, `NoImage` for what is no picture."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes", bytes(value)
    if callable(getattr(value, "savefig", None)):
        out = io.BytesIO()
        value.savefig(out, format="png")
        return "figure", out.getvalue()
    from PIL import Image

    if not isinstance(value, Image.Image) and hasattr(value, "__array_interface__"):
        value = _from_array(value)
    if not isinstance(value, Image.Image):
        raise NoImage(
            f"first frame is a {type(value).__name__}; give a path, URL, data URI, bytes, PIL image, NumPy array or "
            "matplotlib figure.",
            param="image",
        )
    value = decoded(value)
    data = encode(value)
    # What is encoded here anyway need not be refused for its weight.
    return "image", data if len(data) <= limits.max_bytes else encode(value, lossy=True)


def _from_array(array: Any) -> Any:
    from PIL import Image

    kind, shape = array.dtype.kind, array.shape
    if kind == "f" and array.size and float(array.min()) >= 0.0 and float(array.max()) <= 1.0:
        array, kind = (array * 255).round(), "u"
    good_shape = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good_shape or kind not in "buif" or not array.size or not (array.min() >= 0 and array.max() <= 255):
        raise InvalidRequest(
            f"first frame is an array of shape {shape} and type {array.dtype}; give height x width (x 3 or 4) with "
            "integers from 0 to 255 or floats from 0 to 1.",
            param="image",
        )
    if kind == "b":
        array = array * 255
    if len(shape) == 3 and shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(array.astype("uint8"))
