"""Jobs as a table, in HTML and in plain text, with their sums."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from statistics import median

from happyhorse_nb.errors import in_words_here
from happyhorse_nb.models import Model, Param, Role, Snapshot, Status
from happyhorse_nb.render import words
from happyhorse_nb.render.cards import fill, link, shown, spans, style
from happyhorse_nb.render.words import about, columns, instant, joined, plain

_HEADS = ("what", "state", "id", "how", "$", "when", "★", "file")
_EMPTY = "No jobs yet."
#: The column of each order, and its direction.
_SORTED = {
    "newest": ("when", "descending"),
    "oldest": ("when", "ascending"),
    "cost": ("$", "descending"),
    "prompt": ("what", "ascending"),
    "starred": ("star", "descending"),
}
#: Characters of a prompt in a line of text.
_PROMPT = 48


def table(
    snapshots: Sequence[Snapshot],
    *,
    now: float,
    start: Path | None = None,
    pictures: Sequence[bytes | None] = (),
    stars: Sequence[bool] = (),
    caption: str | None = None,
    sort: str = "newest",
    empty: str = _EMPTY,
    removed: bool = False,
) -> str:
    """An HTML table with a row for each job.

    Files are links where ``start``, the notebook's folder, is given; ``now`` is Unix seconds. ``pictures`` are small
    JPEGs and ``stars`` say which job has one, both one for each row; ``caption`` is that of `sums`, for these jobs
    where it is left out; ``empty`` stands in place of no rows; ``removed``: these are hidden elsewhere.
    """
    both, some = mixed(snapshots), zip_longest(snapshots, pictures[: len(snapshots)], stars[: len(snapshots)])
    head, way = _SORTED.get(sort, ("", ""))
    return fill(
        "table.html.j2",
        style=style(),
        rows=[_cells(*row, now, start, both) for row in some],
        caption=spans(sums(snapshots) if caption is None else caption),
        sorted=head,
        way=way,
        empty=empty,
        move="restore" if removed else "remove",
    )


def table_text(
    snapshots: Sequence[Snapshot],
    *,
    now: float,
    stars: Sequence[bool] = (),
    caption: str | None = None,
    empty: str = _EMPTY,
) -> str:
    """The same table as aligned plain text, with the cost in the last line."""
    below = in_words_here(sums(snapshots) if caption is None else caption)
    if not snapshots:
        return f"{empty}\n{below}".rstrip()
    both = mixed(snapshots)
    lines = [_HEADS, *(_line(*row, now, both) for row in zip_longest(snapshots, stars[: len(snapshots)]))]
    widths = [max(columns(line[column]) for line in lines) for column in range(len(_HEADS))]
    told = [
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([*told, "", below])


@dataclass(frozen=True)
class ModelRow:
    """A model, what a second of its video costs by resolution (USD), and how long its last jobs took here (seconds)."""

    model: Model
    a_second: Mapping[str, Decimal]
    times: tuple[float, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of its row."""
        model = self.model
        prices = ", ".join(f"${price.normalize():f} ({level})" for level, price in self.a_second.items())
        billed = ", of input and output" if model.edits else ""
        return (
            model.id,
            model.kind,
            joined(
                *(_inputs(role) for role in model.inputs), "text" if model.param("prompt").required else "text or none"
            ),
            joined(*(_choices(param) for param in model.options if param.choices or param.unit)),
            f"{prices}{billed}" if prices else "not known",
            f"{about(median(self.times))} ({len(self.times)})" if self.times else "not yet used",
        )


_MODEL_HEADS = ("model", "makes", "of", "takes", "$ a second", "took here")


def models_table(rows: Sequence[ModelRow]) -> str:
    """An HTML table of the models."""
    return fill("models.html.j2", style=style(), heads=_MODEL_HEADS, rows=[row.cells for row in rows])


def models_text(rows: Sequence[ModelRow]) -> str:
    """The same as plain text, some lines for each."""
    told = []
    for row in rows:
        model, makes, of, takes, price, took = row.cells
        told.append(f"{model}: {makes}, of {of}\n  {takes}\n  USD a second: {price}; took here: {took}")
    return "\n".join(told)


def _inputs(role: Role) -> str:
    if role.maximum == 1:
        return f"a {role.words}"
    return f"{role.minimum} to {role.maximum} {role.words}s"


def _choices(param: Param) -> str:
    if param.choices:
        return f"{param.name} {' '.join(param.choices)}"
    return f"{param.name} {param.minimum} to {param.maximum} {'s' if param.unit == 'seconds' else param.unit}"


