"""Tells the jobs how to show themselves in a notebook, and asks before something is bought: the price and one button,
and after the press the card in its place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from happyhorse_nb import render
from happyhorse_nb.errors import HappyHorseError, in_words_here
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.card import show
from happyhorse_nb.widgets.output import EMPTY, CellOutput, MimeBundle, Output, notice, reason, view

if TYPE_CHECKING:
    from happyhorse_nb.job import Job
    from happyhorse_nb.job.display import Pending

logger = logging.getLogger(__name__)

#: The most outputs of a card. The cell makes them beforehand, since a callback can display nothing.
_OUTPUTS = 4


def register() -> None:
    """Let jobs show themselves as cards."""
    # Imported here, since the extension imports this module when it is loaded.
    from happyhorse_nb.job import display

    def ask(pending: Pending) -> None:
        Question(pending).open()

    display.register(a_job=show, takes=show, several=_show_several, a_question=ask, a_line=CellOutput, a_notice=notice)


def _show_several(jobs: list[Job]) -> None:
    from happyhorse_nb.widgets.table import show

    show(jobs)


class Question:
    """The question about one purchase as widgets, with the outputs for the card that replaces it."""

    def __init__(self, pending: Pending) -> None:
        import ipywidgets as widgets

        self._pending, above = pending, config().ask_above
        limit = "" if above is None else f"More than ${above:.2f} at once is asked about first (HappyHorse.ask_above). "
        self._why = limit + in_words_here("With `--yes` it is bought without a question.")
        self._outputs = [CellOutput() for _ in range(_OUTPUTS)]
        self._live = widgets.HTML(self._words(self._why))
        # The front end's own style for a primary button.
        self._button = widgets.Button(description=pending.quote.action, button_style="primary")
        self._button.on_click(lambda _: self._press())
        self._button.layout = widgets.Layout(width="auto", max_width="100%", margin="6px 0 0", align_self="flex-start")
        head = widgets.HTML(render.style() + render.thumb(pending.prompt, pending.pictures))
        row = widgets.HBox([head, widgets.VBox([self._live, self._button])], _dom_classes=("hh-row",))
        self._box = widgets.VBox([row], _dom_classes=("hh",))

    def open(self) -> None:
        """Put the question into the running cell, and below it the outputs for the card."""
        top, *others = self._outputs
        top.put({**view(self._box), **self._static()})
        for output in others:
            output.put(EMPTY)

    def _words(self, why: str, said: str = "") -> str:
        quote = self._pending.quote
        return render.question(f"{quote.what}, {quote.money}", self._pending.prompt, why=why, said=said)

    def _static(self) -> MimeBundle:
        """What a page without widgets shows, such as the saved notebook."""
        pending = self._pending
        live = self._words(f"{self._why} Run the cell to be asked.")
        return {
            "text/html": render.saved(pending.prompt, pending.pictures, live),
            "text/plain": f"Not bought yet: {pending.quote.what}, {pending.quote.money}. {self._why}",
        }

    def _press(self) -> None:
        self._button.disabled = True
        try:
            self._pending.press()
            # False, and still bought, where it was answered in another cell.
            self._show()
        except Exception as problem:
            # Nobody sees what a widget's callback raises.
            if not isinstance(problem, HappyHorseError):
                logger.debug("a question could not be answered", exc_info=True)
            self._live.value = self._words(self._why, reason(problem))
            self._button.description = self._pending.quote.action
            self._button.disabled = False

    def _show(self) -> None:
        from happyhorse_nb.job import display

        made, left = self._pending.bought, iter(self._outputs)
        for job in display.members(made):
            job.watch()
        show(made, outputs=lambda: _Opened(next(left)))


class _Opened:
    """An output that is in the cell already."""

    def __init__(self, output: Output) -> None:
        self.put = self.change = output.change
