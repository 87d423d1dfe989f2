"""What a submit asks for, checked against the same tables as everything else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from happyhorse_nb import images
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import MODELS, ImageLimits, Model, check_params, fit_prompt
from happyhorse_nb.wire import WIRE_NAMES

_LINK = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_MAX_LINK = 8192


@dataclass(frozen=True)
class Wanted:
    """A checked submit: either the first frame's bytes, or the address it is to be fetched from."""

    prompt: str
    params: dict[str, Any]
    first_frame: bytes | None
    image_url: str | None


def playable() -> list[Model]:
    """The models that can be played here: those that start from one image."""
    return [model for model in MODELS.values() if any(param.kind == "image" for param in model.params)]


def image_limits(model: Model) -> ImageLimits:
    """What the model takes as a first frame."""
    return model.param("image").image or ImageLimits()


def read_request(model: Model, body: bytes) -> Wanted:
    """The submit in that body, with every default filled in but the seed's. Raises `InvalidRequest`.

    A prompt that is too long is cut off without a word, as the API does it.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("the body is not a JSON object")
    image = fields.pop(WIRE_NAMES["image"], None)
    prompt = _prompt(model, fields.pop("prompt", None))
    params = {param.name: param.default for param in model.options} | _params(model, fields)
    first_frame, image_url = _image(model, image)
    return Wanted(prompt, params, first_frame, image_url)


def _prompt(model: Model, value: object) -> str:
    param = model.param("prompt")
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("prompt is not a text", param="prompt")
    if param.required and not value:
        raise InvalidRequest("prompt is missing", param="prompt")
    return fit_prompt(value or "", param.maximum or 0)[0]


def _params(model: Model, fields: dict[str, Any]) -> dict[str, Any]:
    checked = check_params(model, fields)
    for name, value in checked.items():
        # A person may write 720p or "5"; on the wire only the exact form counts.
        if fields[name] != value or isinstance(fields[name], bool):
            raise InvalidRequest(f"{name} is not in the form that the API takes; send {json.dumps(value)}", param=name)
    return checked


def _image(model: Model, value: object) -> tuple[bytes | None, str | None]:
    name = WIRE_NAMES["image"]
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is missing; send an http(s) URL or a data URI", param="image")
    if value.startswith("data:image/"):
        data = images.decode_data_uri(value)
        images.check(images.inspect(data), image_limits(model))
        return data, None
    if _LINK.match(value) and len(value) <= _MAX_LINK:
        return None, value
    raise InvalidRequest(f"{name} is neither an http(s) URL nor a data URI of an image", param="image")
