"""What a card says, gathered from a snapshot: plain words that a template or a terminal only has to arrange."""

from __future__ import annotations

import re
from dataclasses import dataclass

from happyhorse_nb.models import DEFAULT_MODEL, Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.units import plain


@dataclass(frozen=True)
class Item:
    """One entry of the card's last line: words, and a piece of code to copy (an id, a command).

    ``kind`` says where it is not seen: ``now`` once the card's kernel is gone, ``way`` while buttons below do the same.
    """

    text: str = ""
    code: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Bar:
    """The progress bar: whole percent, and the same in words."""

    percent: int
    text: str


@dataclass(frozen=True)
class View:
    """All that one card says. ``phase`` is seconds into the pulse, so that it goes on where the last tick left it."""

    tone: str
    state: str
    detail: str
    prompt: str
    bar: Bar | None
    message: str
    remedy: tuple[Item, ...]
    note: str
    meta: tuple[Item, ...]
    id: str
    phase: float


#: Seconds; the same figure stands in style.css.
PULSE = 1.6


def view(snapshot: Snapshot, now: float) -> View:
    """The card of this snapshot at this instant (Unix seconds)."""
    message, remedy = words.say(snapshot)
    running = snapshot.status.running
    return View(
        tone=words.tone(snapshot),
        state=words.state(snapshot),
        detail=words.detail(snapshot, now),
        prompt=plain(snapshot.prompt, 160),
        bar=Bar(words.percent(snapshot), words.remaining(snapshot)) if running else None,
        message=message,
        remedy=spans(remedy),
        note=words.note(snapshot),
        meta=tuple(_meta(snapshot)),
        id=plain(snapshot.short_id, 40),
        phase=round(now % PULSE, 2),
    )


def spans(text: str) -> tuple[Item, ...]:
    """Our own words, split where a command stands between backticks."""
    pieces = re.split(r"`([^`]+)`", text)
    return tuple(Item(code=piece) if place % 2 else Item(text=piece) for place, piece in enumerate(pieces) if piece)


def _meta(snapshot: Snapshot) -> list[Item]:
    status = snapshot.status
    size = words.pixels(snapshot)
    made_of = words.parameters(snapshot)
    items = [Item(", ".join(part for part in (made_of, size) if part))]
    if snapshot.model and snapshot.model != DEFAULT_MODEL:
        items.append(Item(plain(snapshot.model, 60)))
    if status not in (Status.DONE, Status.REFUSED, Status.FAILED) and snapshot.charged:
        items.append(Item(words.money(snapshot)))
    if snapshot.sandbox:
        items.append(Item("sandbox"))
    # Our own, from the first instant to the last: commands, file names and the table call the job by it, too.
    items.append(Item(code=plain(snapshot.short_id, 40), kind="now"))
    if snapshot.name:
        items.append(Item("as", plain(snapshot.name, 60)))
    if snapshot.reused and status.running:
        items.append(Item("already on its way, nothing is bought again"))
    elif snapshot.reused and status == Status.DONE:
        items.append(Item("a new one:", "--again", kind="way"))
    elif status == Status.DONE:
        items.append(Item("another take:", f"%happyhorse again {plain(snapshot.short_id, 40)}", kind="way"))
    return [item for item in items if item.text or item.code]
