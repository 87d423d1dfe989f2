"""Translates between parameters and the API's JSON. Pure: no network, no file, no clock but the one passed in.

What the server sends is checked for its type and bounded in length; what does not fit is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from happyhorse_nb.errors import (
    APIError,
    AuthenticationError,
    BadRequest,
    ConnectionLost,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerError,
)
from happyhorse_nb.models import MODELS, Cost, Model, Snapshot, Status

#: Ids are used in addresses, file names and commands, so only plain characters pass.
_TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_MAX_TEXT = 500
#: Seconds longer than any limit, and shorter than since 1970; and seconds of a limit that is for a minute.
_YEARS, _MINUTES = 1e8, 90.0

_WORDS = {
    "pending": Status.PENDING,
    "queued": Status.PENDING,
    "processing": Status.PROCESSING,
    "success": Status.DONE,
    "succeeded": Status.DONE,
    "completed": Status.DONE,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "canceled": Status.FAILED,
    "cancelled": Status.FAILED,
    "expired": Status.FAILED,
}
_DOCUMENTED = frozenset({"pending", "processing", "success", "failed"})

_ERRORS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    402: InsufficientBalance,
    404: NotFound,
    # The documents count these as trouble of the server: what became of the request is not known.
    **dict.fromkeys((408, 409, 425), ServerError),
    429: RateLimited,
}


def submit_path(model: Model, *, suffix: bool = True) -> str:
    """The path to post a task of this model to; newer servers also take it without the ``/async`` suffix."""
    return f"/api/v1/{model.provider}/{model.id}" + ("/async" if suffix else "")


def task_path(task_id: str, *, hold: bool = False) -> str:
    """The path to read a task from; with ``hold`` the server answers when there is news. Raises `InvalidRequest`."""
    if not is_task_id(task_id):
        raise InvalidRequest(
            f"not a task id: {repr(task_id)[:60]}",
            limit="it has up to 200 letters, digits and . _ : -",
            remedy="Use the task_id that submit returned.",
            param="task_id",
        )
    return f"/api/v1/tasks/{task_id}{'?wait=true' if hold else ''}"


#: The path to post a picture to.
UPLOADS = "/api/v1/media/files"


def upload_path(file_id: str) -> str:
    """The path of a picture that was uploaded. Raises `InvalidRequest`."""
    if not is_task_id(file_id):
        raise InvalidRequest(
            f"not the id of an upload: {repr(file_id)[:60]}",
            limit="it has up to 200 letters, digits and . _ : -",
            remedy="Use the file_id that upload returned.",
            param="file_id",
        )
    return f"{UPLOADS}/{file_id}"


def is_task_id(text: object) -> bool:
    """Whether it has the form of a task id."""
    return isinstance(text, str) and _TASK_ID.fullmatch(text) is not None


def to_body(
    model: Model, inputs: Sequence[tuple[str, str]], prompt: str | None, params: Mapping[str, Any]
) -> tuple[bytes, ...]:
    """The JSON body of a paid request, cut after each input's text, where the base64 of its bytes may be inserted.

    ``inputs`` are roles and texts (an address, or the start of a data URI), in the order of the model's table. Values
    of None are left out.
    """
    pieces = ["{"]
    for role in model.inputs:
        texts = [text for name, text in inputs if name == role.name]
        if not texts:
            continue
        several = role.maximum > 1
        pieces[-1] += f"{json.dumps(role.wire)}: {'[' if several else ''}"
        for number, text in enumerate(texts):
            pieces[-1] += (", " if number else "") + json.dumps(text)[:-1]
            pieces.append('"')
        pieces[-1] += "], " if several else ", "
    names = {param.name: param.sent_as for param in model.params}
    given = {"prompt": prompt, **params}
    rest = json.dumps({names.get(name, name): value for name, value in given.items() if value is not None})[1:]
    if rest == "}":
        pieces[-1] = pieces[-1].removesuffix(", ")
    pieces[-1] += rest
    return tuple(piece.encode() for piece in pieces)


def parse(answer: object, *, asked: str | None = None) -> Snapshot:
    """What a 200 says about a task: status, id, result, bill.

    ``asked`` is the id that was asked for. Raises the `APIError` of a ``code`` other than 0, with ``status`` 200 and
    the id of the task it names; and `ConnectionLost` when the answer cannot be read or is about another task.
    """
    body = _mapping(answer)
    check_code(body, asked or named_task(body))
    data = _mapping(body.get("data"))
    task_id = named_task(body)
    if task_id is None or "status" not in data:
        raise ConnectionLost("the server's answer cannot be read: it names no task")
    if asked is not None and task_id != asked:
        raise ConnectionLost("the server answered about another task")
    word = text(data.get("status"))
    status = _WORDS.get(word.casefold(), Status.PROCESSING)
    video = _video(data)
    if status == Status.DONE:
        # Done on the server; here, only when the file is on disk.
        status = Status.DOWNLOADING
    bill = dollars(_mapping(data.get("billing")).get("amount"))
    milliseconds = _number(data.get("duration"))
    expires = _number(data.get("result_expires_at"))
    return Snapshot(
        status=status,
        model=_model(data),
        created=_created(data),
        task_id=task_id,
        said="" if word.casefold() in _DOCUMENTED else word,
        message=_reason(data) if status == Status.FAILED else "",
        took=_seconds(milliseconds) if status != Status.PENDING else None,
        cost=Cost(bill, billed=True) if bill is not None and bill >= 0 else None,
        expires_at=expires / 1000 if expires else None,
        width=_pixels(video.get("width")),
        height=_pixels(video.get("height")),
        video_url=_link(video.get("url")),
    )


def parse_upload(answer: object) -> tuple[str, str, float | None]:
    """What a 200 says of a picture that was uploaded: its id, its address, and when it expires (Unix seconds), if told.

    Raises the `APIError` of a ``code`` other than 0, and `ConnectionLost` when the answer cannot be read.
    """
    body = _mapping(answer)
    check_code(body)
    data = _mapping(body.get("data"))
    file_id, link = data.get("file_id"), _link(data.get("url"))
    if not isinstance(file_id, str) or not is_task_id(file_id) or link is None:
        raise ConnectionLost("the server's answer cannot be read: it names no picture")
    return file_id, link, _instant_of(data, ("expires_at", "expire_at", "expires")) or None


def check_code(body: Mapping[str, Any], task_id: str | None = None) -> None:
    """Raise the `APIError` of a ``code`` other than 0 in a 200."""
    if body.get("code") in (0, "0", None):
        return
    code = _code(body.get("code"))
    # A code that is no HTTP status is a refusal in the server's own numbers.
    kind = _kind(code) if code is not None and 400 <= code < 600 else BadRequest
    raise kind(text(body.get("message")) or "the server gives no reason", status=200, code=code, task_id=task_id)


def named_task(answer: object) -> str | None:
    """The id of the task that an answer names, whatever else it says."""
    task_id = _mapping(_mapping(answer).get("data")).get("task_id")
    return task_id if isinstance(task_id, str) and is_task_id(task_id) else None


def accepts(answer: object) -> bool:
    """Whether an answer to a submit says that there is a task: code 0, and the task's id."""
    return _mapping(answer).get("code") in (0, "0", None) and named_task(answer) is not None


