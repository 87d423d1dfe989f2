"""Several jobs as a table: a live widget while any of them runs, an ordinary saved output at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.api.catalog import PICTURE, SHOWN
from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.render.tables import sums
from happyhorse_nb.settings import notebook_folder
from happyhorse_nb.widgets.live import Live, MessageRate, Snapshots, ended
from happyhorse_nb.widgets.output import CellOutput, MimeBundle, NewOutput, Output, view

if TYPE_CHECKING:
    from happyhorse_nb.job import Job


def show(jobs: Sequence[Job], *, outputs: NewOutput = CellOutput) -> None:
    """Show the jobs in the running cell."""
    JobTable(jobs, outputs()).open()


class JobTable(Live):
    """The table of some jobs."""

    def __init__(self, jobs: Sequence[Job], output: Output) -> None:
        super().__init__(jobs)
        shown = [job.thumbnail for job in jobs[:SHOWN]]
        self._pictures = [thumbnail(picture, PICTURE) if picture else None for picture in shown]
        self._output = output
        self._start = notebook_folder()
        self._rate = MessageRate()
        self._widget: Any = None

    def open(self) -> None:
        """Put it into the running cell, and follow the jobs."""
        bundle = self._bundle(self._first)
        if ended(self._first):
            self._output.put(bundle)
            return
        import ipywidgets as widgets

        self._widget = widgets.HTML(bundle["text/html"], _dom_classes=("hh-ui",))
        self._output.put(view(self._widget, bundle["text/plain"]))
        self.follow()

    def _tick(self, snapshots: Snapshots) -> None:
        if self._rate.take():
            self._widget.value = self._bundle(snapshots)["text/html"]

    def _finish(self, snapshots: Snapshots) -> None:
        bundle = self._bundle(snapshots)
        self._output.change(bundle)
        # A page that was reloaded meanwhile has missed that and still shows the widget.
        self._widget.value = bundle["text/html"]

    def _bundle(self, snapshots: Snapshots) -> MimeBundle:
        # A table does not say which cell has reused a job.
        rows = [replace(snapshot, reused=False) for snapshot in snapshots[:SHOWN]]
        around: dict[str, Any] = {"now": time.time(), "caption": sums(snapshots)}
        return {
            "text/html": render.table(rows, pictures=self._pictures, start=self._start, **around),
            "text/plain": render.table_text(rows, **around),
        }
