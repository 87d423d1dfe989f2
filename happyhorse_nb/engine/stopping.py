"""Stops one job: cuts its waits short. Also the exceptions by which a job's run ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from happyhorse_nb.errors import LedgerError, lasting
from happyhorse_nb.models import Snapshot

T = TypeVar("T")


@lasting
class Stopped(Exception):
    """The user has stopped the job."""


@lasting
class Over(Exception):
    """The job has ended, and its end is published."""


@lasting
class NoRoom(Exception):
    """The server takes no more tasks now; the job is queued again."""


@lasting
class Elsewhere(Exception):
    """Another kernel has taken over the job."""


@lasting
class Unanswered(Exception):
    """The user has stopped the job when the server may have had all of the request; ``sending`` goes on."""

    def __init__(self, sending: asyncio.Task[Snapshot]) -> None:
        super().__init__()
        self.sending = sending


@lasting
class Unwritten(Exception):
    """The ledger could not write this snapshot."""

    def __init__(self, snapshot: Snapshot, problem: LedgerError) -> None:
        super().__init__(str(problem))
        self.snapshot = snapshot
        self.problem = problem


class Stopping:
    """The waits of one job on the event loop, one at a time.

    Each wait costs a future and a timer; a task only where it must, as there is one wait for each read.
    """

    def __init__(self) -> None:
        self._stopped = False
        #: What a stop calls, and whether it has; and the pause that a wake ends.
        self._cut: Callable[[], object] | None = None
        self._cutting = False
        self._pause: asyncio.Future[None] | None = None

    def stop(self) -> None:
        """Make this wait and all later ones raise `Stopped`, as soon as that is safe."""
        self._stopped = True
        self.wake()
        if self._cut is not None and not self._cutting:
            self._cutting = True
            self._cut()

    def wake(self) -> None:
        """End the current pause, if any."""
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    def check(self) -> None:
        """Raises `Stopped` once the user has stopped the job."""
        if self._stopped:
            raise Stopped

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until woken. Raises `Stopped`."""
        self.check()
        loop = asyncio.get_running_loop()
        self._pause = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None
        self.check()

    async def until_woken(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do the work, unless woken first: then cancel it and return None. Raises `Stopped`."""
        self._pause = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._pause), return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return task.result() if task.done() else None
        finally:
            self._pause = None
            task.cancel()
            # Also retrieves its error, or asyncio would complain that nobody did.
            await asyncio.gather(task, return_exceptions=True)

    async def until_stopped(self, task: asyncio.Task[Any]) -> bool:
        """Wait for a task, at most until a stop, which does not cancel it; whether it is done."""
        stopped = asyncio.get_running_loop().create_future()
        self._cut, self._cutting = lambda: stopped.set_result(None), False
        try:
            if not self._stopped:
                await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._cut = None
        return task.done()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work; on a stop, cancel it and raise `Stopped`."""
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
                # As in asyncio.timeout: pass on a cancellation that is not ours.
                if not self._cutting or task.uncancel() > 0:
                    raise
                raise Stopped from None
        finally:
            self._cut = None
            # If it never began (%autoreload), Python would warn that it was not awaited.
            work.close()
