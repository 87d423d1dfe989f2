"""What follows jobs while they run, on threads of its own, and as often as the page may be told."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Protocol

from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import process

Snapshots = tuple[Snapshot, ...]


class LiveJob(Protocol):
    """What is needed of a `Job` to follow it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def snapshot(self) -> Snapshot:
        """How it stands."""

    @property
    def thumbnail(self) -> bytes | None:
        """Its first frame as a small JPEG, once it is known."""

    def stop(self) -> None:
        """Watch it no longer."""

    def subscribe(self, listener: Callable[[Snapshot], None], /) -> Callable[[], None]:
        """Call the listener with every news; the answer ends that."""


class Live(ABC):
    """Shows how some jobs stand, until all have ended.

    `apply` is called from whatever thread has news. It sets traits and changes outputs, nothing else: what a background
    thread prints or displays would land in some other cell.
    """

    def __init__(self, jobs: Sequence[LiveJob]) -> None:
        self._jobs = tuple(jobs)
        self._guard = process.Guard()
        self._over = False
        self._undo: list[Callable[[], None]] = []
        self._first = self.snapshots

    @property
    def snapshots(self) -> Snapshots:
        """How each of the jobs stands now."""
        return tuple(job.snapshot for job in self._jobs)

    def follow(self) -> None:
        """Show every news from now on, and what has come since this was made."""

        def heard(news: Snapshot) -> None:
            self.apply((news,) if len(self._jobs) == 1 else self.snapshots)

        # Not under the guard: whoever calls the listener may hold a lock of its own.
        self._undo = [job.subscribe(heard) for job in self._jobs]
        if self.snapshots != self._first:
            self.apply(self.snapshots)

    def apply(self, snapshots: Snapshots) -> None:
        """Show this. Only the first end counts: late news about what has ended change nothing."""

        def apply() -> list[Callable[[], None]]:
            if not self._over:
                self._over = ended(snapshots)
                (self._finish if self._over else self._tick)(snapshots)
            undo, self._undo = (self._undo, []) if self._over else ([], self._undo)
            return undo

        for undo in self._guard(apply):
            undo()

    @abstractmethod
    def _tick(self, snapshots: Snapshots) -> None:
        """Show how they stand."""

    @abstractmethod
    def _finish(self, snapshots: Snapshots) -> None:
        """Show how they have ended."""


def ended(snapshots: Snapshots) -> bool:
    """Whether all of them have ended."""
    return all(snapshot.status.ended for snapshot in snapshots)


Work = Callable[[], None]


class Latest:
    """Runs one piece of work at a time on a thread of its own; of those that come meanwhile only the newest."""

    def __init__(self) -> None:
        self._guard = process.Guard()
        self._next: Work | None = None
        self._busy = False

    def __call__(self, work: Work) -> None:
        """Do this next, instead of whatever waits. ``work`` raises nothing."""

        def put() -> None:
            self._next = work
            if not self._busy:
                # With an empty context: else its messages bear the name of the cell that was running.
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
    """Where a page hears nothing from a thread: in Colab, while no cell runs."""
    work()


def after(seconds: float, act: Work) -> None:
    """Call it after so many seconds, on a thread that keeps no program alive."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    # Starting takes locks and waits for the thread: interrupted there, it would never begin.
    process.uninterrupted(timer.start)


#: Messages that one card may send in any second.
MOST = 2


class MessageRate:
    """Counts the messages of the last second. ``clock`` is any steady clock in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=MOST)

    def take(self) -> bool:
        """True, and counted, when one more message may go out now."""
        if self.left():
            return False
        self._sent.append(self._clock())
        return True

    def left(self) -> float:
        """Seconds until one more message may go out, 0 when it may now."""
        return max(0.0, 1.0 - (self._clock() - self._sent[0])) if len(self._sent) == MOST else 0.0
