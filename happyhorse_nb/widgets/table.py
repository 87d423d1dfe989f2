"""Several jobs as a table that moves while any of them runs, and is an ordinary saved output at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.render.tables import sums
from happyhorse_nb.settings import notebook_folder, process
from happyhorse_nb.widgets.output import CellOutput, MimeBundle, NewOutput, view
from happyhorse_nb.widgets.takes import Snapshots, Together, ended
from happyhorse_nb.widgets.work import MessageRate

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

#: Rows of a table that a person looks at; its sums are over all of them.
SHOWN = 50
#: Pixels: the longer side of a row's picture, on a dense screen.
PICTURE = (96, 96)


def show(jobs: Sequence[Job], *, pictures: Sequence[bytes | None] = (), outputs: NewOutput = CellOutput) -> None:
    """Show the jobs in the running cell; ``pictures`` are small JPEGs, one for each."""
    JobTable(jobs, pictures, outputs()).open()


class JobTable:
    """The table of some jobs. From the background only a trait and its output are set."""

    def __init__(self, jobs: Sequence[Job], pictures: Sequence[bytes | None], output: Any) -> None:
        self._jobs = Together(jobs)
        self._pictures = pictures[:SHOWN]
        self._output = output
        self._start = notebook_folder()
        self._rate = MessageRate()
        self._guard = process.Guard()
        self._widget: Any = None
        self._unsubscribe: Callable[[], None] | None = None

    def open(self) -> None:
        """Put it into the running cell, and follow those that run."""
        snapshots = self._jobs.snapshot
        bundle = self._bundle(snapshots)
        if ended(snapshots):
            self._output.put(bundle)
            return
        import ipywidgets as widgets

        self._widget = widgets.HTML(bundle["text/html"])
        self._output.put(view(self._widget, bundle["text/plain"]))
        # Not under the guard: whoever calls the listener may hold a lock of its own.
        self._unsubscribe = self._jobs.subscribe(self.apply)
        self.apply(self._jobs.snapshot)

    def apply(self, snapshots: Snapshots) -> None:
        """Show how they stand, as often as the page may be told; their end in any case, and once."""
        over = self._guard(lambda: self._apply(snapshots))
        if over is not None:
            over()

    def _apply(self, snapshots: Snapshots) -> Callable[[], None] | None:
        unsubscribe = self._unsubscribe
        if unsubscribe is None:
            return None
        if not ended(snapshots):
            if self._rate.take():
                self._widget.value = self._bundle(snapshots)["text/html"]
            return None
        self._unsubscribe = None
        bundle = self._bundle(snapshots)
        self._output.change(bundle)
        # A page that was reloaded meanwhile has missed that, and still shows the widget.
        self._widget.value = bundle["text/html"]
        return unsubscribe

    def _bundle(self, snapshots: Snapshots) -> MimeBundle:
        # In a table each job stands for itself, whichever cell has shown it again.
        rows = [replace(snapshot, reused=False) for snapshot in snapshots[:SHOWN]]
        around: dict[str, Any] = {"now": time.time(), "caption": sums(snapshots)}
        return {
            "text/html": render.table(rows, pictures=self._pictures, start=self._start, **around),
            "text/plain": render.table_text(rows, **around),
        }
