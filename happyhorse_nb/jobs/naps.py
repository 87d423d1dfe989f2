"""Whether this machine has slept: then the jobs are asked about at once, not when their timers get round to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

#: Seconds that the one clock may get ahead of the other without a sleep: a correction of the time, a busy machine.
_SLACK = 5.0


def always() -> float:
    """Seconds by a clock that runs on while the machine sleeps, and that nobody sets forward or back."""
    # That of `time.monotonic` stands still in a sleep, on Linux and on macOS; there these do not.
    clock = time.CLOCK_BOOTTIME if sys.platform == "linux" else getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Naps:
    """Compares a clock that runs on in a sleep with the one that timers go by, which does not."""

    def __init__(self, always: Callable[[], float] = always, steady: Callable[[], float] = time.monotonic) -> None:
        self._always = always
        self._steady = steady
        self._ahead = always() - steady()

    def over(self) -> bool:
        """Whether there was a sleep since this was last asked."""
        before, self._ahead = self._ahead, self._always() - self._steady()
        return self._ahead - before > _SLACK
