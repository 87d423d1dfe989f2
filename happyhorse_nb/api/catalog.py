"""The jobs of the ledger as a sequence, filtered and ordered, as a table, and as a DataFrame."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, overload

from happyhorse_nb.engine.core import engine
from happyhorse_nb.errors import InvalidRequest, UsageError
from happyhorse_nb.job.job import Job
from happyhorse_nb.models import MODELS, Snapshot, Status
from happyhorse_nb.settings import notebook_folder
from happyhorse_nb.store import EVERYTHING, LISTED, ORDERS, Filter, Ledger, Record

if TYPE_CHECKING:
    from pandas import DataFrame

#: Words for several states at once. Every end without a video is a failure.
GROUPS: dict[str, frozenset[Status]] = {
    "all": frozenset(),
    "running": frozenset(status for status in Status if status.running),
    "ended": frozenset(status for status in Status if status.ended),
    "failures": frozenset(status for status in Status if status.ended and status != Status.DONE),
}
#: The most words in a search: each is a condition in SQL, and SQLite's limit is a thousand.
_WORDS = 100
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})")


@dataclass(frozen=True)
class Field:
    """One filter: its name in Python and as an option, its value (none where there is no ``metavar``), and values that
    Tab offers."""

    name: str
    help: str
    metavar: str = ""
    offers: tuple[str, ...] = ()


FIELDS = (
    Field("status", "only these states, with commas between them", "STATE", (*map(str, Status), *GROUPS)),
    Field("text", "only those with these words in prompt, id or file name", "WORDS"),
    Field("since", "only those of the last 30min, 12h or 2d, or since a date", "WHEN", ("1h", "12h", "1d", "7d")),
    Field("model", "only those of this model", "ID", tuple(MODELS)),
    Field("starred", "only those with a star"),
    Field("removed", "only those that were removed"),
)
#: The order of the table; the gallery has its own.
SORT = Field("sort", "in this order; without it the newest first", "ORDER", tuple(ORDERS))


def query(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool | None = None,
    *,
    now: float | None = None,
) -> Filter:
    """The filter for these values. None matches all jobs; forgotten ones never match, and removed ones only if asked
    for. ``now``: Unix seconds, the current time if left out. Raises `InvalidRequest` with the possible values."""
    return Filter(
        status=_states(status),
        text=_text(text),
        since=None if since is None else _instant(since, time.time() if now is None else now),
        model=_model(model),
        starred=_flag("starred", starred),
        forgotten=False,
        removed=bool(_flag("removed", removed)),
    )


def order(word: str | None) -> str:
    """The order of that name, newest first for None. Raises `InvalidRequest`."""
    found = "newest" if word is None else str(word).strip().lower()
    if found not in ORDERS:
        raise InvalidRequest(
            f"there is no order {_short(str(word))!r}", limit=f"there are {', '.join(ORDERS)}", param="sort"
        )
    return found


def add_filters(parser: ArgumentParser, *, sort: bool = False) -> None:
    """Add the filters to a parser, and with ``sort`` the order; each action's ``offers`` are for Tab."""
    for field in (*FIELDS, *([SORT] if sort else [])):
        how: dict[str, Any] = {"metavar": field.metavar} if field.metavar else {"action": "store_true", "default": None}
        parser.add_argument(f"--{field.name}", help=field.help, **how).offers = field.offers  # type: ignore[attr-defined]


def chosen(args: Namespace) -> dict[str, Any]:
    """The filters among parsed options, and the order."""
    return {field.name: getattr(args, field.name) for field in (*FIELDS, SORT) if hasattr(args, field.name)}