def parse_error(
    status: int, body: object, headers: Mapping[str, str], *, now: float, task_id: str | None = None
) -> APIError:
    """The error of an answer with this HTTP status. ``now`` (Unix seconds) is for headers that name an instant."""
    answer = _mapping(body)
    message = text(answer.get("message")) or text(_mapping(answer.get("error")).get("message"))
    message = message or f"HTTP status {status}"
    code = _code(answer.get("code"))
    if status == 429:
        return RateLimited(
            message, status=status, code=code, task_id=task_id, retry_after=retry_after(headers, now=now)
        )
    return _kind(status)(message, status=status, code=code, task_id=task_id)


def _kind(status: int) -> type[APIError]:
    # An undocumented client error is a refusal like the documented ones.
    return _ERRORS.get(status) or (BadRequest if 400 <= status < 500 else ServerError)


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait, at most 1 h: ``Retry-After`` (seconds or a date), else ``X-RateLimit-Reset`` (Unix seconds).

    An instant is compared with the answer's ``Date``, else with ``now`` (Unix seconds).
    """
    told = headers.get("Retry-After", "").strip()
    wait = _finite(told)
    now = _instant(headers.get("Date", "")) or now
    if wait is None and (until := _instant(told)) is not None:
        wait = until - now
    if wait is None:
        reset = _finite(headers.get("X-RateLimit-Reset", ""))
        wait = reset - now if reset is not None else None
    return min(max(wait, 0.0), 3600.0) if wait is not None else None


def limits(headers: Mapping[str, str], *, now: float) -> tuple[int | None, int | None, float | None]:
    """What the ``X-RateLimit-*`` headers say: requests a minute, how many are left, seconds until it begins anew.

    ``now`` (Unix seconds) is for answers without a ``Date``.
    """
    limit, left = (_finite(headers.get(f"X-RateLimit-{name}", "")) for name in ("Limit", "Remaining"))
    reset = _finite(headers.get("X-RateLimit-Reset", ""))
    # Unix seconds, as documented; some servers state the seconds left.
    if reset is not None and reset > _YEARS:
        # (Many answers have no reset, so the date is parsed only here.)
        reset -= _instant(headers.get("Date", "")) or now
    seconds = None if reset is None else max(0.0, reset)
    if seconds is not None and seconds > _MINUTES:
        # It is not a minute's.
        limit = None
    return (
        int(limit) if limit is not None and 1 <= limit < 1e9 else None,
        int(left) if left is not None and 0 <= left < 1e9 else None,
        seconds,
    )


def _instant(told: str) -> float | None:
    """The Unix seconds of an HTTP date."""
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        date = parsedate_to_datetime(told)
        # (A zone of -0000 means UTC, and is parsed as no zone.)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return None


def _finite(told: str) -> float | None:
    try:
        number = float(told)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def text(value: object) -> str:
    """Words from outside as one bounded line of plain text."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[: 4 * _MAX_TEXT]).split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def _model(data: Mapping[str, Any]) -> str:
    """The model of a task, if it is named by an id we know; the documents' ``model_id`` is not."""
    told = (text(data.get(name)).rpartition("/")[2] for name in ("model", "model_id", "model_slug"))
    return next((name for name in told if name in MODELS), "")


