"""The cards under a form, newest first, and their copy in the saved notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from happyhorse_nb.job import Job, Takes, display
from happyhorse_nb.job.pictures import pictures, seen
from happyhorse_nb.models import Snapshot
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import notebook_folder, process
from happyhorse_nb.settings.config import embed_limit
from happyhorse_nb.widgets.card import show
from happyhorse_nb.widgets.output import CellOutput, MimeBundle, WidgetOutputs


class Results:
    """The cards of a form's jobs. ``on_end`` is called, on any thread, when one of them has ended."""

    def __init__(self, *, on_end: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self._on_end = on_end
        self._guard = process.Guard()
        self._cards: dict[str, _Card] = {}
        # An ordinary output, since widgets are not saved with the notebook.
        self._saved = CellOutput()
        self._start = notebook_folder()
        self._closed = False
        self.box: Any = widgets.VBox(_dom_classes=("hh-results",))

    @property
    def shown(self) -> list[Job | Takes]:
        """The jobs and takes with a card, newest first."""
        return [card.made for card in self._cards.values()]

    @property
    def jobs(self) -> list[Job]:
        """The jobs, newest first."""
        return [job for card in self._cards.values() for job in card.jobs]

    def open(self) -> None:
        """Put the copy for the saved notebook into the running cell."""
        self._saved.put(self._copy())

    def close(self) -> None:
        """Change nothing from now on: another form has taken over."""

        def close() -> None:
            self._closed = True
            for card in self._cards.values():
                card.close()

        self._guard(close)

    def add(self, *made: Job | Takes) -> None:
        """Show these on top, in this order."""

        def add() -> None:
            fresh = dict(map(self._card, made))
            for name in fresh.keys() & self._cards.keys():
                if self._cards[name] is not fresh[name]:
                    self._cards[name].close()
            self._cards = {**fresh, **{name: card for name, card in self._cards.items() if name not in fresh}}
            self.box.children = tuple(card.box for card in self._cards.values())

        self._guard(add)
        self._save()

    def _card(self, made: Job | Takes) -> tuple[str, _Card]:
        jobs = display.members(made)
        name = "+".join(job.id for job in jobs)
        old = self._cards.get(name)
        if old is not None and not made.done() and old.jobs == jobs:
            # It still runs: its card moves to the top.
            return name, old
        return name, _Card(made, on_end=self._ended)

    def _ended(self) -> None:
        self._save()
        if not self._closed:
            self._on_end()

    def _save(self) -> None:
        self._guard(lambda: None if self._closed else self._saved.change(self._copy()))

    def _copy(self) -> MimeBundle:
        # Not by done(), which is true only after all listeners were called.
        ended = [(seen(job.snapshot), pictures(job)) for job in self.jobs if job.status.ended]
        made = html.saved_results(ended, embed_limit=embed_limit(), start=self._start, now=time.time())
        return {"text/html": made, "text/plain": ""}


class _Card:
    """The card of a job or of takes, with the video."""

    def __init__(self, made: Job | Takes, *, on_end: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self.made = made
        self.jobs = display.members(made)
        self._on_end = on_end
        outputs = WidgetOutputs()
        show(made, outputs=outputs)
        self.box: Any = widgets.VBox(outputs.widgets, _dom_classes=("hh-slot",))
        self._undo = [job.subscribe(self._heard) for job in self.jobs if not job.done()]

    def close(self) -> None:
        """Stop listening."""
        for undo in self._undo:
            undo()

    def _heard(self, snapshot: Snapshot) -> None:
        if snapshot.status.ended:
            self._on_end()
