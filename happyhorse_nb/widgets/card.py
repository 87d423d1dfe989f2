"""A job's card under its cell: live while the job runs, an ordinary saved output at its end."""

from __future__ import annotations

import time
from typing import Protocol

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import working_folder
from happyhorse_nb.widgets.live import LiveCard, Subject
from happyhorse_nb.widgets.panel import Look
from happyhorse_nb.widgets.place import Bundle, Output, Places


class Job(Subject[Snapshot], Protocol):
    """What a card needs of a job."""

    @property
    def thumbnail(self) -> bytes | None:
        """The first frame as a small upright JPEG, once it is known."""


def show(job: Job, *, embed_limit: float, places: Places = Output) -> None:
    """Show the job in the running cell. ``embed_limit`` is the largest video to put into the notebook, in MB.

    A job that has ended is shown as ordinary outputs, without a widget.
    """
    snapshot = job.snapshot
    if not snapshot.status.ended:
        Card(job, embed_limit=embed_limit, places=places).open()
        return
    places().put(_static(job, snapshot))
    if snapshot.status == Status.DONE:
        places().put(render.video(snapshot, embed_limit=embed_limit, start=working_folder()).data)


class Card(LiveCard[Snapshot]):
    """The card of one job."""

    def __init__(self, job: Job, *, embed_limit: float, places: Places = Output) -> None:
        self._job = job
        #: The thumbnail as it was last drawn, and of what: of all that a card shows it is the longest to write.
        self._drawn: tuple[tuple[str, bytes | None], str] | None = None
        super().__init__(job, embed_limit=embed_limit, places=places)

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
        return render.video(snapshot, embed_limit=self._embed_limit, start=self._start)


def _static(job: Job, snapshot: Snapshot) -> Bundle:
    now = time.time()
    return {
        "text/html": render.card(snapshot, job.thumbnail, now=now),
        "text/plain": render.line(snapshot, now=now),
    }
