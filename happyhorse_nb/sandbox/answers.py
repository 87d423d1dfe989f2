"""Builds the sandbox's answers, and counts its requests."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

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
    415: "Unsupported media type",
    416: "Range not satisfiable",
    422: "Invalid parameters",
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


#: What the sandbox makes of these inputs, by their roles.
_PLAYS = {
    (): "a moving picture that shows the words of the prompt",
    ("first_frame",): "a camera move over the first frame",
    ("reference",): "moves over the references, one after the other",
}


def models(known: Iterable[Model]) -> web.Response:
    """The list of models, which the API sends without the envelope."""
    return web.json_response({"models": [_model(model) for model in known]})


def _model(model: Model) -> dict[str, str]:
    plays = _PLAYS.get(tuple(role.name for role in model.inputs), "the video with another look")
    return {
        "slug": model.slug,
        "provider": model.provider,
        "type": model.kind.replace(" ", "-"),
        "description": f"{model.id}, {model.kind}: the sandbox makes {plays}",
    }
