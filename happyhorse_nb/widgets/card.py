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
from happyhorse_nb.widgets.done import DoneRow, kept
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Bundle, Look, MessageRate, Output, Panel, Place, Places

if TYPE_CHECKING:
    from happyhorse_nb.job import Job as RealJob

logger = logging.getLogger(__name__)

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

#: An output that shows nothing. An empty bundle would leave the old output standing.
NOTHING: Bundle = {"text/html": "", "text/plain": ""}


class Subject(Protocol[S_co]):
    """What a card follows: a job, or several; the type is how it stands."""

    @property
    def id(self) -> str:
        """Our own name of it."""

    @property
    def snapshot(self) -> S_co:
        """As it stands."""

    def stop(self) -> None:
        """Watch it no longer."""

    def subscribe(self, listener: Callable[[S_co], None], /) -> Callable[[], None]:
        """Call the listener with every news; the answer ends that."""


class LiveCard(ABC, Generic[S]):
    """Two places in the cell: the panel with the progress, and below it the one that the video will take.

    `apply` is called from whatever thread has news. It sets traits and changes the places, nothing else: what a
    background thread prints or displays would land in some other cell.
    """

    #: The words on the button that brings the video back.
    again = "Show video"

    def __init__(self, subject: Subject[S], *, embed_limit: float, places: Places = Output) -> None:
        self._subject = subject
        self._embed_limit = embed_limit
        # Links are relative to the notebook's folder: where the cell runs, not where the kernel goes later.
        self._start = notebook_folder()
        self._elsewhere = frontend.saved_elsewhere()
        self._guard = process.Guard()
        self._over = False
        self._unsubscribe: Callable[[], None] | None = None
        #: A click that failed, said below the state for as long as the card lives.
        self._note = ""
        self._top, self._bottom = places(), places()
        self._first = subject.snapshot
        look = self._look(self._first)
        self._panel = Panel(look, on_stop=self._stop, on_show=self._show, rate=MessageRate(), again=self.again)

    def open(self) -> None:
        """Put both places into the running cell, and follow the jobs from now on."""
        # Where widgets do not run, the HTML beside the view stays empty: the line below it says all there is to say.
        self._top.put({**NOTHING, "text/plain": self._line(self._first), WIDGET_VIEW: self._panel.view})
        self._between()
        self._bottom.put({"text/html": self._placeholder(self._first), "text/plain": ""})
        self._opened()
        # Not under the lock: whoever calls the listener may hold a lock of its own.
        self._unsubscribe = self._subject.subscribe(self.apply)
        # What happened between the first look and the subscription.
        latest = self._subject.snapshot
        if latest != self._first:
            self.apply(latest)

    def _between(self) -> None:
        """Put what stands between the two."""

    def _opened(self) -> None:
        """Put what more there is below them."""

    def apply(self, snapshot: S) -> None:
        """Show this state. Only the first end counts: late news about what has ended change nothing."""
        unsubscribe = self._guard(lambda: self._apply(snapshot))
        if unsubscribe is not None:
            unsubscribe()

    def _apply(self, snapshot: S) -> Callable[[], None] | None:
        if not self._over:
            self._over = self._ended(snapshot)
            try:
                self._finish(snapshot) if self._over else self._panel.tick(self._look(snapshot))
            except Exception as problem:  # noqa: BLE001  # the caller's loop must live on; the card says what failed
                self._say(problem)
        unsubscribe = self._unsubscribe if self._over else None
        if self._over:
            self._unsubscribe = None
        return unsubscribe

    def _finish(self, snapshot: S) -> None:
        video = self._video(snapshot)
        try:
            # The video first: who looks at the page, or saves it, never finds the card saying "Done" and no video.
            self._bottom.change(NOTHING if video is None else video.data)
            self._top.change(self._static(snapshot))
        finally:
            # A page that was reloaded meanwhile has missed both, and still shows the panel.
            self._panel.finish(self._look(snapshot), video=video is not None)

    @abstractmethod
    def _ended(self, snapshot: S) -> bool:
        """Whether nothing more will come."""

    @abstractmethod
    def _look(self, snapshot: S) -> Look:
        """What the panel shows."""

    @abstractmethod
    def _line(self, snapshot: S) -> str:
        """The same as plain text."""

    @abstractmethod
    def _placeholder(self, snapshot: S) -> str:
        """The HTML that keeps the video's place."""

    @abstractmethod
    def _static(self, snapshot: S) -> Bundle:
        """The card as an ordinary output."""

    @abstractmethod
    def _video(self, snapshot: S) -> render.VideoOutput | None:
        """What takes the lower place at the end; None free of charge."""

    def _stop(self) -> None:
        self._obey(self._subject.stop)

    def _show(self) -> None:
        self._obey(lambda: self._panel.fill(self._video(self._subject.snapshot)))

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
