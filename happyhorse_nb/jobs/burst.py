"""What the user's thread hands to the owned loop: a few things at once, many when they have stopped coming."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from happyhorse_nb.settings import process

#: So many that come one after the other are called at once.
_FEW = 8
#: Seconds without another one after which they have stopped coming.
_GAP = 0.05
#: Seconds that any of them is kept waiting for that.
_LONGEST = 2.0

Call = Callable[[], object]


class Loop(Protocol):
    """What is needed of the owned loop."""

    def call(self, function: Call) -> bool:
        """Run it on the loop, soon. Callable from any thread."""

    def later(self, seconds: float, function: Call) -> None:
        """Run it on the loop in so many seconds. Called on the loop."""


class Burst:
    """A cell that makes a thousand jobs has the interpreter to itself while it does: two threads that take turns at it
    are both slowed down by far more than half. ``clock`` is any steady clock in seconds.
    """

    def __init__(self, loop: Loop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        # Kept here, for while %autoreload runs a module anew, all of its names are gone for a moment.
        self._few, self._gap, self._longest = _FEW, _GAP, _LONGEST
        #: By name, the oldest first.
        self._calls: dict[str, Call] = {}
        self._guard = process.Guard()
        #: How many have come one after the other, when the last one came, and when the oldest of those that wait.
        self._row, self._last, self._first = 0, float("-inf"), float("-inf")
        self._watched = self._closed = False

    def put(self, name: str, call: Call) -> None:
        """Have it called on the loop, after all that were put before. Callable from any thread."""

        def put() -> None:
            if self._closed:
                return
            now = self._clock()
            self._row = self._row + 1 if now - self._last < self._gap else 1
            self._last = now
            if not self._calls:
                self._first = now
            self._calls[name] = call
            if self._row <= self._few:
                self._loop.call(self.flush)
            elif not self._watched:
                self._loop.call(self._watch)
                self._watched = True

        self._guard(put)

    # On the loop

    def take(self, name: str) -> Call | None:
        """What waits under that name, to be called by whoever asks; None where nothing does."""
        return self._guard(lambda: self._calls.pop(name, None))

    def flush(self) -> None:
        """Call now what waits."""
        try:
            while self._calls:
                call = self._guard(lambda: self._calls.pop(next(iter(self._calls))))
                call()
        finally:
            # One that fails is the loop's to report, and keeps back none of the others.
            if self._calls:
                self._loop.call(self.flush)

    def look(self) -> None:
        """Call what waits far too long: asked now and then, for what keeps watch may have failed."""
        if self._calls and self._clock() - self._first > 2 * self._longest:
            self._watched = False
            self.flush()

    def close(self) -> None:
        """Call none of what waits, nor of what comes."""

        def close() -> None:
            self._closed = True
            self._calls.clear()

        self._guard(close)

    def _watch(self) -> None:
        def waits() -> bool:
            now = self._clock()
            self._watched = now - self._last < self._gap and now - self._first < self._longest
            return self._watched

        if self._guard(waits):
            self._loop.later(self._gap, self._watch)
        else:
            self.flush()
