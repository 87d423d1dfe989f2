"""Snapshots as plain text: one line for a terminal, and for whatever shows no HTML."""

from __future__ import annotations

from happyhorse_nb.models import Snapshot
from happyhorse_nb.remedies import spoken
from happyhorse_nb.render import words
from happyhorse_nb.render.links import shown
from happyhorse_nb.render.units import plain

#: How a detail begins that reads on from the state without a comma.
_RUN_ON = ("in ", "after ", "today ", "yesterday ", "on ")


def line(snapshot: Snapshot, *, now: float) -> str:
    """One line without a line break or a terminal's control characters, ``now`` in Unix seconds."""
    detail = words.detail(snapshot, now)
    # "Done in 9 s", but "Generating, 9 s".
    joint = " " if detail.startswith(_RUN_ON) else ", "
    head = joint.join(part for part in (words.state(snapshot), detail) if part)
    if snapshot.status.running and snapshot.progress.fraction > 0:
        head += f", {words.percent(snapshot)} %"
    if snapshot.short_id:
        head += f" ({plain(snapshot.short_id, 40)})"
    note = words.note(snapshot)
    said = spoken(" ".join(part for part in (*words.say(snapshot), note) if part)).replace("`", "")
    if snapshot.path is not None:
        said = " ".join(part for part in (shown(snapshot.path), note) if part)
    return f"{head}: {said}" if said else head
