"""How one job is stopped: its waits, which its user or a wake cuts short, and the ways out of its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from happyhorse_nb.errors import LedgerError, lasting
from happyhorse_nb.models import Snapshot

T = TypeVar("T")


@lasting
class Stopped(Exception):
    """The user asked to watch no longer."""


@lasting
class Over(Exception):
    """The job has ended, and that is published."""


@lasting
class NoRoom(Exception):
    """The server takes no more for now; the job waits in the queue again."""


@lasting
class Elsewhere(Exception):
    """Another kernel has taken the job up."""


@lasting
class Unanswered(Exception):
    """The user asked to stop when the server may have had all of the request; ``sending`` goes on."""

    def __init__(self, sending: asyncio.Task[Snapshot]) -> None:
        super().__init__()
        self.sending = sending


@lasting
class Unwritten(Exception):
    """The ledger could not take this snapshot down."""

    def __init__(self, snapshot: Snapshot, problem: LedgerError) -> None:
        super().__init__(str(problem))
        self.snapshot = snapshot
        self.problem = problem


class Stopping:
    """Belongs to one job on the event loop, which waits for one thing at a time.

    There is one per job and one wait per read, so each wait costs a future and a timer, and no task where it need not.
    """

    def __init__(self) -> None:
        self._stopped = False
        #: What a stop cuts short, and whether it has; and the pause that a wake ends.
        self._cut: Callable[[], object] | None = None
        self._cutting = False
        self._pause: asyncio.Future[None] | None = None

    def stop(self) -> None:
        """Have the waits of now and later raise `Stopped`, at the next moment at which that is safe."""
        self._stopped = True
        self.wake()
        if self._cut is not None and not self._cutting:
            self._cutting = True
            self._cut()

    def wake(self) -> None:
        """End the pause that it is in, if any."""
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    def check(self) -> None:
        """Raises `Stopped` when the user has asked to stop."""
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
        """Do the work, unless woken first: then it is cancelled, and there is no result. Raises `Stopped`."""
        self._pause = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._pause), return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return task.result() if task.done() else None
        finally:
            self._pause = None
            task.cancel()
            # Of one that failed at the instant of a stop too, or asyncio tells of an error that nobody looked at.
            await asyncio.gather(task, return_exceptions=True)

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

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, unless the user asks to stop first: then it is cancelled and `Stopped` raised."""
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
