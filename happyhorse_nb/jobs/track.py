"""What every step of a job's way shares: the job's state, published and written down, and pauses that a stop ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from happyhorse_nb.client import Client
from happyhorse_nb.errors import LedgerError, RateLimited
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.arrival import Arrival
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.pace import Pace
from happyhorse_nb.ledger import Ledger
from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.settings.config import Settings

T = TypeVar("T")


class Stopped(Exception):
    """The user asked to watch no longer."""


class Unwritten(Exception):
    """The ledger could not take this snapshot down."""

    def __init__(self, snapshot: Snapshot, problem: LedgerError) -> None:
        super().__init__(str(problem))
        self.snapshot = snapshot
        self.problem = problem


class Track:
    """One job on its way, on the owned loop."""

    def __init__(self, job: Job, client: Client, *, pace: Pace, settings: Settings, ledger: Ledger, owner: str) -> None:
        self.job = job
        self.client = client
        self.settings = settings
        #: The video, while it comes.
        self.arrival: Arrival | None = None
        self._pace = pace
        self._ledger = ledger
        self._owner = owner
        self._stop = asyncio.Event()
        self._awake = asyncio.Event()

    @property
    def now(self) -> Snapshot:
        """What is known of the job."""
        return self.job.snapshot

    # What comes from outside

    def stop(self) -> None:
        """Watch no longer, at the next moment at which that is safe."""
        self._stop.set()

    def wake(self) -> None:
        """End the pause that it is in, if any."""
        self._awake.set()

    # Waiting

    def check(self) -> None:
        """Raises `Stopped` when the user has asked to stop."""
        if self._stop.is_set():
            raise Stopped

    async def turn(self) -> None:
        """Wait until one more request may leave. Raises `Stopped`."""
        await self.unless_stopped(self._pace.take())
        self.check()

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until woken. Raises `Stopped`."""
        await self.unless_stopped(self._nap(seconds))

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, unless the user asks to stop first; then it is cancelled and `Stopped` raised."""
        doing = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise Stopped
        finally:
            asked.cancel()
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})

    def backoff(self, tries: int, *, first: float = 1.0) -> float:
        """Seconds before the next try: 1, 2, 4 … each a little shorter by chance, so that many jobs do not march."""
        longest = self.settings.max_backoff
        return float(min(longest, first * 2.0 ** min(tries - 1, 16)) * random.uniform(0.7, 1.0))  # noqa: S311  # no secret

    def told(self, limited: RateLimited, tries: int, *, first: float = 1.0) -> float:
        """Seconds to wait as the server says; where it is silent, or says not at all, as our own backoff does."""
        return limited.retry_after or self.backoff(tries, first=first)

    # Publishing

    def publish(self, snapshot: Snapshot) -> None:
        """Into the ledger first, then to the listeners. Raises `Unwritten`."""
        try:
            self._ledger.update(snapshot)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        self.job.publish(snapshot)

    def claim(self, snapshot: Snapshot) -> bool:
        """Publish that the request leaves now. False when the job is not ours to send any more: it has ended here.

        Raises `Unwritten`.
        """
        try:
            if self._ledger.claim_to_send(snapshot, self._owner):
                self.job.publish(snapshot)
                return True
            record = self._ledger.get(snapshot.id)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        if record is not None and record.snapshot.status.ended:
            self.job.publish(record.snapshot)
        else:
            why = "It is in the hands of another kernel." if record else "It is not in the ledger any more."
            self.job.publish(ended(replace(outcome.taken_out(self.now), message=f"{why} Nothing was sent from here.")))
        return False

    def give_up(self, snapshot: Snapshot) -> None:
        """Publish an end that cannot be written down now; it is, as soon as that is possible."""
        snapshot = ended(snapshot)
        self._ledger.update_later(snapshot)
        self.job.publish(snapshot)

    def change(self, snapshot: Snapshot) -> None:
        """Publish, if it says anything new; most looks at a task find what was known."""
        if snapshot != self.now:
            self.publish(snapshot)

    def quietly(self, snapshot: Snapshot, *, tick: bool = False) -> None:
        """A change that is nothing to remember: a place in the queue, a link."""
        self.job.publish(snapshot, tick=tick)

    def end(self, snapshot: Snapshot) -> None:
        """Publish an end."""
        self.publish(ended(snapshot))

    async def _nap(self, seconds: float) -> None:
        self._awake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)


def ended(snapshot: Snapshot) -> Snapshot:
    """With what an end has: its time, and a progress that moves no more."""
    now = time.time()
    full = 1.0 if snapshot.status == Status.DONE else snapshot.progress.fraction
    elapsed = max(0.0, now - (snapshot.submitted or snapshot.created))
    return replace(snapshot, ended=now, place=None, progress=Progress(fraction=full, elapsed=elapsed, left=None))
