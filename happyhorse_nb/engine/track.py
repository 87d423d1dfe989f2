"""What every step of a job's way shares: the job's state, published and written down, and pauses that a stop ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.client.threads import aside
from happyhorse_nb.engine.writer import Scribe
from happyhorse_nb.errors import LedgerError, RateLimited, lasting
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.limits.account import Office
from happyhorse_nb.limits.scheduler import Urgency
from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Ledger


class Arrival:
    """What has come of a video so far. ``total`` is its bytes in all, None where the server does not say."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.have = 0
        self.total: int | None = None
        self._clock = clock
        self._began = clock()
        self._first: int | None = None

    def count(self, have: int, total: int | None) -> None:
        """So many bytes are there."""
        if self._first is None or have < self._first:
            # The first ones, or it was begun anew: from here on the pace is measured.
            self._first, self._began = have, self._clock()
        self.have, self.total = have, total

    def progress(self, elapsed: float) -> Progress:
        """How far it is, and how long it still takes at this pace; ``elapsed`` is the task's age in seconds."""
        if not self.total or self._first is None:
            return Progress(elapsed=elapsed)
        came, seconds = self.have - self._first, self._clock() - self._began
        left = (self.total - self.have) * seconds / came if came > 0 and seconds > 0 else None
        return Progress(fraction=min(1.0, self.have / self.total), elapsed=elapsed, left=left, size=self.total)


T = TypeVar("T")
#: Seconds that the server asks to wait, of which nothing need be said.
_SHORT = 5.0


@lasting
class Stopped(Exception):
    """The user asked to watch no longer."""


@lasting
class Elsewhere(Exception):
    """Another kernel has taken the job up."""


@lasting
class Unwritten(Exception):
    """The ledger could not take this snapshot down."""

    def __init__(self, snapshot: Snapshot, problem: LedgerError) -> None:
        super().__init__(str(problem))
        self.snapshot = snapshot
        self.problem = problem


