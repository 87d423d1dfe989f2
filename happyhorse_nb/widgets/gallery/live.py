"""News of the jobs on a page: how far they are at most once a second, in all; that they ended at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from happyhorse_nb.jobs import Job
from happyhorse_nb.models import Snapshot


class Live:
    """Listens to the jobs that run in this kernel. Those of others stand as they were last written down."""

    def __init__(self, tell: Callable[[Snapshot], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._last = -1.0
        self._undo: list[Callable[[], None]] = []

    def follow(self, jobs: Sequence[Job]) -> None:
        """Listen to these from now on, and to no others."""
        for undo in self._undo:
            undo()
        self._undo = [job.subscribe(self._heard) for job in jobs if not job.done()]

    def _heard(self, snapshot: Snapshot) -> None:
        now = self._clock()
        if snapshot.status.running and now - self._last < 1.0:
            return
        self._last = now
        self._tell(snapshot)
