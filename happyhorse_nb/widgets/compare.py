"""Finished videos side by side, and buttons to give one of them the star."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from happyhorse_nb import render
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import Status
from happyhorse_nb.settings import frontend, notebook_folder
from happyhorse_nb.widgets.output import CellOutput, MimeBundle, NewOutput, Output, button, view

if TYPE_CHECKING:
    from happyhorse_nb.job import Job, Takes

LEAST, MOST = 2, 4


def compare(*jobs: Job | Takes | str) -> Comparison:
    """Two to four finished videos side by side, playing in step, with the differences of their requests below.

    Each is a `Job` or any unambiguous piece of its id; `Takes` stand for their finished videos. A notebook shows what
    is returned, as ``%happyhorse compare JOB JOB`` does. Raises `InvalidRequest` for fewer or more videos, for one that
    is not done or whose file is missing, and `JobNotFound`.
    """
    from happyhorse_nb.api.lookup import jobs_of
    from happyhorse_nb.settings.config import embed_limit

    found: list[Job] = []
    for one in jobs:
        several = isinstance(one, Iterable) and not isinstance(one, str)
        for job in jobs_of("compare", one):
            status = job.snapshot.status
            # Of several, only those that have a video, or may get one.
            if not several or status.running or status == Status.DONE:
                found.append(job)
    check(found)
    return Comparison(found, embed_limit=embed_limit())


def check(jobs: Sequence[Job]) -> None:
    """Raises `InvalidRequest` where these cannot be compared."""
    if not LEAST <= len(jobs) <= MOST:
        remedy = "Leave some out" if len(jobs) > MOST else "Name another job"
        raise _refusal(f"compare takes {LEAST} to {MOST} finished videos, not {len(jobs)}", f"{remedy}.")
    for number, job in enumerate(jobs):
        now = job.snapshot
        name = now.short_id
        if any(job.id == other.id for other in jobs[:number]):
            raise _refusal(f"compare: job {name} is named twice", "Name another one beside it.")
        if now.status.running:
            remedy = f"Wait for it: `%happyhorse wait {name}`"
            raise _refusal(f"compare: job {name} is {now.status} and has no video yet", remedy)
        if now.status != Status.DONE:
            raise _refusal(f"compare: job {name} is {now.status} and has no video", "Leave it out.")
        if now.path is None or not now.path.is_file():
            raise _refusal(
                f"compare: the file of job {name} is not at {now.path} any more",
                "Put it back there, or leave the job out.",
            )


def _refusal(what: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(what, remedy=remedy, param="compare")


class ChoiceRow:
    """A button for each of so many videos. All widgets are made at once, on the main thread."""

    def __init__(self, count: int, choose: Callable[[int], None]) -> None:
        import ipywidgets as widgets

        self._said = widgets.HTML(render.style("compare"))
        self._buttons = [
            button(f"Keep {letter}", partial(choose, number)) for number, letter in enumerate(render.LETTERS[:count])
        ]
        self._row = widgets.HBox([*self._buttons, self._said], _dom_classes=("hh-ui", "hh-choose"))

    @property
    def bundle(self) -> MimeBundle:
        """The MIME bundle that shows the row."""
        return view(self._row)

    def offer(self, count: int) -> None:
        """Show only the first ``count`` buttons."""
        self._row.children = (*self._buttons[:count], self._said)

    def say(self, html: str, *, buttons: bool = True) -> None:
        """Show this HTML beside the buttons, or in place of them."""
        self._said.value = html
        if not buttons:
            self._row.children = (self._said,)


class Comparison:
    """A comparison that shows itself: the videos with their script, which need no kernel, and below them the buttons,
    which do."""

    def __init__(self, jobs: Sequence[Job], *, embed_limit: float, start: Path | None = None) -> None:
        self.jobs = tuple(jobs)
        self._embed_limit = embed_limit
        # Links are relative to the notebook's folder now: the kernel may change its working folder later.
        self._start = notebook_folder() if start is None else start

    def __repr__(self) -> str:
        return self.bundle()["text/plain"]

    def _ipython_display_(self) -> None:
        self.open()

    def bundle(self) -> dict[str, str]:
        """The MIME bundle of the videos."""
        return render.comparison(self._sides(), embed_limit=self._embed_limit, start=self._start)

    def open(self, outputs: NewOutput = CellOutput) -> None:
        """Show it in the running cell, or in these ``outputs``."""
        outputs().put(self.bundle())
        if buttons_live():
            output = outputs()
            output.put(self.row(output))

    def row(self, output: Output) -> MimeBundle:
        """The buttons, shown by this output, which later says what was chosen."""
        row = ChoiceRow(len(self.jobs), lambda number: self.choose(number, row, output))
        return row.bundle

    def choose(self, number: int, row: ChoiceRow, output: Output) -> None:
        """Give that video the star, take it from the others, and say so in place of the buttons."""
        try:
            for other in self.jobs:
                if other.id != self.jobs[number].id and other.starred:
                    other.star(False)
            self.jobs[number].star()
            chosen = render.chosen(self._sides(), number)
            row.say(chosen["text/html"], buttons=False)
            output.change(chosen)
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            row.say(render.trouble(self.jobs[number].id, problem))

    def _sides(self) -> list[render.Side]:
        from happyhorse_nb.api.pages import sources
        from happyhorse_nb.job.pictures import seen

        return [render.Side(seen(job.snapshot), job.thumbnail, sources(job)) for job in self.jobs]


def buttons_live() -> bool:
    """Whether somebody can click: not in a terminal, nor where a notebook runs unattended."""
    return frontend.in_notebook() and (frontend.in_colab() or not frontend.waits_by_default())
