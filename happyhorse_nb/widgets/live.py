"""Follows running jobs, runs work on threads, and limits the messages to the page."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING

from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import process

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

Snapshots = tuple[Snapshot, ...]


class Live(ABC):
    """Shows the states of some jobs until all have ended.

    `apply` is called on any thread. It only sets traits and changes outputs, since what a background thread prints or
    displays would land in some other cell.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)
        self._guard = process.Guard()
        self._over = False
        self._undo: list[Callable[[], None]] = []
        self._first = self.snapshots

    @property
    def snapshots(self) -> Snapshots:
        """The present state of each job."""
        return tuple(job.snapshot for job in self._jobs)

    def follow(self) -> None:
        """Show every change from now on, and those since this was made."""

        def heard(snapshot: Snapshot) -> None:
            self.apply((snapshot,) if len(self._jobs) == 1 else self.snapshots)

        # Not under the guard: the caller of a listener may hold a lock.
        self._undo = [job.subscribe(heard) for job in self._jobs]
        if self.snapshots != self._first:
            self.apply(self.snapshots)

    def apply(self, snapshots: Snapshots) -> None:
        """Show these states. Once all have ended, later calls change nothing."""

        def apply() -> list[Callable[[], None]]:
            if not self._over:
                self._over = ended(snapshots)
                (self._finish if self._over else self._tick)(snapshots)
            undo, self._undo = (self._undo, []) if self._over else ([], self._undo)
            return undo

        for undo in self._guard(apply):
            undo()

    @abstractmethod
    def _tick(self, snapshots: Snapshots) -> None: ...

    @abstractmethod
    def _finish(self, snapshots: Snapshots) -> None: ...


def ended(snapshots: Snapshots) -> bool:
    """Whether all of them have ended."""
    return all(snapshot.status.ended for snapshot in snapshots)


Work = Callable[[], None]


class Latest:
    """Runs one function at a time on a thread of its own, and of those that come meanwhile only the newest."""

    def __init__(self) -> None:
        self._guard = process.Guard()
        self._next: Work | None = None
        self._busy = False

    def __call__(self, work: Work) -> None:
        """Run this next, in place of what waits. ``work`` must not raise."""

        def put() -> None:
            self._next = work
            if not self._busy:
                # In an empty context, or its messages would belong to the cell that runs now.
                run = Context().run
                threading.Thread(target=run, args=(self._run,), name="happyhorse-form", daemon=True).start()
                self._busy = True

        self._guard(put)

    def _run(self) -> None:
        while (work := self._guard(self._take)) is not None:
            work()

    def _take(self) -> Work | None:
        work, self._next = self._next, None
        self._busy = work is not None
        return work


def at_once(work: Work) -> None:
    """Run it here, as in Colab, where a page gets no messages from a thread while no cell runs."""
    work()


def after(seconds: float, act: Work) -> None:
    """Call it after so many seconds, on a daemon thread."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    # Starting waits for the thread; an interrupt there would lose it.
    process.uninterrupted(timer.start)


#: The most messages of a card in any second.
MOST = 2


class MessageRate:
    """Counts the messages of the last second. ``clock``: a monotonic clock in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=MOST)

    def take(self) -> bool:
        """Whether one more message may be sent now; if so, count it."""
        if self.left():
            return False
        self._sent.append(self._clock())
        return True

    def left(self) -> float:
        """Seconds until one more message may be sent, 0 for now."""
        return max(0.0, 1.0 - (self._clock() - self._sent[0])) if len(self._sent) == MOST else 0.0
