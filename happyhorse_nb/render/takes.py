"""Several takes of one request as one card: what they cost in all, how many stand where, and each in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from happyhorse_nb.models import Cost, Snapshot
from happyhorse_nb.render import words
from happyhorse_nb.render.lines import line
from happyhorse_nb.render.page import fill, place, saved, style, thumb
from happyhorse_nb.render.units import plain
from happyhorse_nb.render.view import Item, View, view


def total(snapshots: Sequence[Snapshot]) -> Cost | None:
    """What they cost together: a bill when all that cost something are billed; None where nothing is known."""
    costs = [s.cost for s in snapshots if s.cost is not None and s.charged]
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
    if cost is not None and cost.billed and not cost.amount:
        return "not charged"
    told = "" if cost is None else f"{cost}{play} in all" if not made else f"{cost}{play} now"
    before = f"{made} made before" if made else ""
    return ", ".join(part for part in (told, before) if part)


def standing(snapshots: Sequence[Snapshot]) -> str:
    """How many stand where, in the card's words: ``1 done, 2 generating, 1 queued``."""
    count = Counter(words.brief(s) for s in snapshots)
    return ", ".join(f"{number} {word}" for word, number in count.items())


def takes_line(snapshots: Sequence[Snapshot]) -> str:
    """One line of plain text over the lines of the takes themselves: what they cost comes first."""
    return f"{_title(snapshots)}: {standing(snapshots)}"


@dataclass(frozen=True)
class _Take:
    view: View
    seed: str


def takes_live(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """The part of the card that changes, ``now`` in Unix seconds."""
    views = [view(snapshot, now) for snapshot in snapshots]
    return fill(
        "takes.html.j2",
        tone=_tone(snapshots),
        title=_title(snapshots),
        standing=standing(snapshots),
        views=views,
        running=any(own.bar for own in views),
        meta=_meta(snapshots),
        takes=[_Take(own, words.parameter(snapshot, "seed")) for own, snapshot in zip(views, snapshots, strict=True)],
    )


def takes_head(snapshots: Sequence[Snapshot], thumbnail: bytes | None) -> str:
    """The style and the first frame, small, which all of them share."""
    return style("takes") + thumb(snapshots[0], thumbnail)


def takes_card(snapshots: Sequence[Snapshot], thumbnail: bytes | None, *, now: float) -> str:
    """The whole card as static HTML: an ordinary output that needs no kernel."""
    return saved(thumb(snapshots[0], thumbnail), takes_live(snapshots, now=now))


def takes_spoken(snapshots: Sequence[Snapshot]) -> str:
    """How many stand where, for screen readers."""
    return fill("spoken.html.j2", state=standing(snapshots))


def takes_placeholder(snapshots: Sequence[Snapshot]) -> str:
    """One quiet line where the comparison will appear, with the ids that bring it back."""
    ids = " ".join(plain(snapshot.short_id, 40) for snapshot in snapshots)
    return place("The comparison", "compare", ids)


def takes_text(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """The card as plain text: what all cost, and a line for each."""
    return "\n".join([takes_line(snapshots), *(line(snapshot, now=now) for snapshot in snapshots)])


def _title(snapshots: Sequence[Snapshot]) -> str:
    return ", ".join(part for part in (f"{len(snapshots)} takes", costing(snapshots)) if part)


def _tone(snapshots: Sequence[Snapshot]) -> str:
    tones = [words.tone(snapshot) for snapshot in snapshots]
    return next((tone for tone in ("run", "wait", "bad", "warn") if tone in tones), "done")


def _meta(snapshots: Sequence[Snapshot]) -> list[Item]:
    first = snapshots[0]
    seed = words.parameter(first, "seed")
    made_of = ", ".join(part for part in words.parameters(first).split(", ") if part != seed)
    items = [Item(", ".join(part for part in (made_of, words.pixels(first)) if part))]
    if any(snapshot.sandbox for snapshot in snapshots):
        items.append(Item("sandbox"))
    if first.name:
        items.append(Item("as", plain(first.name.partition("[")[0], 60)))
    if any(snapshot.reused for snapshot in snapshots) and not any(s.status.running for s in snapshots):
        items.append(Item("new ones:", "--again"))
    return [item for item in items if item.text]
