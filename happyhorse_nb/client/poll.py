"""The poll loop: reads a task until it has ended, for `Client.wait` and for every job."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from happyhorse_nb import polling
from happyhorse_nb.errors import (
    BadRequest,
    ConnectionLost,
    HappyHorseError,
    JobFailed,
    NotFound,
    RateLimited,
    ServerError,
    TransportError,
)
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.polling import Hold, Timing

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """What the poll loop needs from a job, or from a client alone."""

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds before the next read."""

    async def turn(self, urgency: Callable[[], float]) -> None:
        """Wait until one more read may leave; ``urgency`` tells how many seconds of waiting it saves."""

    async def read(self, *, hold: bool) -> Snapshot | None:
        """Read the task. None where a held read was cut short, and a plain one is to follow."""

    def heard(self, snapshot: Snapshot) -> None:
        """The server has answered."""

    def troubled(self, problem: HappyHorseError, wait: float, tries: int) -> None:
        """A read failed, the ``tries``-th in a row; the server is not to be asked for ``wait`` seconds."""


@dataclass(eq=False, repr=False)
class Poll:
    """Decides for one task when it is read next, whether that read is held open, and what a failed one means.

    ``status`` is what is known of the task; None: read it at once. ``price`` is what a request is worth now (seconds of
    waiting). ``max_gap`` is the longest gap between two reads; with it no read is held open. A 404 is believed when it
    has been repeated for ``missing_patience`` seconds; at once for an id that was ``typed`` and never answered for.
    ``shared``: a rate limiter keeps to what the server says, so only the first part of a long wait is waited here.
    """

    timing: Timing
    hold: Hold
    status: Status | None = None
    price: Callable[[], float] = lambda: polling.PATIENCE
    max_gap: float | None = None
    max_backoff: float = 30.0
    missing_patience: float = polling.MISSING
    typed: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        #: Failed reads in a row, and seconds for which the server is not to be asked.
        self._tries, self._wait = 0, 0.0
        #: Since when the server has said that it does not know the task.
        self._missing_since: float | None = None
        #: Whether a long wait was cut short for one read; and whether the next read is not to be held, as after an
        #: error one request is enough.
        self._tried = self._plain = False
        #: Whether a read is held open now, and whether the next one may follow at once.
        self.held = self._at_once = False

    @property
    def wait(self) -> float:
        """Seconds until the next read."""
        # A task that may be gone or whose state is not known is read as soon as possible.
        if self._at_once or self._missing_since is not None or self.status is None:
            return self._wait
        return max(self._wait, self.timing.gap(self.price(), self.max_gap))

    def urgency(self) -> float:
        """The seconds of waiting that the next read saves."""
        return self.timing.urgency(held=self._at_once)

    async def read(self, reader: Reader) -> Snapshot:
        """Read once; a plain read follows a held one that fails for being held. Raises what ``reader`` raises."""
        self._at_once = False
        if self._plain or not self.hold.asks or self.max_gap is not None:
            return await _plain(reader)
        began = time.monotonic()
        self.held = True
        try:
            snapshot, failed = await _held(self.hold, reader)
        finally:
            self.held = False
        if snapshot is not None:
            self._at_once = self.hold.answered(time.monotonic() - began, news=snapshot.status != self.status)
            return snapshot
        await reader.turn(lambda: math.inf)
        snapshot = await _plain(reader)
        if failed:
            self.hold.failed()
        return snapshot

    def answered(self, snapshot: Snapshot) -> None:
        """Note what the server has said."""
        self.status = snapshot.status
        self._plain, self._tries, self._wait, self._tried, self.typed = False, 0, 0.0, False, False
        self._missing_since = None
        self.timing.heard(snapshot.status)

    def gone(self, problem: HappyHorseError) -> bool:
        """Whether this answer ends the reading: a 404 that is believed, see above."""
        if not isinstance(problem, NotFound):
            return False
        now = self.timing.clock()
        if self._missing_since is None:
            self._missing_since = now
            return self.typed
        return self.typed or now - self._missing_since >= self.missing_patience

    def failed(self, problem: HappyHorseError) -> tuple[float, int]:
        """Note a failed read; seconds for which the server is not to be asked, and how many failed in a row."""
        self._tries += 1
        wait = polling.backoff(self._tries, longest=self.max_backoff)
        if isinstance(problem, RateLimited):
            logger.debug("task %s: 429, wait %s s", problem.task_id, problem.retry_after)
            wait = problem.retry_after or wait
            # One read is tried after a minute of a long wait; if it is refused too, the wait is waited as told.
            self._tried = self.shared or (wait > polling.TRIED_AFTER and not self._tried)
            self._wait = min(wait, polling.TRIED_AFTER) if self._tried else wait
        else:
            logger.debug("read failed: %s", type(problem).__name__)
            self._plain = True
            self._wait = wait
        return wait, self._tries


