"""How a video comes: so many bytes of so many, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable

from happyhorse_nb.models import Progress


class Arrival:
    """What has come of a video so far. ``total`` is its bytes in all, None where the server does not say."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.have = 0
        self.total: int | None = None
        self._clock = clock
        self._began = clock()
        self._first: int | None = None

    def count(self, have: int, total: int | None) -> None:
        """So many bytes are there."""
        if self._first is None or have < self._first:
            # The first ones, or it was begun anew: from here on the pace is measured.
            self._first, self._began = have, self._clock()
        self.have, self.total = have, total

    def progress(self, elapsed: float) -> Progress:
        """How far it is, and how long it still takes at this pace; ``elapsed`` is the task's age in seconds."""
        if not self.total or self._first is None:
            return Progress(elapsed=elapsed)
        came, seconds = self.have - self._first, self._clock() - self._began
        left = (self.total - self.have) * seconds / came if came > 0 and seconds > 0 else None
        return Progress(fraction=min(1.0, self.have / self.total), elapsed=elapsed, left=left, size=self.total)
