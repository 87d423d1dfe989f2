"""The jobs of the ledger as a sequence: all of them, or those that fit a filter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from happyhorse_nb.jobs.engine import engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.ledger import EVERYTHING, LISTED, Filter, Ledger, Record
from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import notebook_folder

if TYPE_CHECKING:
    from pandas import DataFrame

#: Rows of a table that a person looks at; the sums are over all jobs.
_SHOWN = 50
#: Pixels: the longer side of a row's picture, on a dense screen.
_PICTURE = (96, 96)


class Jobs(Sequence[Job]):
    """The jobs of the ledger that fit a filter, newest first or as asked. Reads what is asked for, not everything.

    In a notebook it shows itself as a table with what they cost, and what was spent; `to_frame` makes a DataFrame.
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
        run = engine()
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if step > 0:
                return [run.known(record) for record in self._read(max(0, last - first), first)[::step]]
            return [self[place] for place in range(first, last, step)]
        place = index if index >= 0 else len(self) + index
        found = self._read(1, place) if place >= 0 else []
        if not found:
            raise IndexError(f"the list has {len(self)} jobs")
        return run.known(found[0])

    def __iter__(self) -> Iterator[Job]:
        run = engine()
        return iter([run.known(record) for record in self._read()])

    def to_frame(self) -> DataFrame:
        """A pandas DataFrame, one row a job: times in UTC, costs in USD, durations in seconds, sizes in bytes.

        Raises `UsageError` where pandas is not installed.
        """
        from happyhorse_nb.jobs.frame import frame

        run = engine()
        # The star as it was read just now: a live job's record is from when it was submitted.
        return frame([(run.known(record).snapshot, record.starred) for record in self._read()])

    def __repr__(self) -> str:
        from happyhorse_nb.render import table_text

        return table_text(**self._around(self._read(_SHOWN)))

    def _repr_html_(self) -> str:
        from happyhorse_nb.images import thumbnail
        from happyhorse_nb.render import table

        records = self._read(_SHOWN)
        return table(
            pictures=[thumbnail(r.thumbnail, _PICTURE) if r.thumbnail else None for r in records],
            start=notebook_folder(),
            sort=self._order,
            **self._around(records),
        )

    def _read(self, limit: int = -1, offset: int = 0) -> list[Record]:
        return engine().ledger.newest(limit, offset, only=self._only, order=self._order)

    def _around(self, records: Sequence[Record]) -> dict[str, Any]:
        """What a table of these shows, and what stands below it."""
        run, now = engine(), time.time()
        return {
            # In a table each job stands for itself, whichever cell has shown it again.
            "snapshots": [replace(run.known(record).snapshot, reused=False) for record in records],
            "stars": [record.starred for record in records],
            "now": now,
            "caption": caption(run.ledger, self._only, now=now, limit=_SHOWN),
            "empty": empty(run.ledger, self._only),
        }


def caption(ledger: Ledger, only: Filter, *, now: float, limit: int | None = None) -> str:
    """What stands below jobs wherever they are listed: how many, what they cost, and what was spent. At most ``limit``
    of them are shown; a command in it stands between backticks."""
    from happyhorse_nb.render.listing import sums

    return sums(
        ledger.costs(only),
        limit=limit,
        spent=spent(ledger, now=now) if not only.removed else None,
        whole=only == LISTED,
        removed=ledger.count(replace(LISTED, removed=True)),
        back=bool(only.removed),
    )


def spent(ledger: Ledger, *, now: float) -> dict[str, list[Snapshot]]:
    """All that was made today, this month, and in all, by the day it was asked for: removed and forgotten ones too, for
    they were paid for."""
    day = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "today": ledger.costs(Filter(since=day.timestamp())),
        "this month": ledger.costs(Filter(since=day.replace(day=1).timestamp())),
        "in all": ledger.costs(EVERYTHING),
    }


def empty(ledger: Ledger, only: Filter) -> str:
    """What is said where no job is listed."""
    if not ledger.count():
        return "No jobs yet."
    if only == replace(LISTED, removed=True):
        return "No jobs are removed."
    return "All jobs are removed or forgotten." if only == LISTED else "No jobs match."
