"""Who may run now: as many tasks at once as the account allows, the others in order. Lives on the owned loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Moved = Callable[[int | None], None]


class Queue:
    """Places for running tasks. ``limit`` is asked each time, so that a changed setting counts at once."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._running: set[str] = set()
        self._waiting: deque[tuple[str, asyncio.Future[None], Moved]] = deque()

    @property
    def running(self) -> frozenset[str]:
        """The ids of the jobs that hold a place."""
        return frozenset(self._running)

    async def enter(self, job_id: str, moved: Moved) -> None:
        """Wait for a place. ``moved`` is told the place in the queue (1 is next) and, at the end, None."""
        if self._waiting or len(self._running) >= self._limit():
            turn = asyncio.get_running_loop().create_future()
            entry = (job_id, turn, moved)
            self._waiting.append(entry)
            moved(len(self._waiting))
            try:
                await turn
            except asyncio.CancelledError:
                if entry in self._waiting:
                    self._waiting.remove(entry)
                    self._tell()
                else:
                    self.leave(job_id)
                raise
            moved(None)
        self._running.add(job_id)

    def take(self, job_id: str) -> None:
        """A place for a task that runs on the server already; it may be one more than the limit."""
        self._running.add(job_id)

    def leave(self, job_id: str) -> None:
        """Give a place back; a job that holds none is let be."""
        self._running.discard(job_id)
        self.fill()

    def fill(self) -> None:
        """Let in who may run now; the limit may have been raised."""
        moved = False
        while self._waiting and len(self._running) < self._limit():
            name, turn, _ = self._waiting.popleft()
            moved = True
            # One that has just given up waiting takes no place.
            if not turn.done():
                self._running.add(name)
                turn.set_result(None)
        if moved:
            self._tell()

    def _tell(self) -> None:
        for place, (_, _, moved) in enumerate(self._waiting, 1):
            moved(place)
