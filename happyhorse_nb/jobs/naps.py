"""Whether this machine has slept: then the jobs are asked about at once, not when their timers get round to it."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that the one clock may get ahead of the other without a sleep: a correction of the time, a busy machine.
_SLACK = 5.0


class Naps:
    """Compares the wall's clock, which runs on in a sleep, with the one that timers go by, which does not."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()

    def over(self) -> bool:
        """Whether there was a sleep since this was last asked."""
        before, self._ahead = self._ahead, self._wall() - self._steady()
        return self._ahead - before > _SLACK
