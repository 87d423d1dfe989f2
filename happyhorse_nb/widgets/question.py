"""The question before something is bought: the price, one button, and then the card in its place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.job import Takes, display
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import embed_limit
from happyhorse_nb.widgets import card, takes
from happyhorse_nb.widgets.card import NOTHING
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Bundle, Output, Places

if TYPE_CHECKING:
    from happyhorse_nb.job.display import Pending

logger = logging.getLogger(__name__)

#: Places that a card takes at most: what a callback displays shows nowhere, so the cell makes them.
_PLACES = 4


def show(pending: Pending, *, above: float | None, places: Places = Output) -> None:
    """Ask in the running cell. ``above`` is the limit that is passed, in USD."""
    Question(pending, above=above, places=places).open()


class Question:
    """The question about one purchase, as widgets, with the places of the card that comes when it is answered."""

    def __init__(self, pending: Pending, *, above: float | None, places: Places = Output) -> None:
        import ipywidgets as widgets

        self._pending = pending
        limit = "" if above is None else f"More than ${above:.2f} at once is asked about first (HappyHorse.ask_above). "
        self._why = f"{limit}With --yes (yes=True) it is bought without a question."
        self._places = [places() for _ in range(_PLACES)]
        self._live = widgets.HTML(self._words())
        # The front end's own look of the one thing to press.
        self._button = widgets.Button(description=pending.quote.action, button_style="primary")
        self._button.layout = widgets.Layout(width="auto", max_width="100%", margin="6px 0 0", align_self="flex-start")
        self._button.on_click(lambda _: self._press())
        head = widgets.HTML(render.question_head(pending.prompt, pending.thumbnail))
        row = widgets.HBox([head, widgets.VBox([self._live, self._button])], _dom_classes=("hh-row",))
        self._box = widgets.VBox([row], _dom_classes=("hh",))

    def open(self) -> None:
        """Put the question into the running cell, and below it the places for what comes."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        top, *others = self._places
        top.put({**self._static(), WIDGET_VIEW: view})
        for place in others:
            place.put(NOTHING)

    def _words(self, said: str = "") -> str:
        quote = self._pending.quote
        return render.question(f"{quote.what}, {quote.money}", self._pending.prompt, why=self._why, said=said)

    def _static(self) -> Bundle:
        """What a page without the widgets shows, the saved notebook among them."""
        pending = self._pending
        live = render.question(
            f"{pending.quote.what}, {pending.quote.money}", pending.prompt, why=f"{self._why} Run the cell to be asked."
        )
        return {
            "text/html": render.question_card(pending.prompt, pending.thumbnail, live),
            "text/plain": f"Not bought yet: {pending.quote.what}, {pending.quote.money}. {self._why}",
        }

    def _press(self) -> None:
        self._button.disabled = True
        try:
            self._pending.press()
            # Asked again in another cell, it may have been answered there.
            self._show()
        except Exception as problem:
            # Nobody sees what a widget's callback raises.
            expected = isinstance(problem, HappyHorseError)
            if not expected:
                logger.debug("a question could not be answered", exc_info=True)
            self._live.value = self._words(str(problem) if expected else f"{type(problem).__name__}: {problem}")
            self._button.description = self._pending.quote.action
            self._button.disabled = False

    def _show(self) -> None:
        made, left = self._pending.bought, iter(self._places)
        several = process.is_a(made, Takes)
        shown: Any = takes if several else card
        for job in display.members(made):
            job.watch()
        shown.show(made, embed_limit=embed_limit(), places=lambda: _Taken(next(left)))


class _Taken:
    """A place that the cell has made already."""

    def __init__(self, place: Any) -> None:
        self._place = place

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle there."""
        self._place.change(bundle)

    change = put
