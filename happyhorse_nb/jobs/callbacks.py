"""Users' callbacks, on a thread of their own where they may take their time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread


class Callbacks:
    """Calls functions one after the other. A daemon thread: one that never returns must not keep Python from ending."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = Thread(target=self._run, name="happyhorse_nb callbacks", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Call it soon. It must not raise."""
        self._calls.put(function)

    def drain(self, seconds: float) -> bool:
        """Wait until all that were handed over so far have returned; at most so many seconds."""
        done: SimpleQueue[None] = SimpleQueue()
        self._calls.put(lambda: done.put(None))
        try:
            done.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _run(self) -> None:
        while True:
            # An exit, or an interrupt of the user's own, is not the end of everybody's callbacks.
            with suppress(BaseException):
                self._calls.get()()