async def until_ended(reader: Reader, poll: Poll) -> Snapshot:
    """Read the task until it has failed or its video is there; returns the last snapshot.

    Raises the errors that end reading: 400, 401, 402, 403, a repeated 404, and what ``reader`` raises.
    """
    while True:
        await reader.pause(poll.wait)
        await reader.turn(poll.urgency)
        try:
            snapshot = await poll.read(reader)
        except (NotFound, RateLimited, ServerError, TransportError) as problem:
            if poll.gone(problem):
                raise
            reader.troubled(problem, *poll.failed(problem))
            continue
        logger.debug("task %s: %s", snapshot.task_id, snapshot.status)
        poll.answered(snapshot)
        reader.heard(snapshot)
        # Compared by value, here and everywhere: after a user's importlib.reload there are two `Status` classes.
        if snapshot.status in (Status.FAILED, Status.DOWNLOADING):
            return snapshot


#: `Client.read`.
Read = Callable[..., Awaitable[Snapshot]]


async def wait_for(
    read: Read, hold: Hold, task_id: str, *, typical: float, on_change: Callable[[Snapshot], None] | None
) -> Snapshot:
    """`Client.wait` without its time-out: ``typical`` is how many seconds tasks of that server usually take.

    Raises `JobFailed`, and what `until_ended` raises.
    """
    # The clock that asyncio's pauses use.
    timing = Timing(polling.forecast([], typical=typical), asyncio.get_running_loop().time)
    timing.begin()
    snapshot = await until_ended(_Alone(read, task_id, on_change), Poll(timing, hold))
    if snapshot.status == Status.FAILED:
        raise JobFailed(snapshot.message or "the task failed", snapshot=snapshot)
    return snapshot


class _Alone:
    """Reads one task with a client alone: no rate limiter, no ledger."""

    def __init__(self, read: Read, task_id: str, on_change: Callable[[Snapshot], None] | None) -> None:
        self._read, self._task_id, self._on_change = read, task_id, on_change
        self._status: Status | None = None

    async def pause(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def turn(self, urgency: Callable[[], float]) -> None:
        """Reads may leave at any time."""

    async def read(self, *, hold: bool) -> Snapshot:
        return await (self._read(self._task_id, hold=True) if hold else self._read(self._task_id))

    def heard(self, snapshot: Snapshot) -> None:
        changed, self._status = snapshot.status != self._status, snapshot.status
        if changed and self._on_change is not None:
            self._on_change(snapshot)

    def troubled(self, problem: HappyHorseError, wait: float, tries: int) -> None:
        """Nothing is shown or shared."""


async def _plain(reader: Reader) -> Snapshot:
    snapshot = await reader.read(hold=False)
    assert snapshot is not None, "only a held read is cut short"
    return snapshot


async def _held(hold: Hold, reader: Reader) -> tuple[Snapshot | None, bool]:
    """What a held read gives; None where a plain one has to follow, with whether the held one failed.

    Raises what the read raises where a plain one would, too.
    """
    crowded = False
    hold.open += 1
    try:
        return await reader.read(hold=True), False
    except (BadRequest, NotFound, ServerError, ConnectionLost):
        return None, True
    except RateLimited:
        # Alone it is like any other read. Beside other held reads it may be one too many.
        if hold.open <= 1:
            raise
        crowded = True
    finally:
        hold.open -= 1
        if crowded:
            hold.crowded()
    return None, False
