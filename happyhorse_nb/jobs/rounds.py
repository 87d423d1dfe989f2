"""Whose time moves on in this second: all while there are few, some of them in turn when there are many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from happyhorse_nb.jobs.lifecycle import Lifecycle

#: So many jobs say in a second how far they are: nobody looks at more, and the kernel has better things to do.
MOST = 20
#: What is done once a second comes in so many parts at most, one card in each, and not in one burst: a cell that runs
#: meanwhile waits for none of them.
_PARTS = 40


class Rounds:
    """Begun once a second with all jobs; then asked for each part of them."""

    def __init__(self) -> None:
        self._all: list[Lifecycle] = []
        self._now: list[Lifecycle] = []
        self._from = 0

    def begin(self, lives: Iterable[Lifecycle]) -> None:
        """Choose who is next: those that somebody follows before the others."""
        self._all = known = list(lives)
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
        return max(1, min(_PARTS, len(self._all)))

    def shown(self, part: int) -> Sequence[Lifecycle]:
        """Those that say in this part, 0 to `parts` - 1, how far they are."""
        return self._now[part :: self.parts]

    def part(self, part: int) -> Sequence[Lifecycle]:
        """Those of all jobs that belong to this part."""
        return self._all[part :: self.parts]
