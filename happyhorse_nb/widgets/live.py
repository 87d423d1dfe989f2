"""What follows jobs while they run, and is shown once more at their end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import process

Snapshots = tuple[Snapshot, ...]


class LiveJob(Protocol):
    """What is needed of a `Job` to follow it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def snapshot(self) -> Snapshot:
        """How it stands."""

    @property
    def thumbnail(self) -> bytes | None:
        """Its first frame as a small JPEG, once it is known."""

    def stop(self) -> None:
        """Watch it no longer."""

    def subscribe(self, listener: Callable[[Snapshot], None], /) -> Callable[[], None]:
        """Call the listener with every news; the answer ends that."""


class Live(ABC):
    """Shows how some jobs stand, until all have ended.

    `apply` is called from whatever thread has news. It sets traits and changes outputs, nothing else: what a background
    thread prints or displays would land in some other cell.
    """

    def __init__(self, jobs: Sequence[LiveJob]) -> None:
        self._jobs = tuple(jobs)
        self._guard = process.Guard()
        self._over = False
        self._undo: list[Callable[[], None]] = []
        self._first = self.snapshots

    @property
    def snapshots(self) -> Snapshots:
        """How each of the jobs stands now."""
        return tuple(job.snapshot for job in self._jobs)

    def follow(self) -> None:
        """Show every news from now on, and what has come since this was made."""

        def heard(news: Snapshot) -> None:
            self.apply((news,) if len(self._jobs) == 1 else self.snapshots)

        # Not under the guard: whoever calls the listener may hold a lock of its own.
        self._undo = [job.subscribe(heard) for job in self._jobs]
        if self.snapshots != self._first:
            self.apply(self.snapshots)

    def apply(self, snapshots: Snapshots) -> None:
        """Show this. Only the first end counts: late news about what has ended change nothing."""

        def apply() -> list[Callable[[], None]]:
            if not self._over:
                self._over = ended(snapshots)
                (self._finish if self._over else self._tick)(snapshots)
            undo, self._undo = (self._undo, []) if self._over else ([], self._undo)
            return undo

        for undo in self._guard(apply):
            undo()

    @abstractmethod
    def _tick(self, snapshots: Snapshots) -> None:
        """Show how they stand."""

    @abstractmethod
    def _finish(self, snapshots: Snapshots) -> None:
        """Show how they have ended."""


def ended(snapshots: Snapshots) -> bool:
    """Whether all of them have ended."""
    return all(snapshot.status.ended for snapshot in snapshots)
