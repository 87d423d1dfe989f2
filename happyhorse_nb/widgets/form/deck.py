"""The cards under a form, newest first, and their copy in the saved notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from happyhorse_nb.jobs import Job
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render import form as html
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.card import show
from happyhorse_nb.widgets.form.slot import Slot
from happyhorse_nb.widgets.place import Output, Place


class Deck:
    """The cards of a form's jobs. ``buy_again`` buys another video of a job's request."""

    def __init__(self, *, buy_again: Callable[[Job], None], kept: Place | None = None) -> None:
        import ipywidgets as widgets

        self._buy_again = buy_again
        self._lock = RLock()
        self._cards: dict[str, _Card] = {}
        # An ordinary output: of a form with its widgets a saved notebook keeps nothing.
        self._kept = Output() if kept is None else kept
        self._start = Path.cwd()
        self._closed = False
        self.box = widgets.VBox()
        self.box.add_class("hh-deck")

    @property
    def jobs(self) -> list[Job]:
        """The jobs, newest first."""
        return [card.job for card in self._cards.values()]

    def open(self) -> None:
        """Put the copy for the saved notebook into the running cell."""
        self._kept.put(self._copy())

    def close(self) -> None:
        """Change nothing any more: another form has taken over."""
        with self._lock:
            self._closed = True
            for card in self._cards.values():
                card.close()

    def add(self, *jobs: Job, joined: bool = False) -> None:
        """Show these jobs on top, in this order. ``joined`` says that they were there before they were asked for."""
        with self._lock:
            fresh = {job.id: self._card(job, joined=joined) for job in jobs}
            self._cards = {**fresh, **{id_: card for id_, card in self._cards.items() if id_ not in fresh}}
            self.box.children = tuple(card.box for card in self._cards.values())
        self._keep()

    def _card(self, job: Job, *, joined: bool) -> _Card:
        old = self._cards.get(job.id)
        if old is not None and old.job is job and not job.done():
            # It is on its way; pressed again, it only comes to the top.
            old.offer(joined)
            return old
        if old is not None:
            old.close()
        return _Card(job, joined=joined, buy_again=self._buy_again, on_end=self._keep)

    def _keep(self) -> None:
        with self._lock:
            if not self._closed:
                self._kept.change(self._copy())

    def _copy(self) -> dict[str, str]:
        ended = [card.job for card in self._cards.values() if card.job.done()]
        shown = [(job.snapshot, job.thumbnail) for job in ended]
        made = html.kept(shown, embed_limit=config().embed_limit, start=self._start, now=time.time())
        return {"text/html": made, "text/plain": ""}


class _Card:
    """One job's card, its video, and the button for another take."""

    def __init__(self, job: Job, *, joined: bool, buy_again: Callable[[Job], None], on_end: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self.job = job
        self._on_end = on_end
        self._pressed = False
        self._another = widgets.Button(description="Make another", tooltip="The same request, bought again")
        self._another.add_class("hh-button")
        self._another.on_click(lambda _: self._press(buy_again))
        slots: list[Slot] = []

        def place() -> Slot:
            slots.append(Slot())
            return slots[-1]

        show(job, embed_limit=config().embed_limit, places=place)
        self.box: Any = widgets.VBox([*(slot.widget for slot in slots), self._another])
        self.box.add_class("hh-slot")
        self.offer(joined or job.status == Status.DONE)
        self._undo = job.subscribe(self._heard)
        if job.done():
            self._undo()

    def offer(self, wanted: bool) -> None:
        """Offer another take, or not."""
        self._another.layout.display = None if wanted and not self._pressed else "none"

    def close(self) -> None:
        """Listen no longer."""
        self._undo()

    def _press(self, buy_again: Callable[[Job], None]) -> None:
        # Two clicks on one button are one wish: the second may wait in the kernel's queue already.
        if not self._pressed:
            self._pressed = True
            self.offer(False)
            buy_again(self.job)

    def _heard(self, snapshot: Snapshot) -> None:
        if snapshot.status.ended:
            self.offer(snapshot.status == Status.DONE)
            self._undo()
            self._on_end()
