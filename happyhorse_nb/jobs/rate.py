"""How many requests a minute the account allows, as far as is known. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds in which several refusals are one: they were sent before the first was heard.
_ONE_REFUSAL = 10.0
#: What refusals without a word about the limit may lower it to at most.
_FLOOR = 2.0
#: How it grows in a minute: up to about where it was refused last, and from there on.
_FAST, _SLOW = 2.0, 1.05
_MOST = 1_000_000


class Rate:
    """Starts from a setting; down at once, where the server says so or refuses; up slowly.

    ``start`` is asked each time: a changed setting counts at once, and is the start again. ``clock`` is any steady
    clock in seconds.
    """

    def __init__(self, start: Callable[[], int], clock: Callable[[], float]) -> None:
        self._start = start
        self._clock = clock
        self._seen = start()
        self._value = self._goal = float(self._seen)
        #: At how many in a minute it was refused last.
        self._wall: float | None = None
        self._at = clock()
        self._refused = float("-inf")

    @property
    def per_minute(self) -> int:
        """Requests that may leave in a minute now."""
        now, start = self._clock(), self._start()
        passed, self._at = max(0.0, now - self._at), now
        if start != self._seen:
            self._seen, self._wall = start, None
            self._value = self._goal = float(start)
        if self._value < self._goal:
            self._grow(passed)
        return max(1, int(self._value))

    def told(self, limit: int) -> None:
        """The server says how many it allows."""
        self._goal = float(min(max(limit, 1), _MOST))
        self._value = min(float(self.per_minute), self._goal)

    def refused(self, sent: int) -> None:
        """The server has refused one, after ``sent`` in the last minute."""
        now, value = self._clock(), float(self.per_minute)
        if now - self._refused >= _ONE_REFUSAL:
            lowered = 0.75 * value
            if sent >= value / 2:
                lowered = min(lowered, 0.9 * sent)
            self._value = min(value, max(lowered, _FLOOR))
            self._wall = max(float(sent), _FLOOR)
        self._refused = now

    def _grow(self, passed: float) -> None:
        soft = self._goal if self._wall is None else min(0.9 * self._wall, self._goal)
        if self._value < soft:
            self._value = min(soft, self._value * _FAST ** (passed / 60))
        else:
            self._value = min(self._goal, self._value * _SLOW ** (passed / 60))
