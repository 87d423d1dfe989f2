"""Whose time moves on in this second: all while there are few, some of them in turn when there are many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from happyhorse_nb.jobs.lifecycle import Lifecycle

#: So many jobs say in a second how far they are: a page takes no more, and the kernel has better things to do.
MOST = 40
#: A second's share comes in so many parts at most, not in one burst: a cell that runs meanwhile waits for none of them.
_PARTS = 20


class Rounds:
    """Begun once a second with all jobs; then asked for each part of them."""

    def __init__(self) -> None:
        self._now: list[Lifecycle] = []
        self._from = 0

    def begin(self, lives: Iterable[Lifecycle]) -> None:
        """Choose who is next: those that somebody follows before the others."""
        known = list(lives)
        if len(known) > MOST:
            known = [life for life in known if life.job.followed] or known
        if len(known) > MOST:
            start = self._from % len(known)
            self._from = start + MOST
            known = (known[start:] + known[:start])[:MOST]
        self._now = known

    @property
    def parts(self) -> int:
        """In how many parts they come, at least 1."""
        return max(1, min(_PARTS, len(self._now)))

    def part(self, number: int) -> Sequence[Lifecycle]:
        """Those of one part, 0 to `parts` - 1."""
        return self._now[number :: self.parts]
