"""Reads a task until it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.errors import (
    BadRequest,
    ConnectionLost,
    JobFailed,
    NotFound,
    RateLimited,
    ServerError,
    TransportError,
)
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.polling import Hold

T = TypeVar("T")


async def held(hold: Hold, read: Awaitable[T]) -> tuple[T | None, bool]:
    """What the read gives, None where the same one without the parameter has to follow; and whether it failed.

    Whether it failed for the parameter tells that other read. Raises what the read raises, where it would without it.
    """
    crowded = False
    hold.open += 1
    try:
        return await read, False
    except (BadRequest, NotFound, ServerError, ConnectionLost):
        return None, True
    except RateLimited:
        # Alone it is no more than any other read. Beside others that are held, it may be one too many of these.
        if hold.open <= 1:
            raise
        crowded = True
    finally:
        hold.open -= 1
        if crowded:
            hold.crowded()
    return None, False


#: Seconds between two reads at most while the server is in trouble.
_MAX_BACKOFF = 30.0


class Read(Protocol):
    """`Client.read`."""

    def __call__(self, task_id: str, *, hold: bool = False) -> Awaitable[Snapshot]:
        """What the server says of a task; with ``hold`` it may answer only when there is news."""


async def until_ended(
    read: Read,
    hold: polling.Hold,
    task_id: str,
    *,
    typical: float,
    on_change: Callable[[Snapshot], None] | None,
) -> Snapshot:
    """The snapshot with the link to the video. ``typical`` is how many seconds tasks of that server usually take.

    Raises `JobFailed`, and the errors that end reading: 400, 401, 402, and a 404 that is repeated for a minute.
    """
    estimate = polling.forecast([], typical=typical)
    # The loop's clock is the one that its pauses go by.
    clock = asyncio.get_running_loop().time
    start, status, troubled, tries, wait = clock(), None, False, 0, 0.0
    missing, tried = polling.Missing(), False
    while True:
        try:
            snapshot, at_once = await _look(read, hold, task_id, status, plain=troubled)
        except RateLimited as limited:
            tries += 1
            wait = limited.retry_after or polling.backoff(tries, longest=_MAX_BACKOFF)
            # Of a long wait once: what comes then is waited as told.
            tried = wait > polling.TRIED_AFTER and not tried
            wait = min(wait, polling.TRIED_AFTER) if tried else wait
        except (NotFound, ServerError, TransportError) as problem:
            if isinstance(problem, NotFound) and missing.gone(clock()):
                raise
            troubled = True
            tries += 1
            wait = polling.backoff(tries, longest=_MAX_BACKOFF)
        else:
            troubled, tries, wait, tried = False, 0, 0.0, False
            missing.known()
            if snapshot.status != status and on_change is not None:
                on_change(snapshot)
            status = snapshot.status
            if status == Status.FAILED:
                raise JobFailed(snapshot.message or "the task failed", snapshot=snapshot)
            if status == Status.DOWNLOADING:
                return snapshot
            if at_once:
                continue
        gap = polling.next_gap(estimate, polling.State(clock() - start), polling.PATIENCE)
        # What is in doubt is looked at as soon as may be.
        await asyncio.sleep(wait if missing.in_doubt else max(gap, wait))


async def _look(
    read: Read, hold: polling.Hold, task_id: str, known: Status | None, *, plain: bool
) -> tuple[Snapshot, bool]:
    """A read, held open by a server that does so unless ``plain``; and whether the next one may follow at once."""
    if plain or not hold.asks:
        return await read(task_id), False
    began = time.monotonic()
    snapshot, failed = await held(hold, read(task_id, hold=True))
    if snapshot is not None:
        return snapshot, hold.answered(time.monotonic() - began, news=snapshot.status != known)
    snapshot = await read(task_id)
    if failed:
        hold.failed()
    return snapshot, False
