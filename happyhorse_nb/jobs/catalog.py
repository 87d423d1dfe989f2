"""The jobs of the ledger as a sequence: all of them, or those that fit a filter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from happyhorse_nb.jobs.engine import engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.ledger import EVERYTHING, Filter, Record
from happyhorse_nb.settings import working_folder

if TYPE_CHECKING:
    from pandas import DataFrame

#: Rows of a table that a person looks at; the sums are over all jobs.
_SHOWN = 50
#: Pixels: the longer side of a row's picture, on a dense screen.
_PICTURE = (96, 96)


class Jobs(Sequence[Job]):
    """The jobs of the ledger that fit a filter, newest first. Reads what is asked for, not everything.

    In a notebook it shows itself as a table, with the sums of all jobs in it; `to_frame` makes a DataFrame.
    """

    def __init__(self, only: Filter = EVERYTHING) -> None:
        self._only = only

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
            raise IndexError(f"there are {len(self)} jobs")
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

        return table_text([_now(job) for job in self[:_SHOWN]], **self._around())

    def _repr_html_(self) -> str:
        from happyhorse_nb.images import thumbnail
        from happyhorse_nb.render import table

        some = self[:_SHOWN]
        pictures = [thumbnail(job.thumbnail, _PICTURE) if job.thumbnail else None for job in some]
        return table([_now(job) for job in some], pictures=pictures, **self._around())

    def _read(self, limit: int = -1, offset: int = 0) -> list[Record]:
        return engine().ledger.newest(limit, offset, only=self._only)

    def _around(self) -> dict[str, Any]:
        """What a table needs beside its rows."""
        return {
            "now": time.time(),
            "start": working_folder(),
            "everything": engine().ledger.costs(self._only),
            "empty": "No jobs yet." if self._only == EVERYTHING else "No job fits.",
        }


def _now(job: Job) -> Any:
    # In a table each job stands for itself, whichever cell has shown it again.
    return replace(job.snapshot, reused=False)
