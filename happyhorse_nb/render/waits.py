"""What a wait says: what it is for, how far that is, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.lines import line
from happyhorse_nb.render.page import fill
from happyhorse_nb.render.takes import total
from happyhorse_nb.render.units import about


def waiting(snapshots: Sequence[Snapshot], *, now: float, stop: str) -> str:
    """``Waiting for 3 videos: 1 done, 2 running, about 1 min 30 s left; Stop ends the wait, not the videos.``

    ``now`` is Unix seconds, ``stop`` what ends the wait.
    """
    if len(snapshots) == 1:
        [one] = snapshots
        how = ", ".join(part for part in (_lower(words.state(one)), words.detail(one, now)) if part)
        return f"Waiting for a video: {how}; {stop} ends the wait, not the video."
    left = _left(snapshots)
    parts = [standing(snapshots), f"{about(left)} left" if left is not None else ""]
    how = ", ".join(part for part in parts if part)
    return f"Waiting for {len(snapshots):,} videos: {how}; {stop} ends the wait, not the videos."


def waited(snapshots: Sequence[Snapshot], *, now: float) -> str:
    """What came of it: the one job as a line, several as how many stand where, and what they cost."""
    if len(snapshots) == 1:
        return line(snapshots[0], now=now)
    cost = total([one for one in snapshots if not one.reused])
    play = " of play money" if any(one.sandbox for one in snapshots) else ""
    paid = f", {cost}{play}" if cost is not None and cost.amount else ""
    return f"Waited for {len(snapshots):,} videos: {standing(snapshots)}{paid}."


def standing(snapshots: Sequence[Snapshot]) -> str:
    """How many stand where, in a word each: ``1 done, 2 running, 1 queued``."""
    count = Counter(_word(one) for one in snapshots)
    return ", ".join(f"{number:,} {word}" for word, number in count.items())


def quiet_line(text: str) -> str:
    """A line of text as HTML, that takes no more attention than it needs."""
    return fill("quiet.html.j2", text=text)


def _word(snapshot: Snapshot) -> str:
    working = snapshot.status.running and snapshot.status != Status.QUEUED
    return "running" if working else words.brief(snapshot)


def _left(snapshots: Sequence[Snapshot]) -> float | None:
    """Seconds until the last of them is there, as far as that can be told; None where it cannot."""
    running = [one for one in snapshots if not one.status.ended]
    work = [one.progress for one in running if one.status != Status.QUEUED]
    # What one takes from beginning to end, for those that have not begun.
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


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
