"""Heavy work beside the kernel: the newest request is done, those in between never are."""

from __future__ import annotations

import threading
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
        while (work := self._guard(self._taken)) is not None:
            work()

    def _taken(self) -> Work | None:
        work, self._next = self._next, None
        self._busy = work is not None
        return work


def at_once(work: Work) -> None:
    """Where a page hears nothing from a thread: in Colab, while no cell runs."""
    work()