def _states(given: object) -> frozenset[Status]:
    if given is None:
        return frozenset()
    # A value that is neither text nor iterable is refused below like an unknown state.
    some = given if isinstance(given, Iterable) else (given,)
    words = str(given).split(",") if isinstance(given, str) else [str(word) for word in some]
    found: set[Status] = set()
    for word in (word.strip().lower() for word in words):
        if word == "all":
            return frozenset()
        if word in GROUPS:
            found |= GROUPS[word]
        elif word in Status._value2member_map_:
            found.add(Status(word))
        else:
            known = ", ".join([*map(str, Status), *GROUPS])
            raise InvalidRequest(f"there is no status {_short(word)!r}", limit=f"there are {known}", param="status")
    return frozenset(found)


def _text(given: object) -> str:
    if given is None:
        return ""
    words = given.split() if isinstance(given, str) else []
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        # A lone surrogate, which the ledger cannot hold.
        words = []
    if not isinstance(given, str) or (given.strip() and not words) or len(words) > _WORDS:
        raise InvalidRequest(
            f"text={_short(ascii(given))} cannot be looked for",
            remedy=f"Give up to {_WORDS} words of prompt, id or file name.",
            param="text",
        )
    return " ".join(words)


def _flag(name: str, given: object) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    raise InvalidRequest(f"{name}={_short(repr(given))} is neither True nor False", param=name)


