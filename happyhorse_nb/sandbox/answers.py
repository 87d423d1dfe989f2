"""Reads the requests to the sandbox, and builds its answers."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import MODELS, ImageLimits, Model, Role, check_params, fit_prompt
from happyhorse_nb.wire import task_path

if TYPE_CHECKING:
    from happyhorse_nb.models import Model
    from happyhorse_nb.sandbox.store import Task

_WINDOW = 60.0


class Throttle:
    """Counts the requests of the last minute; ``limit`` None is no limit."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Whether one more request at that time (Unix seconds) is allowed, and the headers of its answer."""
        if self._limit is None:
            return True, {}
        # Times in the future are from before the clock was set back.
        while self._times and not now - _WINDOW < self._times[0] <= now:
            self._times.popleft()
        allowed = len(self._times) < self._limit
        if allowed:
            self._times.append(now)
        free_again = self._times[0] + _WINDOW
        headers = limit_headers(self._limit, self._limit - len(self._times), free_again)
        if not allowed:
            headers["Retry-After"] = str(seconds_until(free_again, now))
        return allowed, headers


def limit_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    """The ``X-RateLimit-*`` headers; ``reset`` is Unix seconds."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(math.ceil(reset)),
    }


def seconds_until(then: float, now: float) -> int:
    """Whole seconds to wait, at least one."""
    return max(1, math.ceil(then - now))


_CATEGORIES = {
    400: "Invalid parameters",
    401: "Unauthorized",
    402: "Insufficient balance",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    413: "Request too large",
    416: "Range not satisfiable",
    429: "Too many requests",
}


class Refusal(Exception):
    """Answers the request with an error. ``detail`` is one sentence of plain text."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error in the API's format: ``{"code": status, "message": "Category: detail"}``."""
    category = _CATEGORIES.get(status, "Internal error")
    return web.json_response({"code": status, "message": f"{category}: {detail}"}, status=status, headers=headers)


def success(data: Mapping[str, Any]) -> web.Response:
    """The envelope of all answers but the list of models."""
    return web.json_response({"code": 0, "message": "success", "data": data})


def accepted(task: Task, origin: str) -> web.Response:
    """The answer to a submit."""
    result = {"method": "GET", "url": origin + task_path(task.id)}
    return success({"status": "pending", "task_id": task.id, "model_id": task.model, "get_result": result})


def state(task: Task, origin: str, *, now: float, keep: float) -> web.Response:
    """The answer to a read of a task."""
    status = task.status(now)
    data: dict[str, Any] = {"status": status, "task_id": task.id, "model_id": task.model}
    if status in ("success", "failed") and task.finished is not None:
        data["duration"] = round((task.finished - task.created) * 1000)
    if status == "failed":
        data["error"] = {"message": task.error}
    if status == "success" and task.finished is not None:
        video = {"type": "video", "width": task.width, "height": task.height, "format": "mp4"}
        # The token stands for a signature: this address needs no key.
        data["result"] = {"resources": [{"url": f"{origin}/files/{task.token}/{task.id}.mp4", **video}]}
        data["billing"] = {"status": "succeeded", "amount": f"{task.amount():.4f}"}
        data["result_expires_at"] = round((task.finished + keep) * 1000)
    return success(data)


def models(known: list[Model]) -> web.Response:
    """The list of models, which the API sends without the envelope."""
    words = "played by the sandbox: a camera move over the first frame"
    some = [
        {"slug": m.slug, "provider": m.provider, "type": "image-to-video", "description": f"{m.id}, {words}"}
        for m in known
    ]
    return web.json_response({"models": some})


_URL = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_MAX_URL = 8192


@dataclass(frozen=True)
class Wanted:
    """A checked submit. The first frame is its bytes, or an address to fetch it from."""

    prompt: str
    params: dict[str, Any]
    first_frame: bytes | None
    image_url: str | None


def playable() -> list[Model]:
    """The models that can be played here: those that start from a picture."""
    return [model for model in MODELS.values() if _picture(model) is not None]


def _picture(model: Model) -> Role | None:
    """The input with the picture that a film of that model starts from."""
    return next((role for role in model.inputs if role.image is not None and role.minimum > 0), None)


def image_limits(model: Model) -> ImageLimits:
    """The limits of the picture that a film of that model starts from."""
    role = _picture(model)
    return (role.image if role is not None else None) or ImageLimits()


def read_request(model: Model, body: bytes) -> Wanted:
    """The submit in that body, with all defaults filled in but the seed's. Raises `InvalidRequest`.

    A prompt that is too long is cut off silently, as the API does.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("the body is not a JSON object")
    inputs = {role.name: fields.pop(role.wire, None) for role in model.inputs}
    prompt = _prompt(model, fields.pop("prompt", None))
    params = {param.name: param.default for param in model.options} | _params(model, fields)
    read = {role.name: _inputs(role, inputs[role.name]) for role in model.inputs}
    picture = _picture(model)
    assert picture is not None, "only such models are played"
    return Wanted(prompt, params, *read[picture.name][0])


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
        # check_params also accepts 720p and "5", as people write them; the API takes the exact form only.
        if fields[name] != value or isinstance(fields[name], bool):
            limit = f"send {json.dumps(value)}"
            raise InvalidRequest(f"{name} is not in the form that the API takes", limit=limit, param=name)
    return checked


def _inputs(role: Role, value: object) -> list[tuple[bytes | None, str | None]]:
    """The inputs of that role, each its bytes or its address."""
    several = role.maximum > 1
    some = value if several and isinstance(value, list) else [] if value is None else [value]
    if several and not role.minimum <= len(some) <= role.maximum:
        limits = f"{role.minimum} to {role.maximum}"
        raise InvalidRequest(
            f"{role.wire} has {len(some)} entries", limit=f"send {limits} in a list", param=role.option
        )
    return [_input(role, one) for one in some or [None] * role.minimum]


def _input(role: Role, value: object) -> tuple[bytes | None, str | None]:
    embedded = role.image is not None and role.embedded
    kinds = "an http(s) URL or a data URI" if embedded else "an http(s) URL"
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{role.wire} is missing", limit=f"send {kinds}", param=role.option)
    if embedded and role.image is not None and value.startswith("data:image/"):
        data = images.decode_data_uri(value)
        images.check(images.inspect(data), role.image)
        return data, None
    if _URL.match(value) and len(value) <= _MAX_URL:
        return None, value
    wrong = "neither an http(s) URL nor a data URI of an image" if embedded else "no http(s) URL"
    raise InvalidRequest(f"{role.wire} is {wrong}", param=role.option)
