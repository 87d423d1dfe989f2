"""The limit of requests a minute."""

from __future__ import annotations

import math
from collections import deque

_WINDOW = 60.0


class Throttle:
    """Counts the requests of the last minute. ``limit`` None means that there is no limit."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Whether one more request at that time (Unix seconds) is let through, and the headers of its answer."""
        if self._limit is None:
            return True, {}
        # Those of a time to come are of before the clock was set back.
        while self._times and not now - _WINDOW < self._times[0] <= now:
            self._times.popleft()
        allowed = len(self._times) < self._limit
        if allowed:
            self._times.append(now)
        free_again = self._times[0] + _WINDOW
        headers = limit_headers(self._limit, self._limit - len(self._times), free_again)
        if not allowed:
            headers["Retry-After"] = str(seconds_until(free_again, now))
        return allowed, headers


def limit_headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    """The ``X-RateLimit-*`` headers; ``reset`` is Unix seconds."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(math.ceil(reset)),
    }


def seconds_until(then: float, now: float) -> int:
    """Whole seconds to wait, at least one."""
    return max(1, math.ceil(then - now))
