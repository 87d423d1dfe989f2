"""What the server's answers mean: a snapshot, a field, or the error to raise."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from happyhorse_nb import wire
from happyhorse_nb.client.transport import Answer
from happyhorse_nb.errors import APIError, ConfigError, ConnectionLost, OutcomeUnknown, Redirected, ServerError
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import check_origin
from happyhorse_nb.settings.account import ORIGIN_VARIABLE, HiddenText

_UNKNOWN = "{problem} after the request had left. It may have been charged, so it is not sent again by itself."
_LOOK = (
    "Look at your account's task list: if the task is there, take it up by its id (resume); if not, send it again by "
    "hand (again)."
)


def good(answer: Answer, task_id: str | None = None) -> dict[str, Any]:
    """The JSON of a 2xx. Raises the `APIError` that any other status means, and `ConnectionLost` for no JSON."""
    if answer.sends_on:
        raise Redirected(
            f"it redirects to {answer.sends_on}",
            status=answer.status,
            task_id=task_id,
            origin=answer.sends_on,
            remedy=_remedy(answer.sends_on),
        )
    if not 200 <= answer.status < 300:
        raise wire.parse_error(answer.status, answer.body, answer.headers, now=time.time(), task_id=task_id)
    if not isinstance(answer.body, dict):
        raise ConnectionLost("the server's answer cannot be read")
    return answer.body


def not_taken(problem: APIError, named: str | None) -> bool:
    """Whether this answer to a submit says that nothing was accepted: a refusal, or "ask elsewhere" before any work.

    ``named`` is the task that it names, if any.

    307 and 308 say so by their definition: the same request is to be sent to another address. A 301 says it too: an
    address that answers so is given up for good, and one that had done the work would never be asked again. A 303 says
    that the work is done and its result lies elsewhere; many programs answer 302 and mean just that, and so do proxies
    that want a login. Of these two nothing is known.
    """
    if problem.status == 200:
        # The server itself has refused it, unless it names a task, whatever code it gives for that.
        return named is None
    if isinstance(problem, Redirected):
        return named is None and problem.status in (301, 307, 308)
    # A server in trouble says nothing of what became of it.
    return not isinstance(problem, ServerError)


def snapshot_of(body: dict[str, Any], *, asked: str | None = None) -> Snapshot:
    """The task of an answer, ``asked`` about or accepted. Raises what `wire.parse` raises."""
    found = wire.parse(body, asked=asked)
    # Verbose tracebacks print what the expressions of a line stand for, and so the link of a snapshot too.
    return replace(found, video_url=HiddenText(found.video_url)) if found.video_url else found


def field(data: dict[str, Any], name: str) -> Any:
    """What is under ``data``, None where nothing is."""
    inner = data.get("data")
    return inner.get(name) if isinstance(inner, dict) else None


def _remedy(sends_on: str) -> str:
    """What to do where a server sends on to that origin."""
    try:
        return f"If that is your server's new address, set {ORIGIN_VARIABLE}={check_origin(sends_on)}."
    except ConfigError:
        return f"The key is not sent there; check {ORIGIN_VARIABLE}."


def unknown_outcome(problem: Exception, task_id: str | None = None) -> OutcomeUnknown:
    """The error for a submit that has left and of which nothing certain came back, but perhaps the id of a task."""
    if isinstance(problem, APIError):
        what = f"The server answered {problem.code if problem.status == 200 else problem.status} ({problem.message})"
    else:
        what = str(problem)[:1].upper() + str(problem)[1:]
    message = _UNKNOWN.format(problem=what.rstrip("."))
    snapshot = Snapshot(status=Status.UNKNOWN, task_id=task_id, message=message, remedy=_LOOK)
    return OutcomeUnknown(f"{message} {_LOOK}", snapshot=snapshot)
