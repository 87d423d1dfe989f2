"""The API's answers: the shapes of its JSON, and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from happyhorse_nb.wire import task_path

if TYPE_CHECKING:
    from happyhorse_nb.models import Model
    from happyhorse_nb.sandbox.task import Task

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
    """A request that is answered with an error. ``detail`` is one sentence of plain text."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """``{"code": status, "message": "Category: detail"}`` with that HTTP status."""
    category = _CATEGORIES.get(status, "Internal error")
    return web.json_response({"code": status, "message": f"{category}: {detail}"}, status=status, headers=headers)


def success(data: Mapping[str, Any]) -> web.Response:
    """The envelope that all answers but the list of models come in."""
    return web.json_response({"code": 0, "message": "success", "data": data})


def accepted(task: Task, origin: str) -> web.Response:
    """The answer to a submit."""
    return success(
        {
            "status": "pending",
            "task_id": task.id,
            "model_id": task.model,
            "get_result": {"method": "GET", "url": origin + task_path(task.id)},
        }
    )


def state(task: Task, origin: str, *, now: float, keep: float) -> web.Response:
    """The answer to a read of a task at that time."""
    status = task.status(now)
    data: dict[str, Any] = {"status": status, "task_id": task.id, "model_id": task.model}
    if status in ("success", "failed") and task.finished is not None:
        data["duration"] = round((task.finished - task.created) * 1000)
    if status == "failed":
        data["error"] = {"message": task.error}
    if status == "success" and task.finished is not None:
        video = {"type": "video", "width": task.width, "height": task.height, "format": "mp4"}
        data["result"] = {"resources": [{"url": origin + file_path(task), **video}]}
        data["billing"] = {"status": "succeeded", "amount": f"{task.amount():.4f}"}
        data["result_expires_at"] = round((task.finished + keep) * 1000)
    return success(data)


def file_path(task: Task) -> str:
    """The path of a task's video. The token in it stands for a signature, so no key is asked for there."""
    return f"/files/{task.token}/{task.id}.mp4"


def models(known: list[Model]) -> web.Response:
    """The list of models, which the API sends without the envelope."""
    return web.json_response(
        {
            "models": [
                {
                    "slug": model.slug,
                    "provider": model.provider,
                    "type": "image-to-video",
                    "description": f"{model.id}, played by the sandbox: a camera move over the first frame",
                }
                for model in known
            ]
        }
    )
