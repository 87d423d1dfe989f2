"""A job's card under its cell: live while the job runs, an ordinary saved output at its end."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import frontend, notebook_folder, process, served
from happyhorse_nb.widgets.compare import buttons_live
from happyhorse_nb.widgets.done import DoneRow
from happyhorse_nb.widgets.output import EMPTY, CellOutput, MimeBundle, NewOutput, Output, view
from happyhorse_nb.widgets.panel import Panel, PanelState
from happyhorse_nb.widgets.work import MessageRate

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

logger = logging.getLogger(__name__)

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class _Subject(Protocol[S_co]):
    """What a card follows: a job, or several takes. The type is that of their state."""

    @property
    def id(self) -> str: ...
    @property
    def snapshot(self) -> S_co: ...
    def stop(self) -> None: ...
    def subscribe(self, listener: Callable[[S_co], None], /) -> Callable[[], None]: ...


class _Job(_Subject[Snapshot], Protocol):
    """What a card needs of a `Job`."""

    @property
    def thumbnail(self) -> bytes | None: ...
    @property
    def starred(self) -> bool: ...


class LiveCard(ABC, Generic[S]):
    """Two outputs in the cell: the panel with the progress, and below it the one that the video will take.

    `apply` is called from whatever thread has news. It sets traits and changes the outputs, nothing else: what a
    background thread prints or displays would land in some other cell.
    """

    #: The words on the button that brings the video back.
    show_words = "Show video"

    def __init__(self, subject: _Subject[S], *, embed_limit: float, outputs: NewOutput) -> None:
        self._subject = subject
        self._embed_limit = embed_limit
        # Links are relative to the notebook's folder: where the cell runs, not where the kernel goes later.
        self._start = notebook_folder()
        self._elsewhere = frontend.saved_elsewhere()
        self._guard = process.Guard()
        self._over = False
        self._unsubscribe: Callable[[], None] | None = None
        #: What went wrong with a click, said below the state for as long as the card lives.
        self._note = ""
        self._top, self._bottom = outputs(), outputs()
        #: More outputs, which the end may fill: between the two, and below them.
        self._between: list[Output] = []
        self._below: list[Output] = []
        self._first = subject.snapshot
        self._panel = Panel(
            self._state(self._first),
            on_stop=lambda: self._obey(self._subject.stop),
            on_show=lambda: self._obey(lambda: self._panel.fill(self._video(self._subject.snapshot))),
            rate=MessageRate(),
            show=self.show_words,
        )

    def open(self) -> None:
        """Put the outputs into the running cell, and follow the jobs from now on."""
        self._top.put(view(self._panel.widget, self._line(self._first)))
        for output in self._between:
            output.put(EMPTY)
        self._bottom.put({"text/html": self._placeholder(self._first), "text/plain": ""})
        for output in self._below:
            output.put(EMPTY)
        # Not under the lock: whoever calls the listener may hold a lock of its own.
        self._unsubscribe = self._subject.subscribe(self.apply)
        # What happened between the first look and the subscription.
        latest = self._subject.snapshot
        if latest != self._first:
            self.apply(latest)

    def apply(self, snapshot: S) -> None:
        """Show this state. Only the first end counts: late news about what has ended change nothing."""
        unsubscribe = self._guard(lambda: self._apply(snapshot))
        if unsubscribe is not None:
            unsubscribe()

    def _apply(self, snapshot: S) -> Callable[[], None] | None:
        if not self._over:
            self._over = self._ended(snapshot)
            try:
                self._finish(snapshot) if self._over else self._panel.tick(self._state(snapshot))
            except Exception as problem:  # noqa: BLE001  # the caller's loop must live on; the card says what failed
                self._say(problem)
        if not self._over:
            return None
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        return unsubscribe

    def _finish(self, snapshot: S) -> None:
        video = self._video(snapshot)
        try:
            # Made before either is shown, so that there is no time between the two.
            card = self._static(snapshot)
            # The video first: who looks at the page, or saves it, never finds the card saying "Done" and no video.
            self._bottom.change(EMPTY if video is None else video.data)
            self._top.change(card)
        finally:
            # A page that was reloaded meanwhile has missed both, and still shows the panel.
            self._panel.finish(self._state(snapshot), video=video is not None)

    @abstractmethod
    def _ended(self, snapshot: S) -> bool:
        """Whether nothing more will come."""

    @abstractmethod
    def _state(self, snapshot: S) -> PanelState:
        """What the panel shows."""

    @abstractmethod
    def _line(self, snapshot: S) -> str:
        """The same as plain text."""

    @abstractmethod
    def _placeholder(self, snapshot: S) -> str:
        """The HTML where the video will appear."""

    @abstractmethod
    def _static(self, snapshot: S) -> MimeBundle:
        """The card as an ordinary output."""

    @abstractmethod
    def _video(self, snapshot: S) -> render.VideoOutput | None:
        """What the lower output shows at the end; None where there is no video."""

    def _obey(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._note = self._say(problem)

    def _say(self, problem: Exception) -> str:
        """Say in the card that it could not be drawn or obeyed; the log is for where not even that can be done."""
        note = render.trouble(self._subject.id, problem)
        try:
            self._panel.say(note)
        except Exception:
            logger.exception("the card of job %s can show nothing any more", self._subject.id)
        return note


#: MB, smaller than any file: then a link stands in place of the bytes.
LINKED = -1.0


def show(job: _Job, *, embed_limit: float, outputs: NewOutput = CellOutput, buttons: bool | None = None) -> None:
    """Show the job in the running cell. ``embed_limit`` is the largest video to put into the notebook, in MB.

    A job that has ended is shown as ordinary outputs. ``buttons`` says whether a done card has those that act; None:
    in a cell, where somebody can click them.
    """
    snapshot, in_cell = job.snapshot, outputs is CellOutput
    acts = (in_cell and buttons_live()) if buttons is None else buttons
    if not snapshot.status.ended:
        Card(job, embed_limit=embed_limit, outputs=outputs, buttons=acts).open()
        if in_cell:
            _in_other_cell(snapshot, notebook_folder())
        return
    outputs().put(static(job, snapshot))
    if snapshot.status == Status.DONE:
        start = notebook_folder()
        below = outputs() if acts else None
        if below is not None:
            row = DoneRow(cast("Job", job), below=below, embed_limit=embed_limit, start=start)
            outputs().put(row.bundle(snapshot, starred=job.starred))
        limit = LINKED if in_cell and _in_other_cell(snapshot, start) else embed_limit
        elsewhere = frontend.saved_elsewhere()
        outputs().put(render.video(snapshot, embed_limit=limit, start=start, elsewhere=elsewhere).data)
        if below is not None:
            below.put(EMPTY)


def static(job: _Job, snapshot: Snapshot) -> MimeBundle:
    """The job's card as an ordinary output."""
    now = time.time()
    return {
        "text/html": render.card(snapshot, job.thumbnail, now=now),
        "text/plain": render.line(snapshot, now=now),
    }


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


