"""Runs every active job on the background event loop, one task per job."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from happyhorse_nb.engine.ledger import AsyncLedger
from happyhorse_nb.engine.loop import OwnedLoop, SleepDetector, StartQueue
from happyhorse_nb.engine.task import JobTask
from happyhorse_nb.inputs import Input
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.limits.account import AccountLimits
from happyhorse_nb.models import Status
from happyhorse_nb.settings import Account, process
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Ledger, Presence

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Seconds between two updates of a running card.
_TICK = 1.0
#: At most so many jobs publish their progress each second: nobody looks at more.
MOST = 20
#: The work of a second is spread over at most so many steps, so that it never holds up a running cell (`scale` in
#: benchmarks, 1+1 beside 1000 jobs).
_PARTS = 40
#: Tries after an unforeseen error, of a job whose task the server has.
_TRIES = 5
#: Seconds that a paid request on its way gets when Python ends.
_LAST_WORDS = 3.0


def next_shown(tasks: Sequence[JobTask], start: int) -> tuple[list[JobTask], int]:
    """The jobs that publish their progress this second, and where to ``start`` in the next one.

    At most `MOST`: those that somebody follows first, and if they are too many, in turn.
    """
    if len(tasks) <= MOST:
        return list(tasks), 0
    some = [task for task in tasks if task.state.followed] or list(tasks)
    if len(some) <= MOST:
        return some, 0
    start %= len(some)
    return (some[start:] + some[:start])[:MOST], start + MOST


@dataclass(eq=False, repr=False)
class Runner:
    """The jobs of one ledger that run here, and what they share: each account's limits, forecasts.

    ``follow`` shows a job that runs in another kernel. ``remembers``: whether to keep jobs that end without a video.
    """

    store: Ledger
    presence: Presence
    settings: Callable[[], Settings]
    follow: Callable[[Job, Account], None]
    remembers: bool = True

    def __post_init__(self) -> None:
        self._jobs: dict[str, JobTask] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        #: Jobs that have ended without a video, to be reported at the end of a script.
        self._failed: list[Job] = []
        #: Tasks that wait for the server's late answer about a stopped job.
        self._late: set[asyncio.Task[Any]] = set()
        self._limits: dict[tuple[str, str], AccountLimits] = {}
        # The first use imports the client. Guarded, for a fork during an import could never finish it.
        self._opening = process.Guard()
        self._ledger = AsyncLedger(self.store)
        self._sleep = SleepDetector()
        self._next = 0
        self.loop = process.once("loop", OwnedLoop)
        self._starts = StartQueue(self.loop)
        self.start(self._ticks)

    def start(self, make: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop, until its end or the runner's. Callable from any thread."""
        return self.loop.start(make, among=self._tasks)

    def begin(self, job: Job, account: Account, inputs: tuple[Input, ...], *, later: bool = False) -> None:
        """Work on a job; ``inputs`` are given for one that is still to be sent. Callable from any thread.

        With ``later`` the first one, for which the client is imported, waits for `begin_all`, or for a moment: two
        threads that import slow each other down, and a cell needs the widgets.
        """

        def begin() -> None:
            task = JobTask(
                job,
                self.limits(account),
                inputs=inputs,
                settings=self.settings(),
                ledger=self._ledger,
                presence=self.presence,
            )
            self._jobs[job.id] = task
            task.begin(lambda: self.start(lambda: self._watched(task, account)))

        self._starts.put(job.id, begin, later=later and not self._limits)

    def begin_all(self) -> None:
        """Begin now what was to begin later. Callable from any thread."""
        self.loop.call(self._starts.flush)

    @property
    def jobs(self) -> list[Job]:
        """The jobs that run here, and those that ended here without a video."""
        return [*(task.job for task in list(self._jobs.values())), *self._failed]

    def stop(self, job: Job) -> bool:
        """Stop a job; False when it does not run here. Called on the loop, as all that follow are."""
        if (begin := self._starts.take(job.id)) is not None:
            begin()
        task = self._jobs.get(job.id)
        if task is None:
            return False
        task.stop()
        return True

    def wake(self) -> None:
        """Ask about every job now."""
        for limits in self._limits.values():
            limits.wake()
        for task in list(self._jobs.values()):
            task.stopping.wake()

    def limits(self, account: Account) -> AccountLimits:
        """What the jobs of a key share."""
        name = (account.origin, account.key.fingerprint)
        if name not in self._limits:
            self._limits[name] = self._opening(
                lambda: AccountLimits(
                    account,
                    ledger=self.store,
                    presence=self.presence,
                    settings=self.settings,
                    beside=self._limits.values(),
                )
            )
        return self._limits[name]

    async def settle(self) -> None:
        """Wait until each request that has a slot was answered; what waits for a slot stays queued in the ledger."""
        self._starts.flush()
        while any(limits.unsettled for limits in self._limits.values()):  # noqa: ASYNC110  # several sources, no event
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        """Wait for paid requests on their way, so that their outcome is known; cancel everything else."""
        # What has not begun stays queued in the ledger.
        self._starts.close()
        for limits in self._limits.values():
            limits.slots.close()
        until = time.monotonic() + _LAST_WORDS
        while (sending := [task for task in self._jobs.values() if task.in_mid_air]) or self._late:
            self._cancel(but={task.task for task in sending})
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.02)
        for task in sending:
            last = outcome.unknown(task.job.snapshot, "The kernel ended before the server answered.")
            self._ledger.later(replace(last, ended=time.time()))
        for late in self._late:
            late.cancel()
        await asyncio.gather(*self._cancel(but=set()), *self._late, return_exceptions=True)
        await self._ledger.close()
        for limits in self._limits.values():
            await limits.close()

    async def _watched(self, task: JobTask, account: Account) -> None:
        job, over = task.job, True
        try:
            over = await self._tried(task)
        except Exception as bug:
            logger.exception("job %s cannot go on", job.id)
            # The card must not stand still; the message says whose error it is.
            last = outcome.ended(outcome.broken(job.snapshot, bug))
            self._ledger.later(last)
            self._ledger.flush()
            state_of(job).publish(last)
        finally:
            if over:
                self._jobs.pop(job.id, None)
                if self.remembers and job.done() and job.status != Status.DONE:
                    self._failed.append(job)
        if task.elsewhere:
            self.follow(job, account)
        if (sending := task.unanswered) is not None:
            self.loop.start(lambda: task.note_late_answer(sending), among=self._late)

    async def _tried(self, task: JobTask) -> bool:
        """`JobTask.run`; after an unforeseen error it is tried again, if the server has the task."""
        # Local names: while %autoreload runs a module anew (one of those errors), its globals are gone for a moment.
        sleep, exception, tries = asyncio.sleep, logger.exception, _TRIES
        while True:
            try:
                return await task.run()
            except Exception:
                tries -= 1
                now = task.job.snapshot
                if tries <= 0 or now.task_id is None or now.status.ended:
                    raise
                exception("job %s: tried again", now.id)
            await sleep(1.0)
            task.limits.slots.take(task.job.id)

    async def _ticks(self) -> None:
        # Local names, as above.
        sleep, exception = asyncio.sleep, logger.exception
        while True:
            try:
                await self._second()
            except Exception:  # noqa: BLE001  # the cards of all jobs must go on
                exception("a second was left out")
                await sleep(1.0)

    async def _second(self) -> None:
        tasks = list(self._jobs.values())
        shown, self._next = next_shown(tasks, self._next)
        parts = max(1, min(_PARTS, len(tasks)))
        hazards: dict[AccountLimits, list[float]] = {}
        #: Seconds until each slot becomes free, in order; computed only when a job is queued.
        lefts: list[float] | None = None
        for part in range(parts):
            await asyncio.sleep(_TICK / (parts + 1))
            for task in shown[part::parts]:
                if task.now.position is None:
                    task.tick()
                    continue
                if lefts is None:
                    holders = {name for limits in self._limits.values() for name in limits.slots.running}
                    lefts = sorted(task.seconds_left for name, task in self._jobs.items() if name in holders)
                if lefts:
                    # About when so many slots have become free.
                    turns, position = divmod(task.now.position - 1, len(lefts))
                    median = (await self._ledger.forecast(task.now)).median
                    task.starts_in(lefts[position] + turns * median)
            for task in tasks[part::parts]:
                hazards.setdefault(task.limits, []).append(task.hazard)
                task.say_wait()
            for limits in self._limits.values():
                limits.slots.tell(part, parts)
        await asyncio.sleep(_TICK / (parts + 1))
        if self._sleep.over():
            self.wake()
        self._ledger.flush()
        with suppress(OSError):
            # In case somebody has cleaned up old files.
            await in_thread(self.presence.renew)
        for limits in self._limits.values():
            limits.tick(hazards.get(limits, ()))

    def _cancel(self, *, but: set[asyncio.Task[Any] | None]) -> list[asyncio.Task[Any]]:
        rest = [task for task in self._tasks if task not in but and task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        return rest
