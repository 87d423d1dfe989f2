"""A job's card under its cell: live while the job runs, an ordinary saved output at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Protocol

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.widgets.pace import Pace
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Look, Panel
from happyhorse_nb.widgets.place import Bundle, Output, Places

logger = logging.getLogger(__name__)

Listener = Callable[[Snapshot], None]

#: An output that shows nothing. An empty bundle would leave the old output standing.
NOTHING: Bundle = {"text/html": "", "text/plain": ""}


class Job(Protocol):
    """What a card needs of a job."""

    @property
    def id(self) -> str:
        """Our own name of the job."""

    @property
    def snapshot(self) -> Snapshot:
        """The job as it stands."""

    @property
    def thumbnail(self) -> bytes | None:
        """The first frame as a small upright JPEG, once it is known."""

    def stop(self) -> None:
        """Watch the job no longer."""

    def subscribe(self, listener: Listener, /) -> Callable[[], None]:
        """Call the listener with every new snapshot; the answer ends that."""


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
        places().put(render.video(snapshot, embed_limit=embed_limit, start=Path.cwd()).data)


class Card:
    """Two places in the cell: the panel with the progress, and below it the one that the video will take.

    `apply` is called from whatever thread has news. It sets traits and changes the two places, nothing else: what a
    background thread prints or displays would land in some other cell.
    """

    def __init__(self, job: Job, *, embed_limit: float, places: Places = Output) -> None:
        self._job = job
        self._embed_limit = embed_limit
        # Links are relative to the notebook's folder: where the cell runs, not where the kernel goes later.
        self._start = Path.cwd()
        self._lock = RLock()
        self._over = False
        self._unsubscribe: Callable[[], None] | None = None
        #: A click that failed, said below the state for as long as the card lives.
        self._note = ""
        self._top, self._bottom = places(), places()
        self._first = job.snapshot
        self._panel = Panel(self._look(self._first), on_stop=self._stop, on_show=self._show, pace=Pace())

    def open(self) -> None:
        """Put both places into the running cell, and follow the job from now on."""
        now = time.time()
        # Where widgets do not run, the HTML beside the view stays empty: the line below it says all there is to say.
        self._top.put({**NOTHING, "text/plain": render.line(self._first, now=now), WIDGET_VIEW: self._panel.view})
        self._bottom.put({"text/html": render.placeholder(self._first), "text/plain": ""})
        # Not under the lock: whoever calls the listener may hold a lock of its own.
        unsubscribe = self._job.subscribe(self.apply)
        with self._lock:
            self._unsubscribe = unsubscribe
        # What happened between the first look and the subscription.
        latest = self._job.snapshot
        if latest is not self._first:
            self.apply(latest)

    def apply(self, snapshot: Snapshot) -> None:
        """Show this state. Only the first end counts: late news about an ended job change nothing."""
        with self._lock:
            if not self._over:
                self._over = snapshot.status.ended
                try:
                    self._finish(snapshot) if self._over else self._panel.tick(self._look(snapshot))
                except Exception as problem:  # noqa: BLE001  # the caller's loop must live on; the card says what failed
                    self._say(problem)
            unsubscribe = self._unsubscribe if self._over else None
            if unsubscribe:
                self._unsubscribe = None
        if unsubscribe:
            unsubscribe()

    def _finish(self, snapshot: Snapshot) -> None:
        done = snapshot.status == Status.DONE
        try:
            # The video first: who looks at the page, or saves it, never finds the card saying "Done" and no video.
            self._bottom.change(self._video(snapshot).data if done else NOTHING)
            self._top.change(_static(self._job, snapshot))
        finally:
            # A page that was reloaded meanwhile has missed both, and still shows the panel.
            self._panel.finish(self._look(snapshot), video=done)

    def _stop(self) -> None:
        self._obey(self._job.stop)

    def _show(self) -> None:
        self._obey(lambda: self._panel.fill(self._video(self._job.snapshot)))

    def _obey(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._note = self._say(problem)

    def _say(self, problem: Exception) -> str:
        """Say in the card that it could not be drawn or obeyed; the log is for where not even that can be done."""
        note = render.trouble(self._job.id, problem)
        try:
            self._panel.say(note)
        except Exception:
            logger.exception("the card of job %s can show nothing any more", self._job.id)
        return note

    def _video(self, snapshot: Snapshot) -> render.VideoOutput:
        return render.video(snapshot, embed_limit=self._embed_limit, start=self._start)

    def _look(self, snapshot: Snapshot) -> Look:
        return Look(
            head=render.style() + render.thumb(snapshot, self._job.thumbnail),
            live=render.live(snapshot, now=time.time()) + self._note,
            said=render.spoken(snapshot),
            stop="Take out" if snapshot.status == Status.QUEUED else "Stop watching",
        )


def _static(job: Job, snapshot: Snapshot) -> Bundle:
    now = time.time()
    return {
        "text/html": render.card(snapshot, job.thumbnail, now=now),
        "text/plain": render.line(snapshot, now=now),
    }
