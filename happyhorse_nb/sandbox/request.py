"""Reads the requests to the sandbox, by the tables of the models."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs.pixels import Unfit
from happyhorse_nb.models import ImageLimits, Model, Role, check_params, fit_prompt

_URL = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_MAX_URL = 8192
#: The vendor's CLI sends no larger body.
MAX_BODY = 64 * 1024 * 1024
_SMALL_BODY = 1024 * 1024


@dataclass(frozen=True)
class Wanted:
    """A checked submit. Each input is its bytes, or an address to fetch it from, under its file's name."""

    prompt: str
    params: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)


def largest_body(model: Model, *, unlisted: bool = False) -> int:
    """The bytes of a body up to which it is looked at: twice the largest pictures as base64, so that one slightly too
    large gets an answer that says so."""
    pictures = sum(limits_of(role, unlisted=unlisted).max_bytes * role.maximum for role in model.inputs if role.image)
    return min(2 * pictures * 4 // 3 + _SMALL_BODY, MAX_BODY)


def limits_of(role: Role, *, unlisted: bool = False) -> ImageLimits:
    """The limits of a picture of that role; with ``unlisted`` those that only Alibaba's pages have."""
    limits = role.image or ImageLimits()
    return replace(limits, max_bytes=limits.unlisted_bytes) if unlisted and limits.unlisted_bytes else limits


def role_of(model: Model, name: str) -> Role:
    """The role of the input in the file of that name."""
    return model.role(name.partition("-")[0])


def check_picture(data: bytes, role: Role, *, unlisted: bool = False) -> None:
    """Raise `InvalidRequest` for the first limit that the picture breaks."""
    try:
        images.check(images.inspect(data), limits_of(role, unlisted=unlisted))
    except Unfit as problem:
        raise problem.of(role) from None


def read_request(model: Model, body: bytes, *, unlisted: bool = False) -> Wanted:
    """The submit in that body, with all defaults filled in but the seed's; with ``unlisted`` what only Alibaba's pages
    have is taken too. Raises `InvalidRequest`.

    A prompt that is too long is cut off silently, as the API does.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("the body is not a JSON object")
    given = [(role, fields.pop(role.wire, None)) for role in model.inputs]
    prompt = _prompt(model, fields.pop("prompt", None))
    params = {param.name: param.default for param in model.options} | _params(model, fields, unlisted)
    wanted = Wanted(prompt, params)
    for role, value in given:
        for name, one in _named(role, value):
            data = _input(role, one, unlisted)
            if isinstance(data, bytes):
                wanted.files[name] = data
            else:
                wanted.addresses[name] = data
    return wanted


def _prompt(model: Model, value: object) -> str:
    param = model.param("prompt")
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("prompt is not a text", param="prompt")
    if param.required and not (value and value.strip()):
        raise InvalidRequest("prompt is missing", limit=f"{model.id} needs one", param="prompt")
    return fit_prompt(value or "", param.maximum or 0)[0]


def _params(model: Model, fields: dict[str, Any], unlisted: bool) -> dict[str, Any]:
    params = {param.sent_as: param for param in model.options}
    for name, value in fields.items():
        if name not in params:
            raise InvalidRequest(
                f"{name[:60]!r} is not a parameter of {model.id}", limit=f"it takes {', '.join(params)}"
            )
        if value in params[name].unlisted and not unlisted:
            choices = " or ".join(params[name].choices)
            raise InvalidRequest(
                f"{name} {value!r} is not offered by {model.id}", limit=f"it takes {choices}", param=name
            )
    sent = {params[name].name: value for name, value in fields.items()}
    checked = check_params(model, sent, unlisted=unlisted)
    for name, value in checked.items():
        # check_params also accepts 720p and "5", as people write them; the API takes the exact form only.
        if sent[name] != value or isinstance(sent[name], bool):
            limit = f"send {json.dumps(value)}"
            wire = model.param(name).sent_as
            raise InvalidRequest(f"{wire} is not in the form that the API takes", limit=limit, param=name)
    return checked


def _named(role: Role, value: object) -> list[tuple[str, object]]:
    """The inputs of that role as they were sent, with the names of their files."""
    if role.maximum == 1:
        return [(role.name, value)] if value is not None or role.minimum else []
    some = value if isinstance(value, list) else [] if value is None else None
    if some is None or not role.minimum <= len(some) <= role.maximum:
        what = "is no list" if some is None else f"has {len(some)} entries" if some else "is missing"
        limit = f"send {role.minimum} to {role.maximum} in a list"
        raise InvalidRequest(f"{role.wire} {what}", limit=limit, param=role.option)
    return [(f"{role.name}-{number}", one) for number, one in enumerate(some, 1)]


def _input(role: Role, value: object, unlisted: bool) -> bytes | str:
    # The page of references has http(s) alone; Alibaba, whose models these are, takes data URIs of all pictures.
    embedded = role.image is not None
    kinds = "an http(s) URL or a data URI" if embedded else "an http(s) URL"
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{role.wire} is missing", limit=f"send {kinds}", param=role.option)
    if embedded and value.startswith("data:image/"):
        try:
            data = images.decode_data_uri(value)
        except Unfit as problem:
            raise problem.of(role) from None
        check_picture(data, role, unlisted=unlisted)
        return data
    if _URL.match(value) and len(value) <= _MAX_URL:
        return value
    wrong = "neither an http(s) URL nor a data URI of an image" if embedded else "no http(s) URL"
    raise InvalidRequest(f"{role.wire} is {wrong}", param=role.option)
