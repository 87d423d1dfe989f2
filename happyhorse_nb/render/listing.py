"""Many jobs as a table, in HTML and in plain text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path, PurePath

from happyhorse_nb.models import Snapshot
from happyhorse_nb.render import words
from happyhorse_nb.render.links import link, shown
from happyhorse_nb.render.page import fill, style
from happyhorse_nb.render.units import ago, columns, plain

# The id stands early: it is what the commands take.
_HEADS = ("state", "id", "prompt", "parameters", "cost", "age", "file")
_EMPTY = "No jobs yet."


@dataclass(frozen=True)
class _Row:
    tone: str
    state: str
    prompt: str
    parameters: str
    cost: str
    age: str
    id: str
    file: str
    link: str

    @property
    def folder(self) -> str:
        """The file's, with the slash; it is left out where there is little room."""
        return self.file[: len(self.file) - len(self.name)]

    @property
    def name(self) -> str:
        """The file's own."""
        return PurePath(self.file).name

    @property
    def cells(self) -> tuple[str, ...]:
        return self.state, self.id, self.prompt, self.parameters, self.cost, self.age, self.file


def table(
    snapshots: Sequence[Snapshot],
    *,
    now: float,
    start: Path | None = None,
    everything: Sequence[Snapshot] | None = None,
    pictures: Sequence[bytes | None] = (),
    empty: str = _EMPTY,
) -> str:
    """An HTML table, one row a job, the sums in its caption.

    Files are links where ``start``, the notebook's folder, is given; ``now`` is Unix seconds. The sums are those of
    ``everything``, where the table shows only a part of it. ``pictures`` are small JPEGs, one a row; ``empty`` is what
    is said where there is no row.
    """
    rows = [_row(snapshot, now, start) for snapshot in snapshots]
    return fill(
        "table.html.j2",
        style=style(),
        heads=_HEADS,
        rows=[
            (row, b64encode(picture).decode("ascii") if picture else "")
            for row, picture in zip_longest(rows, pictures[: len(rows)])
        ],
        caption=sums(snapshots if everything is None else everything, shown=len(snapshots)),
        empty=empty,
    )


def table_text(
    snapshots: Sequence[Snapshot],
    *,
    now: float,
    start: Path | None = None,
    everything: Sequence[Snapshot] | None = None,
    empty: str = _EMPTY,
) -> str:
    """The same as aligned plain text, the sums in its last line."""
    if not snapshots:
        return empty
    rows = [_HEADS, *(_row(snapshot, now, start, prompt=32).cells for snapshot in snapshots)]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(_HEADS))]
    lines = [
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", sums(snapshots if everything is None else everything, shown=len(snapshots))])


def sums(snapshots: Sequence[Snapshot], *, shown: int | None = None) -> str:
    """How many jobs, and what they cost: bills and estimates apart, real and play money never in one sum."""
    count = f"{len(snapshots)} job{'' if len(snapshots) == 1 else 's'}"
    if shown is not None and shown < len(snapshots):
        count = f"the newest {shown} of {count}"
    real = _amounts([s for s in snapshots if not s.sandbox])
    play = _amounts([s for s in snapshots if s.sandbox])
    parts = [count, real, f"{play} of play money (sandbox)" if play else ""]
    return "; ".join(part for part in parts if part)


def _amounts(snapshots: Sequence[Snapshot]) -> str:
    billed = about = Decimal(0)
    for snapshot in snapshots:
        cost = snapshot.cost
        # A reused job was paid for in the row that made it; a refused or failed one is not charged.
        if cost is None or snapshot.reused or snapshot.shared:
            continue
        if cost.billed:
            billed += cost.amount
        elif snapshot.charged:
            about += cost.amount
    parts = [f"${billed:.2f} billed" if billed else "", f"about ${about:.2f} not billed yet" if about else ""]
    return ", ".join(part for part in parts if part)


def _row(snapshot: Snapshot, now: float, start: Path | None, prompt: int = 160) -> _Row:
    path = snapshot.path
    file, address = ("", "") if path is None else (shown(path), "") if start is None else link(path, start)
    return _Row(
        tone=words.tone(snapshot),
        state=words.short_state(snapshot),
        prompt=plain(snapshot.prompt, prompt),
        parameters=words.parameters(snapshot),
        cost=words.money(snapshot) if snapshot.charged else "not charged",
        age=ago(now - snapshot.created) if snapshot.created else "",
        id=plain(snapshot.short_id, 40),
        file=file,
        link=address,
    )