def sums(
    snapshots: Sequence[Snapshot],
    *,
    limit: int | None = None,
    spent: Mapping[str, Sequence[Snapshot]] | None = None,
    whole: bool = False,
    removed: int = 0,
    back: bool = False,
) -> str:
    """How many jobs, what they cost, and what was ``spent`` in which time. Bills and estimates are told apart, and real
    and play money are never added up. At most ``limit`` of the jobs are shown.

    ``whole``: these are all jobs, so what was spent is what they cost. ``removed``: how many are hidden; ``back``:
    these are the hidden ones. Commands stand between backticks.
    """
    count = f"{len(snapshots)} {'removed ' if back else ''}job{'' if len(snapshots) == 1 else 's'}"
    if limit is not None and limit < len(snapshots):
        count = f"the first {limit} of {count}"
    alone = "" if whole and spent else _money({"": snapshots})
    counted = joined(count, alone) if snapshots else ""
    all_told = _money(spent) if spent else ""
    told = joined(counted, f"spent: {all_told}" if all_told and not whole else all_told, by="; ")
    hint = f"{removed} removed: `%happyhorse restore` undoes that" if removed else ""
    if back:
        hint = "`%happyhorse restore JOB` brings one back" if snapshots else ""
    return joined(told, hint, by=". ")


def _money(spent: Mapping[str, Sequence[Snapshot]]) -> str:
    """The sums for each time, in dollars and then in play money; the kind is said once."""
    parts = []
    for play in (False, True):
        some = {when: [s for s in told if s.sandbox == play] for when, told in spent.items()}
        sums = {when: _amount(told) for when, told in some.items()}
        if not any(total for total, _ in sums.values()):
            continue
        amounts = [f"${total:.2f} {when}".rstrip() for when, (total, _) in sums.items()]
        open_ = max(guess for _, guess in sums.values())
        every = open_ == max(total for total, _ in sums.values())
        unbilled = "not yet billed" if every else f"about ${open_:.2f} of it not yet billed"
        told = ", ".join([*amounts, *([unbilled] if open_ else [])])
        if every and len(amounts) == 1:
            told = f"about {told}"
        parts.append(f"{told}{',' if ',' in told else ''} of play money" if play else told)
    return "; ".join(parts)


def _amount(snapshots: Sequence[Snapshot]) -> tuple[Decimal, Decimal]:
    """What these jobs cost in all, and how much of that is not billed yet, in USD."""
    total = open_ = Decimal(0)
    for snapshot in snapshots:
        cost = snapshot.charge
        # A reused job is counted in the row that has paid for it.
        if cost is not None and not snapshot.reused:
            total += cost.amount
            open_ += Decimal(0) if cost.billed else cost.amount
    return total, open_


def mixed(snapshots: Sequence[Snapshot]) -> bool:
    """Whether some of these cost play money and some real: only then rows say which."""
    return len({snapshot.sandbox for snapshot in snapshots}) > 1


def _dollars(snapshot: Snapshot, mixed: bool) -> str:
    told = words.amount(snapshot)
    return f"{told} play" if told and mixed and snapshot.sandbox else told


def _when(snapshot: Snapshot, now: float) -> str:
    return instant(snapshot.created, now).removeprefix("on ") if snapshot.created else ""


def _state(snapshot: Snapshot) -> str:
    left = snapshot.progress.left
    going = snapshot.status.running and snapshot.status != Status.QUEUED and left is not None and left > 0
    return f"{words.short_state(snapshot)}, {about(left)} left" if going and left else words.short_state(snapshot)


def _line(snapshot: Snapshot, starred: bool | None, now: float, mixed: bool) -> tuple[str, ...]:
    return (
        plain(snapshot.prompt, _PROMPT) or "No prompt",
        words.short_state(snapshot),
        plain(snapshot.short_id, 40),
        words.parameters(snapshot),
        _dollars(snapshot, mixed),
        _when(snapshot, now),
        "★" if starred else "",
        "" if snapshot.path is None else shown(snapshot.path),
    )


def _cells(
    snapshot: Snapshot, picture: bytes | None, starred: bool | None, now: float, start: Path | None, mixed: bool
) -> dict[str, object]:
    path = snapshot.path
    file, address = ("", "") if path is None else (shown(path), "") if start is None else link(path, start)
    return {
        "picture": b64encode(picture).decode("ascii") if picture else "",
        "tone": words.tone(snapshot),
        "prompt": plain(snapshot.prompt, 240) or "No prompt",
        "state": _state(snapshot),
        "id": plain(snapshot.short_id, 40),
        "name": plain(snapshot.name, 60) if snapshot.name else "",
        "how": words.parameters(snapshot),
        "cost": _dollars(snapshot, mixed).removeprefix("~"),
        "guess": _dollars(snapshot, mixed).startswith("~"),
        "money": words.money(snapshot) if snapshot.charged else "not charged",
        "when": _when(snapshot, now),
        "starred": bool(starred),
        "message": words.said(snapshot),
        "task": plain(snapshot.task_id, 200) if snapshot.task_id else "",
        "model": plain(snapshot.model, 60),
        "file": file,
        "link": address,
    }
