"""Work that waits: for a thread of its own, or until the page may be told once more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context

from happyhorse_nb.settings import process

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
