"""Heavy work beside the kernel: the newest request is done, those in between never are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Context

Work = Callable[[], None]


class Latest:
    """Runs one piece of work at a time on a thread of its own; of those that come meanwhile only the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: Work | None = None
        self._busy = False

    def __call__(self, work: Work) -> None:
        """Do this next, instead of whatever waits. ``work`` raises nothing."""
        with self._lock:
            self._next = work
            if self._busy:
                return
            self._busy = True
        # With an empty context: else its messages bear the name of the cell that was running.
        threading.Thread(target=Context().run, args=(self._run,), name="happyhorse-form", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                work, self._next = self._next, None
                if work is None:
                    self._busy = False
                    return
            work()


def at_once(work: Work) -> None:
    """Where a page hears nothing from a thread: in Colab, while no cell runs."""
    work()
