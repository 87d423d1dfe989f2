"""What the widgets read from the ledger: pages of jobs with their sums, and the inputs of a job."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from happyhorse_nb.api.catalog import GROUPS, Jobs, caption, empty
from happyhorse_nb.engine.core import engine
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import MODELS
from happyhorse_nb.render.gallery import Poster
from happyhorse_nb.store import Filter, Record, Take

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.request import Request

#: The filter of each view of the gallery.
_VIEWS: dict[str, dict[str, Any]] = {
    "all": {},
    "starred": {"starred": True},
    "running": {"status": GROUPS["running"]},
    "failed": {"status": GROUPS["failures"]},
    "removed": {"removed": True},
}
#: The fields that a view sets, with their defaults.
_OPEN: dict[str, Any] = {"status": frozenset(), "starred": None, "removed": False}
#: The option of each role of inputs.
_OPTIONS = {role.name: role.option for model in MODELS.values() for role in model.inputs}
#: The view of a query that fits none of the others.
_AS_ASKED = "as asked"


class Pages:
    """The jobs that match a query, ``size`` to a page, newest first, takes of one request together.

    ``number`` is the page, from 0 on, ``view`` one of ``views``. Methods that read raise `LedgerError`.
    """

    def __init__(self, query: Filter, size: int) -> None:
        self._engine = engine()
        self._query = query
        self._size = size
        self._records: dict[str, Record] = {}
        self.number = self.count = 0
        asked = {name: value for name in _OPEN if (value := getattr(query, name))}
        fitting = [name for name, means in _VIEWS.items() if means == asked and query.starred is not False]
        self.view = fitting[0] if fitting else _AS_ASKED
        self.views = [*([] if fitting else [_AS_ASKED]), *_VIEWS]

    @property
    def query(self) -> Filter:
        """The query of the current view."""
        return self._query if self.view == _AS_ASKED else replace(self._query, **{**_OPEN, **_VIEWS[self.view]})

    @property
    def text(self) -> str:
        """The words that are searched for."""
        return self._query.text

    @property
    def model(self) -> str:
        """The model whose jobs are listed; empty for all."""
        return self._query.model

    @property
    def removed(self) -> bool:
        """Whether removed jobs are listed, and no others."""
        return bool(self.query.removed)

    @property
    def pages(self) -> int:
        """The number of pages, at least 1."""
        return max(1, -(-self.count // self._size))

    def ask(self, text: str, model: str, view: str) -> None:
        """Change the query, and go to the first page."""
        self._query = replace(self._query, text=text, model=model)
        self.view, self.number = view, 0

    def read(self) -> list[Poster]:
        """Read this page, or the last one if it is beyond that."""
        self.count = self._engine.ledger.count(self.query)
        self.number = min(max(0, self.number), self.pages - 1)
        found = self._read(self.number)
        self._records = {take.record.snapshot.id: take.record for take in found}
        return [_poster(take) for take in found]

    def newest(self) -> list[Poster]:
        """The jobs of the first page."""
        return [_poster(take) for take in self._read(0)]

    def job(self, job_id: str) -> Job:
        """A job of the page read last."""
        return self._engine.known(self._records[job_id])

    def running(self) -> list[Job]:
        """The jobs of that page that this process watches."""
        return [job for job in self._engine.running() if job.id in self._records]

    def caption(self) -> str:
        """How many jobs there are, what they cost, and what was spent; commands stand between backticks."""
        return caption(self._engine.ledger, self.query, now=time.time())

    def empty(self) -> str:
        """The line in place of an empty list."""
        return empty(self._engine.ledger, self.query)

    def __repr__(self) -> str:
        return repr(Jobs(self.query))

    def _read(self, number: int) -> list[Take]:
        return self._engine.ledger.together(self._size, number * self._size, only=self.query)


def _poster(take: Take) -> Poster:
    record = take.record
    return Poster(record.snapshot, record.thumbnail, record.starred, record.removed, take.number, take.of)


def inputs_of(job: Job) -> dict[str, list[tuple[str | bytes | None, str]]]:
    """A job's inputs by their options: each a URL, the id of the job whose video it is, or the bytes of a picture, None
    where they are not stored any more; and its name, possibly empty."""
    found: dict[str, list[tuple[str | bytes | None, str]]] = {}
    for one in state_of(job).record.inputs:
        source = one.job or (one.source if one.address else engine().frames.get(one.source))
        found.setdefault(_OPTIONS.get(one.role, one.role), []).append((source, one.label))
    return found


def sources(job: Job) -> str:
    """The sources of all inputs of a job, a line each, to compare jobs by."""
    return state_of(job).record.sources


def is_of(request: Request, job: Job) -> bool:
    """Whether the job was made by this request."""
    return request.made(state_of(job).record)
