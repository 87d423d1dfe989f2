"""What the user's thread hands to the owned loop: one thing at once, many when they have stopped coming."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Protocol

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
        self._calls: deque[Call] = deque()
        self._lock = Lock()
        self._first = self._last = float("-inf")
        self._watched = False

    def put(self, call: Call) -> None:
        """Have it called on the loop, after all that were put before. Callable from any thread."""
        with self._lock:
            now = self._clock()
            alone, self._last = now - self._last >= _GAP, now
            self._calls.append(call)
            if self._watched:
                return
            if not alone:
                self._watched, self._first = True, now
        self._loop.call(self.flush if alone else self._watch)

    def flush(self) -> None:
        """Call now what waits. Called on the loop."""
        try:
            while self._calls:
                self._calls.popleft()()
        finally:
            # One that fails is the loop's to report, and keeps back none of the others.
            if self._calls:
                self._loop.call(self.flush)

    def drop(self) -> None:
        """Call none of what waits. Called on the loop."""
        self._calls.clear()

    def _watch(self) -> None:
        with self._lock:
            now = self._clock()
            self._watched = now - self._last < _GAP and now - self._first < _LONGEST
        if self._watched:
            self._loop.later(_GAP, self._watch)
        else:
            self.flush()