class Card(LiveCard[Snapshot]):
    """The card of one job."""

    def __init__(self, job: _Job, *, embed_limit: float, outputs: NewOutput, buttons: bool) -> None:
        self._job = job
        #: The thumbnail as it was last drawn, and of what: of all that a card shows it is the longest to write.
        self._head: tuple[tuple[str, bytes | None], str] | None = None
        super().__init__(job, embed_limit=embed_limit, outputs=outputs)
        self._row: DoneRow | None = None
        if buttons:
            # Made now, on the main thread, and shown at the end.
            self._between, self._below = [outputs()], [outputs()]
            self._row = DoneRow(cast("Job", job), below=self._below[0], embed_limit=embed_limit, start=self._start)

    def _finish(self, snapshot: Snapshot) -> None:
        super()._finish(snapshot)
        if self._row is not None and snapshot.status == Status.DONE:
            self._between[0].change(self._row.bundle(snapshot))

    def _ended(self, snapshot: Snapshot) -> bool:
        return snapshot.status.ended

    def _state(self, snapshot: Snapshot) -> PanelState:
        drawn_of = snapshot.prompt, self._job.thumbnail
        if self._head is None or self._head[0] != drawn_of:
            self._head = drawn_of, render.style() + render.thumb(snapshot, self._job.thumbnail)
        return PanelState(
            head=self._head[1],
            live=render.live(snapshot, now=time.time()) + self._note,
            said=render.spoken(snapshot),
            stop="Take out" if snapshot.status == Status.QUEUED else "Stop watching",
        )

    def _line(self, snapshot: Snapshot) -> str:
        return render.line(snapshot, now=time.time())

    def _placeholder(self, snapshot: Snapshot) -> str:
        return render.placeholder(snapshot)

    def _static(self, snapshot: Snapshot) -> MimeBundle:
        return static(self._job, snapshot)

    def _video(self, snapshot: Snapshot) -> render.VideoOutput | None:
        if snapshot.status != Status.DONE:
            return None
        return render.video(snapshot, embed_limit=self._embed_limit, start=self._start, elsewhere=self._elsewhere)
