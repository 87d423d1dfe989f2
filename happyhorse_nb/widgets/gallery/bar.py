"""What stands above and below the grid: the filters, what can be done with what is picked, the sums, and the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb.render.gallery import below
from happyhorse_nb.widgets.gallery.shelf import Shelf
from happyhorse_nb.widgets.gallery.tile import Shared, set_trait

_ALL_MODELS = "all models"


class Bar:
    """Search, state and model; ``typed`` is called at each key, ``changed`` when another one is chosen, ``turn`` with
    -1 or 1. What is picked can be compared, removed (or brought back), and let go of."""

    def __init__(
        self,
        shelf: Shelf,
        shared: Shared,
        *,
        typed: Callable[[], None],
        changed: Callable[[], None],
        turn: Callable[[int], None],
        compare: Any,
        remove: Any,
        unpick: Any,
        undo: Any,
    ) -> None:
        import ipywidgets as widgets

        self._search = widgets.Text(shelf.base.text, description="Search", placeholder="Search", continuous_update=True)
        self._states = widgets.RadioButtons(options=shelf.tabs, value=shelf.tab, description="Show")
        self._model = widgets.Dropdown(
            options=[_ALL_MODELS, *shelf.models], value=shelf.base.model or _ALL_MODELS, description="Model"
        )
        for widget, name, heard in (
            (self._search, "hh-search", typed),
            (self._states, "hh-states", changed),
            (self._model, "hh-model", changed),
        ):
            widget.add_class(name)
            widget.observe(lambda _, heard=heard: heard(), "value")
        self._sum = shared.html()
        self._notice = shared.html()
        self._undo = shared.button("Undo", undo, "hh-idle")
        self._where = shared.html()
        self._back = shared.button("Previous page", lambda: turn(-1))
        self._on = shared.button("Next page", lambda: turn(1))
        self._refresh = shared.button("Refresh", lambda: turn(0))
        self._compare = shared.button("Compare", compare)
        self._remove = shared.button("Remove", remove)
        self._unpick = shared.button("Unpick", unpick)
        top = [
            shared.box([self._search, self._states, self._model], "hh-filters"),
            shared.box([self._sum, self._compare, self._remove, self._unpick], "hh-picked"),
            # It has its line also while there is nothing to say: nothing moves when something is said.
            shared.box([self._notice, self._undo], "hh-news"),
        ]
        self.top = widgets.VBox(top, _dom_classes=("hh-top",))
        self.bottom = shared.box([self._back, self._where, self._on, self._refresh], "hh-pager")

    @property
    def chosen(self) -> tuple[str, str, str]:
        """Text, state and model; no model is an empty text."""
        model = self._model.value
        return self._search.value, self._states.value, "" if model == _ALL_MODELS else model

    def show(self, shelf: Shelf, picked: int) -> None:
        """Say which page this is, what it costs, and what is picked."""
        self.total(shelf)
        set_trait(self._where, "value", f'<span role="status">Page {shelf.page + 1} of {shelf.pages}</span>')
        set_trait(self._back, "disabled", shelf.page == 0)
        set_trait(self._on, "disabled", shelf.page + 1 >= shelf.pages)
        self.picked(picked, back=bool(shelf.only.removed))

    def total(self, shelf: Shelf) -> None:
        """Say what these jobs cost, and what was spent."""
        set_trait(self._sum, "value", below(shelf.total()))

    def picked(self, count: int, *, back: bool) -> None:
        """Two to four can be compared, and any number removed, or where it is removed brought ``back``."""
        verb = "Restore" if back else "Remove"
        for button, words, off in (
            (self._compare, f"Compare {count}" if count else "Compare: pick two to four", not 2 <= count <= 4),
            (self._remove, f"{verb} {count}" if count else f"{verb}: pick some", not count),
            (self._unpick, f"Unpick {count}" if count else "Unpick", not count),
        ):
            set_trait(button, "description", words)
            set_trait(button, "disabled", off)

    def say(self, html: str, *, undo: bool = False) -> None:
        """Say this above the grid, with a button that undoes it."""
        set_trait(self._notice, "value", html)
        set_trait(self._undo, "_dom_classes", ("hh-button", *(() if undo else ("hh-idle",))))
