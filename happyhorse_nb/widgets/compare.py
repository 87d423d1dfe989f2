"""Finished videos side by side, and buttons to keep one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import Status
from happyhorse_nb.settings import frontend, notebook_folder
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Bundle, Output, Place, Places

if TYPE_CHECKING:
    from happyhorse_nb.job import Job, Takes

#: Beside the view there is nothing for where widgets do not run: there is nobody to click.
_ELSEWHERE: Bundle = {"text/html": "", "text/plain": ""}


class KeepRow:
    """One button for each of so many videos. All widgets are made here, on the main thread."""

    def __init__(self, count: int, on_keep: Callable[[int], None]) -> None:
        import ipywidgets as widgets

        self._said = widgets.HTML(render.style("compare"))
        self._buttons = [widgets.Button(description=f"Keep {letter}") for letter in render.LETTERS[:count]]
        for place, button in enumerate(self._buttons):
            button.on_click(lambda _, place=place: on_keep(place))
        self._row = widgets.HBox([*self._buttons, self._said])
        self._row.add_class("hh-ui").add_class("hh-keep")

    @property
    def bundle(self) -> dict[str, Any]:
        """The MIME bundle that shows the row."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._row.model_id}
        return {**_ELSEWHERE, WIDGET_VIEW: view}

    def offer(self, count: int) -> None:
        """Have buttons for so many of them."""
        self._row.children = (*self._buttons[:count], self._said)

    def say(self, html: str) -> None:
        """Say this beside the buttons."""
        self._said.value = html

    def finish(self, html: str) -> None:
        """Say this in place of the buttons."""
        self._said.value = html
        self._row.children = (self._said,)


LEAST, MOST = 2, 4


def compare(*jobs: Job | Takes | str) -> Comparison:
    """Two to four finished videos side by side, playing in step, and below them what differs in their requests.

    Each is a `Job` or any unambiguous piece of its id; `Takes` stand for those of them that are done. In a notebook
    what is returned shows itself; so does ``%happyhorse compare JOB JOB``. Raises `InvalidRequest` for fewer or more,
    for one that is not done, and where a file is missing, and `JobNotFound`.
    """
    from happyhorse_nb.api.lookup import jobs_of
    from happyhorse_nb.settings.config import embed_limit

    found: list[Job] = []
    for one in jobs:
        some = jobs_of("compare", one)
        several = isinstance(one, Iterable) and not isinstance(one, str)
        found += [job for job in some if not several or _comes(job.snapshot.status)]
    check(found)
    return Comparison(found, embed_limit=embed_limit())


def check(jobs: Sequence[Job]) -> None:
    """Raises `InvalidRequest`, in one line, where these cannot be compared."""
    if not LEAST <= len(jobs) <= MOST:
        remedy = "Leave some out" if len(jobs) > MOST else "Name another job"
        raise _cannot(f"compare takes {LEAST} to {MOST} finished videos, not {len(jobs)}. {remedy}.")
    for place, job in enumerate(jobs):
        now = job.snapshot
        if any(job.id == other.id for other in jobs[:place]):
            raise _cannot(f"compare: job {now.short_id} is named twice. Name another one beside it.")
        if now.status.running:
            raise _cannot(
                f"compare: job {now.short_id} is {now.status} and has no video yet. "
                f"Wait for it: %happyhorse wait {now.short_id}"
            )
        if now.status != Status.DONE:
            raise _cannot(f"compare: job {now.short_id} is {now.status} and has no video. Leave it out.")
        if now.path is None or not now.path.is_file():
            raise _cannot(
                f"compare: the file of job {now.short_id} is not at {now.path} any more. "
                f"Put it back there, or leave the job out."
            )


class Comparison:
    """A comparison that shows itself: the videos with their script, which live without a kernel, and below them a place
    for the buttons that need one."""

    def __init__(self, jobs: Sequence[Job], *, embed_limit: float, start: Path | None = None) -> None:
        self.jobs = tuple(jobs)
        self._embed_limit = embed_limit
        # Links are relative to the notebook's folder: where the cell runs, not where the kernel goes later.
        self._start = notebook_folder() if start is None else start

    def __repr__(self) -> str:
        return self.bundle()["text/plain"]

    def _ipython_display_(self) -> None:
        self.open()

    def bundle(self) -> dict[str, str]:
        """The MIME bundle of the videos, with the files as they are now."""
        return render.comparison(self._sides(), embed_limit=self._embed_limit, start=self._start)

    def open(self, places: Places = Output) -> None:
        """Put it into the running cell, or into another slot's ``places``."""
        places().put(self.bundle())
        if buttons_live():
            row = places()
            row.put(self.row(row))

    def row(self, place: Place) -> Bundle:
        """The buttons, for this place: it takes the words that say which one was kept."""
        row = KeepRow(len(self.jobs), lambda number: self.keep(number, row, place))
        return row.bundle

    def keep(self, number: int, row: KeepRow, place: Place) -> None:
        """Give that one the star, and say so in place of the buttons."""
        try:
            for other in self.jobs:
                if other.id != self.jobs[number].id and other.starred:
                    other.star(False)
            self.jobs[number].star()
            sides = self._sides()
            said = render.kept(sides, number)
            row.finish(said)
            place.change({"text/html": said, "text/plain": render.kept_text(sides, number)})
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            row.say(render.trouble(self.jobs[number].id, problem))

    def _sides(self) -> list[render.Side]:
        return [render.Side(job.snapshot, job.thumbnail, job.record.frame) for job in self.jobs]


def buttons_live() -> bool:
    """Whether somebody can click: not in a terminal, and not where a notebook runs without its user."""
    return frontend.in_notebook() and (frontend.in_colab() or not frontend.waits_by_default())


def _comes(status: Status) -> bool:
    """Whether there is a video, or may be."""
    return status.running or status == Status.DONE


def _cannot(text: str) -> InvalidRequest:
    return InvalidRequest(text, param="compare")
