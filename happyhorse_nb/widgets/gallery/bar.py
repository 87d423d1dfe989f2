"""What stands above and below the grid: the filters, the sum, and the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb.widgets.gallery.shelf import Shelf
from happyhorse_nb.widgets.gallery.tile import Shared

_ALL_MODELS = "all models"


class Bar:
    """Search, state and model; ``changed`` is called with what is chosen, ``turn`` with -1 or 1."""

    def __init__(
        self, shelf: Shelf, shared: Shared, *, changed: Callable[[], None], turn: Callable[[int], None], compare: Any
    ) -> None:
        import ipywidgets as widgets

        self._search = widgets.Text(
            shelf.base.text, description="Search", placeholder="Search, then Enter", continuous_update=False
        )
        self._states = widgets.RadioButtons(options=shelf.tabs, value=shelf.tab, description="Show")
        self._model = widgets.Dropdown(
            options=[_ALL_MODELS, *shelf.models], value=shelf.base.model or _ALL_MODELS, description="Model"
        )
        for widget, name in ((self._search, "hh-search"), (self._states, "hh-states"), (self._model, "hh-model")):
            widget.add_class(name)
            widget.observe(lambda _: changed(), "value")
        self.sum = shared.html()
        self._where = shared.html()
        self._back = shared.button("Previous page", lambda: turn(-1))
        self._on = shared.button("Next page", lambda: turn(1))
        self._refresh = shared.button("Refresh", lambda: turn(0))
        self._compare = shared.button("Compare", compare)
        self.top = shared.box([self._search, self._states, self._model, self.sum], "hh-filters")
        self.bottom = shared.box([self._back, self._where, self._on, self._refresh, self._compare], "hh-pager")

    @property
    def chosen(self) -> tuple[str, str, str]:
        """Text, state and model; no model is an empty text."""
        model = self._model.value
        return self._search.value, self._states.value, "" if model == _ALL_MODELS else model

    def show(self, shelf: Shelf, total: str, picked: int) -> None:
        """Say which page this is, and what is picked."""
        self.sum.value = total
        self._where.value = f'<span role="status">Page {shelf.page + 1} of {shelf.pages}</span>'
        self._back.disabled = shelf.page == 0
        self._on.disabled = shelf.page + 1 >= shelf.pages
        self.picked(picked)

    def picked(self, count: int) -> None:
        """Two to four can be compared."""
        self._compare.description = f"Compare {count}" if count else "Compare: pick two to four"
        self._compare.disabled = not 2 <= count <= 4