class Track:
    """One job on its way, on the owned loop."""

    def __init__(
        self,
        job: Job,
        office: Office,
        *,
        settings: Settings,
        ledger: Ledger,
        scribe: Scribe,
        owner: str,
    ) -> None:
        self.job = job
        self.office = office
        self.client = office.client
        self.settings = settings
        #: The video, while it comes.
        self.arrival: Arrival | None = None
        #: Whether it is being written down that the request leaves; then it does.
        self.claiming = False
        self._ledger = ledger
        self._scribe = scribe
        self._owner = owner
        self._stopped = False
        #: Whether it waits until one more request may leave.
        self._in_line = False
        self._missing = polling.Missing()
        #: Whether the server has answered for the task here.
        self._known = False
        #: What a stop cuts short, and whether it has; and the pause that a wake ends.
        self._cut: Callable[[], object] | None = None
        self._cutting = False
        self._nap: asyncio.Future[None] | None = None
        #: Whether a read is held open for it now.
        self.held = False

    @property
    def now(self) -> Snapshot:
        """What is known of the job."""
        return self.job.snapshot

    # What comes from outside

    def stop(self) -> None:
        """Watch no longer, at the next moment at which that is safe."""
        self._stopped = True
        self.wake()
        if self._cut is not None and not self._cutting:
            self._cutting = True
            self._cut()

    def wake(self) -> None:
        """End the pause that it is in, if any."""
        if self._nap is not None and not self._nap.done():
            self._nap.set_result(None)

    # Waiting

    def check(self) -> None:
        """Raises `Stopped` when the user has asked to stop."""
        if self._stopped:
            raise Stopped

    async def turn(self, urgency: Urgency | None = None) -> None:
        """Wait until one more request may leave: a submit, or a read of which is said how urgent it is.

        Raises `Stopped`.
        """
        self._in_line = True
        try:
            self.say_wait()
            await self.unless_stopped(self.office.pace.take(urgency))
        finally:
            self._in_line = False
        self.check()

    def say_wait(self) -> None:
        """Say until when the server wants no request, where that is long and keeps back one of this job's."""
        if self._in_line and (words := self.told_to_wait()) not in ("", self.now.message):
            self.quietly(replace(self.now, message=words))

    def told_to_wait(self) -> str:
        """Until when the server wants no request, in words; empty where it does, or soon."""
        seconds = self.office.pace.allowance.paused
        return outcome.asked_to_wait(seconds) if seconds > _SHORT else ""

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until woken. Raises `Stopped`."""
        self.check()
        # One timer and one future: of these pauses there are as many as tasks.
        loop = asyncio.get_running_loop()
        self._nap = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._nap
        finally:
            timer.cancel()
            self._nap = None
        self.check()

    async def until_stopped(self, task: asyncio.Task[Any]) -> bool:
        """Wait for a task that a stop does not cancel; whether it is done, and no stop came first."""
        stopped = asyncio.get_running_loop().create_future()
        self._cut, self._cutting = lambda: stopped.set_result(None), False
        try:
            if not self._stopped:
                await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._cut = None
        return task.done()

    async def until_woken(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do the work, unless woken first; then it is cancelled, and there is no result. Raises `Stopped`."""
        self._nap = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._nap), return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return task.result() if task.done() else None
        finally:
            self._nap = None
            task.cancel()
            # Of one that failed at the instant of a stop too, or asyncio tells of an error that nobody looked at.
            await asyncio.gather(task, return_exceptions=True)

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, unless the user asks to stop first; then it is cancelled and `Stopped` raised."""
        if self._stopped:
            work.close()
            raise Stopped
        try:
            task = asyncio.current_task()
            assert task is not None, "this is a coroutine"
            self._cut, self._cutting = task.cancel, False
            try:
                return await work
            except asyncio.CancelledError:
                # As asyncio.timeout does: a cancellation from elsewhere is not ours to end.
                if not self._cutting or task.uncancel() > 0:
                    raise
                raise Stopped from None
        finally:
            self._cut = None
            # Of one that never began, for want of a name while %autoreload runs this module anew, Python would warn.
            work.close()

    def backoff(self, tries: int, *, first: float = 1.0) -> float:
        """Seconds before the next try, after so many that failed."""
        return polling.backoff(tries, longest=self.settings.max_backoff, first=first)

    def told(self, limited: RateLimited, tries: int, *, first: float = 1.0) -> float:
        """Seconds to wait as the server says; where it is silent, or says not at all, as our own backoff does."""
        return limited.retry_after or self.backoff(tries, first=first)

    # Whether there is a task

    @property
    def in_doubt(self) -> bool:
        """Whether the server has last said that it does not know the task."""
        return self._missing.in_doubt

    def known(self) -> None:
        """The server has just said what the task does."""
        self._known = True
        self._missing.known()

    def gone(self) -> bool:
        """The server has just said that it does not know the task; whether that is believed.

        Only once it has been repeated for a while; at once of a task that is known by nothing but an id that somebody
        has just typed.
        """
        typed = self.job.record.typed and not self._known
        return typed or self._missing.gone(time.monotonic(), self.settings.missing_patience)

    # Publishing

    async def publish(self, snapshot: Snapshot) -> None:
        """Into the ledger first, then to the listeners. Raises `Unwritten`."""
        try:
            await self._scribe.write(snapshot)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        self.job.publish(snapshot)

    async def claim(self, snapshot: Snapshot) -> bool:
        """Publish that the request leaves now. False when the job is not ours to send any more: it has ended here.

        Raises `Unwritten`, and `Elsewhere` when another kernel is about to send it, or has.
        """
        self.claiming = True
        try:
            if await self._scribe.claim(snapshot, self._owner):
                self.job.publish(snapshot)
                return True
            record = self._ledger.get(snapshot.id)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        finally:
            self.claiming = False
        if record is None:
            self.job.publish(ended(outcome.lost(self.now)))
        elif record.snapshot.status.ended:
            self.job.publish(record.snapshot)
        else:
            raise Elsewhere
        return False

    def give_up(self, snapshot: Snapshot) -> None:
        """Publish an end that cannot be written down now; it is, as soon as that is possible."""
        snapshot = ended(snapshot)
        self._ledger.update_later(snapshot)
        self.job.publish(snapshot)

    async def share(self) -> None:
        """Say so where the server has given an earlier request the same task: both show it, and one of them counts it.

        Asked when it is written down, for two may be given it at once.
        """
        with suppress(LedgerError):
            if (first := self._ledger.sharer(self.job.id)) is not None:
                self.job.remark(
                    f"the server gave this request the task of job {first.snapshot.id}; what it costs is counted once"
                )
                await self.publish(replace(self.now, shared=True))

    async def correct(self, snapshot: Snapshot) -> None:
        """Publish the end that a job has really come to, unless somebody has gone on with it meanwhile."""
        snapshot, was = ended(snapshot), replace(self.job.record, snapshot=self.now, owner=self._owner)
        try:
            if await aside(lambda: self._ledger.settle(snapshot, was=was)):
                self.job.publish(snapshot)
        except LedgerError:
            self.give_up(snapshot)

    def change(self, snapshot: Snapshot) -> None:
        """Publish what the server says of the task, if it is anything new; most looks find what was known.

        What a task that is written down does next need not be on disk at once: whoever takes it up asks the server.
        """
        if snapshot != self.now:
            self._ledger.update_later(snapshot)
            self.job.publish(snapshot)

    def quietly(self, snapshot: Snapshot, *, tick: bool = False) -> None:
        """A change that is nothing to remember: a place in the queue, a link."""
        self.job.publish(snapshot, tick=tick)

    async def end(self, snapshot: Snapshot) -> None:
        """Publish an end. Raises `Unwritten`."""
        await self.publish(ended(snapshot))


def ended(snapshot: Snapshot) -> Snapshot:
    """With what an end has: its time, and a progress that moves no more."""
    now = time.time()
    full = 1.0 if snapshot.status == Status.DONE else snapshot.progress.fraction
    elapsed = max(0.0, now - (snapshot.submitted or snapshot.created))
    return replace(snapshot, ended=now, place=None, progress=Progress(fraction=full, elapsed=elapsed, left=None))
