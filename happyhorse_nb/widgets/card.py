"""The card of a job or takes under its cell: live widgets while any of them runs, ordinary saved outputs at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import frontend, notebook_folder, process, served
from happyhorse_nb.settings.config import embed_limit as configured_limit
from happyhorse_nb.widgets.compare import ChoiceRow, Comparison, buttons_live
from happyhorse_nb.widgets.done import DoneRow
from happyhorse_nb.widgets.live import Live, MessageRate, Snapshots, ended
from happyhorse_nb.widgets.output import EMPTY, CellOutput, MimeBundle, NewOutput, Output, view
from happyhorse_nb.widgets.panel import Panel, PanelState

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

logger = logging.getLogger(__name__)

#: An embed limit (MB) below the size of any file: the video is linked.
LINKED = -1.0


def show(
    shown: Job | Iterable[Job],
    *,
    embed_limit: float | None = None,
    outputs: NewOutput = CellOutput,
    buttons: bool | None = None,
) -> None:
    """Show a job or takes in the running cell. ``embed_limit``: how many MB of video the notebook may hold, by default
    as configured.

    Ended jobs are shown as ordinary outputs. ``buttons``: whether there are action buttons; by default where somebody
    can click them, and for a single job only in a cell's own output.
    """
    jobs = tuple(shown) if isinstance(shown, Iterable) else (shown,)
    one, in_cell = len(jobs) == 1, outputs is CellOutput
    acts = ((in_cell or not one) and buttons_live()) if buttons is None else buttons
    limit = configured_limit() if embed_limit is None else embed_limit
    card = Card(jobs, embed_limit=limit, outputs=outputs, buttons=acts)
    elsewhere = in_cell and one and _in_other_cell(jobs[0].snapshot, notebook_folder())
    if ended(card.snapshots):
        card.open_ended(link=elsewhere)
    else:
        card.open()


class Card(Live):
    """Two outputs in the cell: the panel with the progress, and below it one for the video. With ``buttons`` there are
    more, which are filled at the end with buttons and with what these make."""

    def __init__(
        self, jobs: Sequence[Job], *, embed_limit: float, outputs: NewOutput = CellOutput, buttons: bool = False
    ) -> None:
        super().__init__(jobs)
        self._one = len(jobs) == 1
        self._embed_limit = embed_limit
        self._outputs = outputs
        self._buttons = buttons
        # Links are relative to the notebook's folder now: the kernel may change its working folder later.
        self._start = notebook_folder()
        self._elsewhere = frontend.saved_elsewhere()
        #: HTML on a click that failed, shown below the state from then on.
        self._note = ""
        #: What the head (style and thumbnail) was drawn from, and its HTML: it takes longest to write.
        self._head: tuple[tuple[str, render.Small], str] | None = None
        self._comparison: Comparison | None = None

    def open(self) -> None:
        """Put the outputs into the running cell, and follow the jobs from now on."""
        # Also the outputs that only the end fills: a background thread can display nothing.
        self._top, self._bottom = self._outputs(), self._outputs()
        self._row_output = self._outputs() if self._buttons else None
        self._below = self._outputs() if self._buttons and self._one else None
        self._choice_row = ChoiceRow(len(self._jobs), self._choose) if self._buttons and not self._one else None
        self._panel = Panel(
            self._state(self._first),
            on_stop=lambda: self._run_click(self._stop),
            on_show=lambda: self._run_click(self._show_video),
            rate=MessageRate(),
            show="Show video" if self._one else "Show videos",
        )
        self._top.put(view(self._panel.widget, self._line(self._first)))
        if self._row_output is not None and self._one:
            self._row_output.put(EMPTY)
        will_appear = render.placeholder(self._first[0]) if self._one else render.takes_placeholder(self._first)
        self._bottom.put({"text/html": will_appear, "text/plain": ""})
        for output in (self._below, None if self._one else self._row_output):
            if output is not None:
                output.put(EMPTY)
        self.follow()

    def open_ended(self, *, link: bool) -> None:
        """Show ended jobs as ordinary outputs, with ``link`` only a link to the video."""
        snapshots = _seen(self._first)
        self._outputs().put(self._static(snapshots))
        video = self._video(snapshots, LINKED if link else self._embed_limit)
        if self._comparison is not None:
            self._comparison.open(self._outputs)
        elif video is not None:
            below = self._outputs() if self._buttons and self._one else None
            if below is not None:
                self._outputs().put(self._done_row(below, starred=self._jobs[0].starred))
            self._outputs().put(video.data)
            if below is not None:
                below.put(EMPTY)

    def _done_row(self, below: Output, *, starred: bool = False) -> MimeBundle:
        job, limit = self._jobs[0], self._embed_limit
        return DoneRow(job, below=below, embed_limit=limit, start=self._start, show=show, starred=starred).bundle

    def _tick(self, snapshots: Snapshots) -> None:
        try:
            self._panel.tick(self._state(snapshots))
        except Exception as problem:  # noqa: BLE001  # shown in the card, since the caller's loop must go on
            self._say(problem)

    def _finish(self, snapshots: Snapshots) -> None:
        try:
            snapshots = _seen(snapshots)
            video = self._video(snapshots, self._embed_limit)
            try:
                # Both are made before either is shown, and the video is shown first: so a page never shows, and a
                # notebook never saves, the card saying "Done" without the video.
                card = self._static(snapshots)
                self._bottom.change(EMPTY if video is None else video.data)
                self._top.change(card)
            finally:
                # A page that was reloaded meanwhile has missed both and still shows the panel.
                self._panel.finish(self._state(snapshots), video=video is not None)
            if self._row_output is None or video is None:
                return
            if self._below is not None:
                self._row_output.change(self._done_row(self._below))
            elif self._choice_row is not None and self._comparison is not None:
                self._choice_row.offer(len(self._comparison.jobs))
                self._row_output.change(self._choice_row.bundle)
        except Exception as problem:  # noqa: BLE001  # as above
            self._say(problem)

    def _show_video(self) -> None:
        self._panel.fill(self._video(_seen(self.snapshots), self._embed_limit))

    def _choose(self, number: int) -> None:
        if self._comparison is not None and self._choice_row is not None and self._row_output is not None:
            self._comparison.choose(number, self._choice_row, self._row_output)

    def _stop(self) -> None:
        for job in self._jobs:
            if not job.snapshot.status.ended:
                job.stop()

    def _run_click(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._note = self._say(problem)

    def _say(self, problem: Exception) -> str:
        """Show the problem in the card, or log it where even that fails."""
        note = render.trouble(self._jobs[0].id, problem)
        try:
            self._panel.say(note)
        except Exception:
            logger.exception("the card of job %s can show nothing any more", self._jobs[0].id)
        return note

    @property
    def _pictures(self) -> render.Small:
        # Imported here, since the extension imports this module when it is loaded.
        from happyhorse_nb.job.pictures import pictures

        return pictures(self._jobs[0])

    def _state(self, snapshots: Snapshots) -> PanelState:
        first, now, small = snapshots[0], time.time(), self._pictures
        drawn_of = first.prompt, small
        if self._head is None or self._head[0] != drawn_of:
            style = render.style() if self._one else render.style("takes")
            self._head = drawn_of, style + render.thumb(first.prompt, small)
        queued = all(one.status == Status.QUEUED for one in snapshots if one.status.running)
        return PanelState(
            head=self._head[1],
            live=(render.live(first, now=now) if self._one else render.takes_live(snapshots, now=now)) + self._note,
            said=render.spoken(first) if self._one else render.takes_spoken(snapshots),
            stop="Take out" if queued else "Stop watching",
        )

    def _line(self, snapshots: Snapshots) -> str:
        now = time.time()
        return render.line(snapshots[0], now=now) if self._one else render.takes_text(snapshots, now=now)

    def _static(self, snapshots: Snapshots) -> MimeBundle:
        """The card as an ordinary output."""
        small, now, one = self._pictures, time.time(), self._one
        html = render.card(snapshots[0], small, now=now) if one else render.takes_card(snapshots, small, now=now)
        return {"text/html": html, "text/plain": self._line(snapshots)}

    def _video(self, snapshots: Snapshots, embed_limit: float) -> render.VideoOutput | None:
        """The video, or the comparison of several; None where there is none."""
        done = [(job, now) for job, now in zip(self._jobs, snapshots, strict=True) if now.status == Status.DONE]
        if len(done) > 1:
            self._comparison = Comparison([job for job, _ in done], embed_limit=embed_limit, start=self._start)
            return render.VideoOutput(self._comparison.bundle())
        if not done:
            return None
        return render.video(done[0][1], embed_limit=embed_limit, start=self._start, elsewhere=self._elsewhere)


def _seen(snapshots: Snapshots) -> Snapshots:
    from happyhorse_nb.job.pictures import seen

    return tuple(map(seen, snapshots))


def _in_other_cell(snapshot: Snapshot, start: Path) -> bool:
    """Whether the output of another cell of this notebook has the job's video, so that a link is enough; else it is
    noted for the running cell. Known where the front end names its cells and tells which are deleted."""
    cell, run, gone = frontend.cells()
    if not cell:
        return False
    shown: dict[str, tuple[str, set[str]]] = process.once("cells with videos", dict)
    for deleted in gone:
        shown.pop(deleted, None)
    if shown.get(cell, ("", set()))[0] != run:
        # The cell runs again: its earlier output is gone.
        shown[cell] = (run, set())
    found = any(snapshot.id in jobs for other, (_, jobs) in shown.items() if other != cell)
    linked = found and snapshot.path is not None and served(snapshot.path, start)
    if not linked:
        shown[cell][1].add(snapshot.id)
    return linked