def _created(data: Mapping[str, Any]) -> float:
    """When a task was made, in Unix seconds; 0 if unknown."""
    return _instant_of(data, ("created_at", "create_time", "created"))


def _instant_of(data: Mapping[str, Any], names: Sequence[str]) -> float:
    """The first instant under one of these names, in Unix seconds; 0 if there is none."""
    for name in names:
        told = data.get(name)
        number = _finite(told) if isinstance(told, str) else _number(told)
        if number is None and isinstance(told, str):
            with suppress(ValueError, OverflowError):
                moment = datetime.fromisoformat(told[:40])
                # Without a zone it is not known which time it is.
                number = moment.timestamp() if moment.tzinfo else None
        # In seconds or milliseconds.
        seconds = (number or 0.0) / (1 if (number or 0.0) < 100 * _YEARS else 1000)
        if _YEARS < seconds < 100 * _YEARS:
            return seconds
    return 0.0


def _code(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _reason(data: Mapping[str, Any]) -> str:
    error = data.get("error")
    return (
        text(_mapping(error).get("message"))
        or text(error)
        or text(data.get("message"))
        or text(data.get("error_message"))
    )


def _video(data: Mapping[str, Any]) -> Mapping[str, Any]:
    resources = _mapping(data.get("result")).get("resources")
    for resource in resources if isinstance(resources, list) else []:
        found = _mapping(resource)
        if (text(found.get("type")) or "video").casefold().startswith("video") and _link(found.get("url")):
            return found
    return {}


def _link(value: object) -> str | None:
    if isinstance(value, str) and len(value) <= 8192 and re.match(r"https?://[^\s/]", value, re.IGNORECASE):
        return value
    return None


def _pixels(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 20_000 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < 1e15 else None


def _seconds(milliseconds: float | None) -> float | None:
    """How long a task took; None for an impossible time."""
    return milliseconds / 1000 if milliseconds is not None and 1 <= milliseconds <= 1000 * _YEARS else None


def dollars(value: object) -> Decimal | None:
    """An amount in USD; None for no amount or an absurd one, which might be printed with a billion digits."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        amount = Decimal(str(value)[:40])
    except InvalidOperation:
        return None
    if not amount.is_finite() or not -(10**9) < amount < 10**9 or int(amount.as_tuple().exponent) < -20:
        return None
    # (Removes the sign of -0.)
    return amount + 0