def _instant(given: object, now: float) -> float:
    """Unix seconds."""
    try:
        if isinstance(given, timedelta):
            return now - given.total_seconds()
        if isinstance(given, datetime):
            return given.timestamp()
        if isinstance(given, date):
            return datetime(given.year, given.month, given.day).astimezone().timestamp()
        if isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given):
            return float(given)
        if isinstance(given, str):
            span = _SPAN.fullmatch(given.strip().lower())
            if span:
                return now - float(span[1]) * _UNITS[span[2]]
            return datetime.fromisoformat(given.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidRequest(
        f"since={_short(str(given))!r} is no time",
        remedy="Give 30min, 12h, 2d, a date such as 2026-11-20, a datetime, a timedelta, or Unix seconds.",
        param="since",
    )


def _model(given: str | None) -> str:
    if given is None or not str(given).strip():
        return ""
    if str(given) not in MODELS:
        raise InvalidRequest(
            f"there is no model {_short(str(given))!r}", limit=f"there are {', '.join(MODELS)}", param="model"
        )
    return str(given)


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"


def frame(jobs: Sequence[tuple[Snapshot, bool]]) -> DataFrame:
    """A DataFrame with a row for each job, given as its snapshot and whether it has a star. Raises `UsageError` where
    pandas is missing."""
    try:
        import pandas as pd
    except ImportError:
        raise UsageError(
            "a DataFrame needs pandas, which is not installed", remedy="Install it: pip install pandas"
        ) from None
    options = {param.name: param.kind for model in MODELS.values() for param in model.options}
    rows = [_row(snapshot, starred, options) for snapshot, starred in jobs]
    table = pd.DataFrame(rows, columns=list(_row(Snapshot(status=Status.QUEUED), False, options)))
    for name in ("created", "submitted", "ended"):
        table[name] = pd.to_datetime(table[name].astype("float64"), unit="s", utc=True)
    for name in (*(name for name, kind in options.items() if kind == "integer"), "width", "height", "size"):
        # Nullable integers: a missing value must not turn the others into floats.
        table[name] = pd.to_numeric(table[name], errors="coerce").astype("Int64")
    some = {"cost": "float64", "took": "float64", "billed": "bool", "sandbox": "bool", "starred": "bool"}
    return table.astype(some)


def _row(snapshot: Snapshot, starred: bool, options: Mapping[str, str]) -> dict[str, Any]:
    def same(*names: str) -> dict[str, Any]:
        return {name: getattr(snapshot, name) for name in names}

    cost, model = snapshot.charge, MODELS.get(snapshot.model)
    # The server's defaults, for what was left out.
    params = {p.name: p.default for p in model.options} if model else {}
    params |= snapshot.params
    return {
        **same("id", "task_id"),
        "status": str(snapshot.status),
        **same("created", "submitted", "ended", "model", "prompt"),
        **{name: params.get(name) for name in options},
        "cost": None if cost is None else float(cost),
        "billed": cost is not None and cost.billed,
        **same("took", "width", "height", "size"),
        "path": None if snapshot.path is None else str(snapshot.path),
        "starred": starred,
        **same("sandbox", "message"),
    }


#: The most rows of a table; its sums are over all jobs.
SHOWN = 50
#: The largest picture in a row, in pixels, for a high-resolution screen.
PICTURE = (96, 96)


class Jobs(Sequence[Job]):
    """The jobs of the ledger that match a filter, newest first or in another order. Reads only what is asked for.

    A notebook shows it as a table with what the jobs cost and what was spent; `to_frame` makes a DataFrame.
    """

    def __init__(self, only: Filter = LISTED, order: str = "newest") -> None:
        self._only = only
        self._order = order

    def __len__(self) -> int:
        return engine().ledger.count(self._only)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> list[Job]: ...
    def __getitem__(self, index: int | slice) -> Job | list[Job]:
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if step > 0:
                return list(map(engine().known, self._read(max(0, last - first), first)[::step]))
            return [self[number] for number in range(first, last, step)]
        number = index if index >= 0 else len(self) + index
        found = self._read(1, number) if number >= 0 else []
        if not found:
            raise IndexError(f"the list has {len(self)} jobs")
        return engine().known(found[0])

    def __iter__(self) -> Iterator[Job]:
        return iter(list(map(engine().known, self._read())))

    def to_frame(self) -> DataFrame:
        """A pandas DataFrame with a row for each job: times in UTC, costs in USD, durations in seconds, sizes in bytes.

        Raises `UsageError` where pandas is not installed.
        """
        run = engine()
        # The star from the row just read: a running job's own record is as old as the job.
        return frame([(run.known(record).snapshot, record.starred) for record in self._read()])

    def __repr__(self) -> str:
        from happyhorse_nb.render import table_text

        return table_text(**self._around(self._read(SHOWN)))

    def _repr_html_(self) -> str:
        from happyhorse_nb.inputs import thumbnail
        from happyhorse_nb.render import table

        records = self._read(SHOWN)
        return table(
            pictures=[thumbnail(r.thumbnail, PICTURE) if r.thumbnail else None for r in records],
            start=notebook_folder(),
            sort=self._order,
            removed=bool(self._only.removed),
            **self._around(records),
        )

    def _read(self, limit: int = -1, offset: int = 0) -> list[Record]:
        return engine().ledger.newest(limit, offset, only=self._only, order=self._order)

    def _around(self, records: Sequence[Record]) -> dict[str, Any]:
        run, now = engine(), time.time()
        return {
            # A table does not say which cell has reused a job.
            "snapshots": [replace(run.known(record).snapshot, reused=False) for record in records],
            "stars": [record.starred for record in records],
            "now": now,
            "caption": caption(run.ledger, self._only, now=now, limit=SHOWN),
            "empty": empty(run.ledger, self._only),
        }


def caption(ledger: Ledger, only: Filter, *, now: float, limit: int | None = None) -> str:
    """The line below a list of jobs, at most ``limit`` of them shown: how many, what they cost, and what was spent.
    Commands stand between backticks."""
    from happyhorse_nb.render.tables import sums

    # By the day of the request, with removed and forgotten jobs, which were paid for too.
    day = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    times = {"today": Filter(since=day.timestamp()), "this month": Filter(since=day.replace(day=1).timestamp())}
    times["in all"] = EVERYTHING
    return sums(
        ledger.costs(only),
        limit=limit,
        spent=None if only.removed else {when: ledger.costs(some) for when, some in times.items()},
        whole=only == LISTED,
        removed=ledger.count(replace(LISTED, removed=True)),
        back=bool(only.removed),
    )


def empty(ledger: Ledger, only: Filter) -> str:
    """The line in place of an empty list."""
    if not ledger.count():
        return "No jobs yet."
    if only == replace(LISTED, removed=True):
        return "No jobs are removed."
    return "All jobs are removed or forgotten." if only == LISTED else "No jobs match."
