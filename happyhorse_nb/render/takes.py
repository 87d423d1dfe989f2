"""Several takes of one request: what they cost in all, how many stand where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from happyhorse_nb.models import Cost, Snapshot
from happyhorse_nb.render import words


def total(snapshots: Sequence[Snapshot]) -> Cost | None:
    """What they cost together: a bill when all that cost something are billed; None where nothing is known."""
    costs = [s.cost for s in snapshots if s.cost is not None and words.charged(s)]
    if not costs:
        return None if all(s.cost is None for s in snapshots) else Cost(Decimal(0), billed=True)
    return Cost(sum((cost.amount for cost in costs), Decimal(0)), billed=all(cost.billed for cost in costs))


def costing(snapshots: Sequence[Snapshot]) -> str:
    """The same in words: ``about $2.80 in all``; what equal requests have paid for earlier is told apart."""
    new = [s for s in snapshots if not s.reused]
    made = len(snapshots) - len(new)
    cost, play = total(new), " of play money" if any(s.sandbox for s in snapshots) else ""
    if not new:
        return "made before, nothing now"
    told = "" if cost is None else f"{cost}{play} in all" if not made else f"{cost}{play} now"
    before = f"{made} made before" if made else ""
    return ", ".join(part for part in (told, before) if part)


def standing(snapshots: Sequence[Snapshot]) -> str:
    """How many stand where, in the card's words: ``1 done, 2 generating, 1 queued``."""
    count = Counter(words.brief(s) for s in snapshots)
    return ", ".join(f"{number} {word}" for word, number in count.items())


def takes_line(snapshots: Sequence[Snapshot]) -> str:
    """One line of plain text over the lines of the takes themselves: what they cost comes first."""
    parts = [f"{len(snapshots)} takes", costing(snapshots)]
    return f"{', '.join(part for part in parts if part)}: {standing(snapshots)}"
