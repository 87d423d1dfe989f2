"""A job's card under its cell: live while the job runs, an ordinary saved output at its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import frontend, notebook_folder, process, served
from happyhorse_nb.widgets.compare import buttons_live
from happyhorse_nb.widgets.done import DoneRow, kept
from happyhorse_nb.widgets.live import NOTHING, LiveCard, Subject
from happyhorse_nb.widgets.panel import Look
from happyhorse_nb.widgets.place import Bundle, Output, Place, Places

if TYPE_CHECKING:
    from happyhorse_nb.jobs import Job as RealJob


#: MB, smaller than any file: then a link stands in place of the bytes.
_LINK = -1.0


class Job(Subject[Snapshot], Protocol):
    """What a card needs of a job."""

    @property
    def thumbnail(self) -> bytes | None:
        """The first frame as a small upright JPEG, once it is known."""

    @property
    def starred(self) -> bool:
        """Whether it has a star."""


def show(job: Job, *, embed_limit: float, places: Places = Output, buttons: bool | None = None) -> None:
    """Show the job in the running cell. ``embed_limit`` is the largest video to put into the notebook, in MB.

    A job that has ended is shown as ordinary outputs. ``buttons`` says whether a done card has those that act; None:
    in a cell, where somebody can click them.
    """
    snapshot = job.snapshot
    acts = (places is Output and buttons_live()) if buttons is None else buttons
    if not snapshot.status.ended:
        Card(job, embed_limit=embed_limit, places=places, buttons=acts).open()
        if places is Output:
            _stands_elsewhere(snapshot, notebook_folder())
        return
    places().put(_static(job, snapshot))
    if snapshot.status == Status.DONE:
        start = notebook_folder()
        below = places() if acts else None
        if below is not None:
            places().put(_row(job, below, embed_limit, start).bundle(snapshot, starred=job.starred))
        limit = _LINK if places is Output and _stands_elsewhere(snapshot, start) else embed_limit
        elsewhere = frontend.saved_elsewhere()
        places().put(render.video(snapshot, embed_limit=limit, start=start, elsewhere=elsewhere).data)
        if below is not None:
            below.put(NOTHING)


def _stands_elsewhere(snapshot: Snapshot, start: Path) -> bool:
    """Whether the job's video is in the output of another cell of this notebook already, so that a link will do.

    From now on it is in the running cell's, too. Known where the front end names its cells, and those that are deleted.
    """
    cell, run, gone = frontend.cells()
    if not cell:
        return False
    shown: dict[str, tuple[str, set[str]]] = process.once("cells with videos", dict)
    for deleted in gone:
        shown.pop(deleted, None)
    if shown.get(cell, ("", set()))[0] != run:
        # What this cell has shown before is gone with its output.
        shown[cell] = (run, set())
    found = any(snapshot.id in jobs for other, (_, jobs) in shown.items() if other != cell)
    linked = found and snapshot.path is not None and served(snapshot.path, start)
    if not linked:
        shown[cell][1].add(snapshot.id)
    return linked


def _row(job: Job, below: Place, embed_limit: float, start: Path) -> DoneRow:
    return DoneRow(
        cast("RealJob", job),
        below=below,
        show_card=lambda made, place: show(made, embed_limit=embed_limit, places=place, buttons=False),
        kept=lambda made: kept(made, static=lambda j: _static(j, j.snapshot), embed_limit=embed_limit, start=start),
    )


class Card(LiveCard[Snapshot]):
    """The card of one job."""

    def __init__(self, job: Job, *, embed_limit: float, places: Places = Output, buttons: bool = False) -> None:
        self._job = job
        #: The thumbnail as it was last drawn, and of what: of all that a card shows it is the longest to write.
        self._drawn: tuple[tuple[str, bytes | None], str] | None = None
        super().__init__(job, embed_limit=embed_limit, places=places)
        # Made now, on the main thread, and shown at the end.
        self._row_place: Place | None = places() if buttons else None
        self._below: Place | None = places() if buttons else None
        self._row = _row(job, self._below, embed_limit, self._start) if self._below is not None else None

    def _between(self) -> None:
        if self._row_place is not None:
            self._row_place.put(NOTHING)

    def _opened(self) -> None:
        if self._below is not None:
            self._below.put(NOTHING)

    def _finish(self, snapshot: Snapshot) -> None:
        super()._finish(snapshot)
        if self._row is not None and self._row_place is not None and snapshot.status == Status.DONE:
            self._row_place.change(self._row.bundle(snapshot))

    def _ended(self, snapshot: Snapshot) -> bool:
        return snapshot.status.ended

    def _look(self, snapshot: Snapshot) -> Look:
        return Look(
            head=self._head(snapshot),
            live=render.live(snapshot, now=time.time()) + self._note,
            said=render.spoken(snapshot),
            stop="Take out" if snapshot.status == Status.QUEUED else "Stop watching",
        )

    def _head(self, snapshot: Snapshot) -> str:
        shown = snapshot.prompt, self._job.thumbnail
        if self._drawn is None or self._drawn[0] != shown:
            self._drawn = shown, render.style() + render.thumb(snapshot, self._job.thumbnail)
        return self._drawn[1]

    def _line(self, snapshot: Snapshot) -> str:
        return render.line(snapshot, now=time.time())

    def _placeholder(self, snapshot: Snapshot) -> str:
        return render.placeholder(snapshot)

    def _static(self, snapshot: Snapshot) -> Bundle:
        return _static(self._job, snapshot)

    def _video(self, snapshot: Snapshot) -> render.VideoOutput | None:
        if snapshot.status != Status.DONE:
            return None
        return render.video(snapshot, embed_limit=self._embed_limit, start=self._start, elsewhere=self._elsewhere)


def _static(job: Job, snapshot: Snapshot) -> Bundle:
    now = time.time()
    return {
        "text/html": render.card(snapshot, job.thumbnail, now=now),
        "text/plain": render.line(snapshot, now=now),
    }
