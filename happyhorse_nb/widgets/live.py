"""A card that lives on under its cell: a panel while its jobs run, ordinary saved outputs at their end."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from happyhorse_nb import render
from happyhorse_nb.settings import frontend, notebook_folder, process
from happyhorse_nb.widgets.message_rate import MessageRate
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Look, Panel
from happyhorse_nb.widgets.place import Bundle, Output, Places

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
