"""Takes as one card, and jobs that are waited for as one line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.cards import Item, Small, fill, line, saved, view, will_appear
from happyhorse_nb.render.words import about, joined, plain


def total(snapshots: Sequence[Snapshot]) -> Cost | None:
    """What they cost together, billed when all that cost something are; None where nothing is known."""
    costs = [s.cost for s in snapshots if s.cost is not None and s.charged]
    if not costs:
        return None if all(s.cost is None for s in snapshots) else Cost(Decimal(0), billed=True)
    return Cost(sum((cost.amount for cost in costs), Decimal(0)), billed=all(cost.billed for cost in costs))


def _costs(snapshots: Sequence[Snapshot]) -> str:
    """The total in words: ``about $2.80 in all``; what was paid for by an earlier request is said apart."""
    new = [s for s in snapshots if not s.reused]
    made = len(snapshots) - len(new)
    cost, play = total(new), " of play money" if any(s.sandbox for s in snapshots) else ""
    if not new:
        return "made before, nothing now"
    if cost is not None and cost.billed and not cost.amount:
        return "not charged"
    told = "" if cost is None else f"{cost}{play} in all" if not made else f"{cost}{play} now"
    return joined(told, f"{made} made before" if made else "")


def _standing(snapshots: Sequence[Snapshot]) -> str:
    """How many are in which state: ``1 done, 2 generating, 1 queued``."""
    return ", ".join(f"{number} {word}" for word, number in Counter(map(words.brief, snapshots)).items())


def takes_line(snapshots: Sequence[Snapshot]) -> str:
    """The line of plain text above those of the takes: the cost, and how many are in which state."""
    return f"{_title(snapshots)}: {_standing(snapshots)}"


def takes_live(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """The part of the card that changes; ``now`` is Unix seconds."""
    views = [view(snapshot, now) for snapshot in snapshots]
    tones = [each["tone"] for each in views]
    return fill(
        "takes.html.j2",
        tone=next((tone for tone in ("run", "wait", "bad", "warn") if tone in tones), "done"),
        title=_title(snapshots),
        standing=_standing(snapshots),
        views=views,
        running=any(each["bar"] for each in views),
        meta=_meta(snapshots),
        seeds=[words.parameter(snapshot, "seed") for snapshot in snapshots],
    )


def takes_card(snapshots: Sequence[Snapshot], small: Small, *, now: float) -> str:
    """The card as static HTML, which needs no kernel."""
    return saved(snapshots[0].prompt, small, takes_live(snapshots, now=now))


def takes_spoken(snapshots: Sequence[Snapshot]) -> str:
    """How many are in which state, for screen readers."""
    return fill("spoken.html.j2", state=_standing(snapshots))


def takes_placeholder(snapshots: Sequence[Snapshot]) -> str:
    """A line where the comparison will appear, with the command that brings it back."""
    ids = " ".join(plain(snapshot.short_id, 40) for snapshot in snapshots)
    return will_appear("The comparison", "compare", ids)


def takes_text(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """The card as plain text: the line for all, and one for each take."""
    return "\n".join([takes_line(snapshots), *(line(snapshot, now=now) for snapshot in snapshots)])


def _title(snapshots: Sequence[Snapshot]) -> str:
    return joined(f"{len(snapshots)} takes", _costs(snapshots))


def _meta(snapshots: Sequence[Snapshot]) -> list[Item]:
    first = snapshots[0]
    seed = words.parameter(first, "seed")
    made_of = [part for part in words.parameters(first).split(", ") if part != seed]
    sound = next(filter(None, map(words.sound, snapshots)), "")
    items = [Item(joined(*made_of, words.pixels(first), sound))]
    if any(snapshot.sandbox for snapshot in snapshots):
        items.append(Item("sandbox"))
    if first.name:
        items.append(Item("as", plain(first.name.partition("[")[0], 60)))
    if any(snapshot.reused for snapshot in snapshots) and not any(s.status.running for s in snapshots):
        items.append(Item("new ones:", "--again"))
    return [item for item in items if item.text]


def waiting(snapshots: Sequence[Snapshot], *, now: float, stop: str) -> str:
    """``Waiting for 3 videos: 1 done, 2 running, about 1 min 30 s left; Stop ends the wait, not the videos.``

    ``now`` is Unix seconds, ``stop`` what ends the wait.
    """
    if len(snapshots) == 1:
        [one] = snapshots
        state = words.state(one)
        how = joined(state[:1].lower() + state[1:], words.detail(one, now))
        return f"Waiting for a video: {how}; {stop} ends the wait, not the video."
    left = _left(snapshots)
    how = joined(standing(snapshots), f"{about(left)} left" if left is not None else "")
    return f"Waiting for {len(snapshots):,} videos: {how}; {stop} ends the wait, not the videos."


def waited(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """The line after a wait: one job as it ended, several as how many ended how, and what they cost."""
    if len(snapshots) == 1:
        return line(snapshots[0], now=now)
    cost = total([one for one in snapshots if not one.reused])
    play = " of play money" if any(one.sandbox for one in snapshots) else ""
    paid = f", {cost}{play}" if cost is not None and cost.amount else ""
    return f"Waited for {len(snapshots):,} videos: {standing(snapshots)}{paid}."


def standing(snapshots: Sequence[Snapshot]) -> str:
    """How many are in which state, in a word each: ``1 done, 2 running, 1 queued``."""
    running = [one.status.running and one.status != Status.QUEUED for one in snapshots]
    count = Counter("running" if on else words.brief(one) for one, on in zip(snapshots, running, strict=True))
    return ", ".join(f"{number:,} {word}" for word, number in count.items())


def quiet_line(text: str) -> str:
    """A line of text as unobtrusive HTML."""
    return fill("quiet.html.j2", text=text)


def _left(snapshots: Sequence[Snapshot]) -> float | None:
    """Seconds until the last of them ends; None where that is not known."""
    running = [one for one in snapshots if not one.status.ended]
    work = [one.progress for one in running if one.status != Status.QUEUED]
    # How long one takes in all, for those that have not started.
    whole = max((each.elapsed + each.left for each in work if each.left is not None), default=None)
    lefts: list[float] = []
    for one in running:
        left = one.progress.left
        if one.status == Status.QUEUED:
            left = None if left is None or whole is None else left + whole
        if left is None:
            return None
        lefts.append(left)
    return max(lefts, default=None)
