"""The card of a job, or of several takes, under its cell: live while any of them runs, ordinary saved outputs at the
end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import frontend, notebook_folder, process, served
from happyhorse_nb.widgets.compare import ChoiceRow, Comparison, buttons_live
from happyhorse_nb.widgets.done import DoneRow
from happyhorse_nb.widgets.live import Live, LiveJob, MessageRate, Snapshots, ended
from happyhorse_nb.widgets.output import EMPTY, CellOutput, MimeBundle, NewOutput, Output, view
from happyhorse_nb.widgets.panel import Panel, PanelState

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

logger = logging.getLogger(__name__)

#: MB, smaller than any file: then a link stands in place of the bytes.
LINKED = -1.0


def show(
    shown: LiveJob | Iterable[LiveJob],
    *,
    embed_limit: float,
    outputs: NewOutput = CellOutput,
    buttons: bool | None = None,
) -> None:
    """Show a job or takes in the running cell. ``embed_limit`` is what the videos may weigh in the notebook, in MB.

    What has ended is shown as ordinary outputs. ``buttons`` says whether there are those that act; None: where somebody
    can click them, and those of a single job only in a cell's own output.
    """
    jobs = tuple(shown) if isinstance(shown, Iterable) else (shown,)
    one, in_cell = len(jobs) == 1, outputs is CellOutput
    acts = ((in_cell or not one) and buttons_live()) if buttons is None else buttons
    card = Card(jobs, embed_limit=embed_limit, outputs=outputs, buttons=acts)
    if ended(card.snapshots):
        card.open_ended(link=in_cell and one and _in_other_cell(jobs[0].snapshot, notebook_folder()))
        return
    card.open()
    if in_cell and one:
        _in_other_cell(jobs[0].snapshot, notebook_folder())


class Card(Live):
    """Two outputs in the cell: the panel with the progress, and below it the one that the video will take. With
    ``buttons`` there are more of them, which the end fills with buttons and with what those make."""

    def __init__(
        self, jobs: Sequence[LiveJob], *, embed_limit: float, outputs: NewOutput = CellOutput, buttons: bool = False
    ) -> None:
        super().__init__(jobs)
        self._one = len(jobs) == 1
        self._embed_limit = embed_limit
        self._outputs = outputs
        self._buttons = buttons
        # Links are relative to the notebook's folder: where the cell runs, not where the kernel goes later.
        self._start = notebook_folder()
        self._elsewhere = frontend.saved_elsewhere()
        #: What went wrong with a click, said below the state for as long as the card lives.
        self._note = ""
        #: The thumbnail as it was last drawn, and of what: of all that a card shows it is the longest to write.
        self._head: tuple[tuple[str, bytes | None], str] | None = None
        self._comparison: Comparison | None = None

    def open(self) -> None:
        """Put the outputs into the running cell, and follow the jobs from now on."""
        # All that the end needs is made now, on the main thread.
        self._top, self._bottom = self._outputs(), self._outputs()
        self._row_output = self._outputs() if self._buttons else None
        below = self._outputs() if self._buttons and self._one else None
        self._done_row = self._make_done_row(below) if below is not None else None
        self._choice_row = ChoiceRow(len(self._jobs), self._choose) if self._buttons and not self._one else None
        self._panel = Panel(
            self._state(self._first),
            on_stop=lambda: self._obey(self._stop),
            on_show=lambda: self._obey(lambda: self._panel.fill(self._video(self.snapshots, self._embed_limit))),
            rate=MessageRate(),
            show="Show video" if self._one else "Show videos",
        )
        self._top.put(view(self._panel.widget, self._line(self._first)))
        if self._row_output is not None and self._one:
            self._row_output.put(EMPTY)
        self._bottom.put({"text/html": self._placeholder(), "text/plain": ""})
        for output in (below, None if self._one else self._row_output):
            if output is not None:
                output.put(EMPTY)
        self.follow()

    def open_ended(self, *, link: bool) -> None:
        """Show jobs that have ended, as ordinary outputs; with ``link`` the video only as a link."""
        self._outputs().put(self._static(self._first))
        video = self._video(self._first, LINKED if link else self._embed_limit)
        if self._comparison is not None:
            self._comparison.open(self._outputs)
        elif video is not None:
            below = self._outputs() if self._buttons and self._one else None
            if below is not None:
                row = self._make_done_row(below)
                self._outputs().put(row.bundle(self._first[0], starred=cast("Job", self._jobs[0]).starred))
            self._outputs().put(video.data)
            if below is not None:
                below.put(EMPTY)

    def _make_done_row(self, below: Output) -> DoneRow:
        job = cast("Job", self._jobs[0])
        return DoneRow(job, below=below, embed_limit=self._embed_limit, start=self._start, show=show)

    def _tick(self, snapshots: Snapshots) -> None:
        try:
            self._panel.tick(self._state(snapshots))
        except Exception as problem:  # noqa: BLE001  # the caller's loop must live on; the card says what failed
            self._say(problem)

    def _finish(self, snapshots: Snapshots) -> None:
        try:
            video = self._video(snapshots, self._embed_limit)
            try:
                # Made before either is shown, so that there is no time between the two.
                card = self._static(snapshots)
                # The video first: who looks at the page, or saves it, never finds the card saying "Done" and no video.
                self._bottom.change(EMPTY if video is None else video.data)
                self._top.change(card)
            finally:
                # A page that was reloaded meanwhile has missed both, and still shows the panel.
                self._panel.finish(self._state(snapshots), video=video is not None)
            if self._row_output is None or video is None:
                return
            if self._done_row is not None:
                self._row_output.change(self._done_row.bundle(snapshots[0]))
            elif self._choice_row is not None and self._comparison is not None:
                self._choice_row.offer(len(self._comparison.jobs))
                self._row_output.change(self._choice_row.bundle)
        except Exception as problem:  # noqa: BLE001  # as above
            self._say(problem)

    def _choose(self, number: int) -> None:
        if self._comparison is not None and self._choice_row is not None and self._row_output is not None:
            self._comparison.choose(number, self._choice_row, self._row_output)

    def _stop(self) -> None:
        for job in self._jobs:
            if not job.snapshot.status.ended:
                job.stop()

    def _obey(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._note = self._say(problem)

    def _say(self, problem: Exception) -> str:
        """Say in the card that it could not be drawn or obeyed; the log is for where not even that can be done."""
        note = render.trouble(self._jobs[0].id, problem)
        try:
            self._panel.say(note)
        except Exception:
            logger.exception("the card of job %s can show nothing any more", self._jobs[0].id)
        return note

    # What one job shows, or several

    def _state(self, snapshots: Snapshots) -> PanelState:
        first, now, thumbnail = snapshots[0], time.time(), self._jobs[0].thumbnail
        drawn_of = first.prompt, thumbnail
        if self._head is None or self._head[0] != drawn_of:
            style = render.style() if self._one else render.style("takes")
            self._head = drawn_of, style + render.thumb(first.prompt, thumbnail)
        queued = all(one.status == Status.QUEUED for one in snapshots if one.status.running)
        return PanelState(
            head=self._head[1],
            live=(render.live(first, now=now) if self._one else render.takes_live(snapshots, now=now)) + self._note,
            said=render.spoken(first) if self._one else render.takes_spoken(snapshots),
            stop="Take out" if queued else "Stop watching",
        )

    def _placeholder(self) -> str:
        return render.placeholder(self._first[0]) if self._one else render.takes_placeholder(self._first)

    def _line(self, snapshots: Snapshots) -> str:
        now = time.time()
        return render.line(snapshots[0], now=now) if self._one else render.takes_text(snapshots, now=now)

    def _static(self, snapshots: Snapshots) -> MimeBundle:
        """The card as an ordinary output."""
        thumbnail, now = self._jobs[0].thumbnail, time.time()
        if self._one:
            html = render.card(snapshots[0], thumbnail, now=now)
        else:
            html = render.takes_card(snapshots, thumbnail, now=now)
        return {"text/html": html, "text/plain": self._line(snapshots)}

    def _video(self, snapshots: Snapshots, embed_limit: float) -> render.VideoOutput | None:
        """The video, or the comparison of several; None where there is none."""
        done = [(job, now) for job, now in zip(self._jobs, snapshots, strict=True) if now.status == Status.DONE]
        if len(done) > 1:
            jobs = [cast("Job", job) for job, _ in done]
            self._comparison = Comparison(jobs, embed_limit=embed_limit, start=self._start)
            return render.VideoOutput(self._comparison.bundle())
        if not done:
            return None
        return render.video(done[0][1], embed_limit=embed_limit, start=self._start, elsewhere=self._elsewhere)


def _in_other_cell(snapshot: Snapshot, start: Path) -> bool:
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
