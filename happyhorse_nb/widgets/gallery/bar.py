"""What stands above and below the grid: the filters, what can be done with what is picked, the sums, and the pages."""

from __future__ import annotations

from collections.abc import Callable

from happyhorse_nb.api.pages import Pages
from happyhorse_nb.models import MODELS
from happyhorse_nb.render.gallery import below
from happyhorse_nb.widgets.gallery.tile import Shared
from happyhorse_nb.widgets.output import set_trait

_ALL_MODELS = "all models"


class Bar:
    """Search, state and model; ``typed`` is called at each key, ``changed`` when another one is chosen, ``turn`` with
    -1 or 1. What is picked can be compared, removed (or brought back), and let go of."""

    def __init__(
        self,
        pages: Pages,
        shared: Shared,
        *,
        typed: Callable[[], None],
        changed: Callable[[], None],
        turn: Callable[[int], None],
        **acts: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self._pages = pages
        self._search = widgets.Text(pages.text, description="Search", placeholder="Search", continuous_update=True)
        self._states = widgets.RadioButtons(options=pages.views, value=pages.view, description="Show")
        self._model = widgets.Dropdown(
            options=[_ALL_MODELS, *MODELS], value=pages.model or _ALL_MODELS, description="Model"
        )
        for widget, name, heard in (
            (self._search, "hh-search", typed),
            (self._states, "hh-states", changed),
            (self._model, "hh-model", changed),
        ):
            widget.add_class(name)
            widget.observe(lambda _, heard=heard: heard(), "value")
        self._sum, self._notice, self._where = shared.html(), shared.html(), shared.html()
        self._undo = shared.button("Undo", acts["undo"], "hh-idle")
        self._back = shared.button("Previous page", lambda: turn(-1))
        self._on = shared.button("Next page", lambda: turn(1))
        refresh = shared.button("Refresh", lambda: turn(0))
        self._compare = shared.button("Compare", acts["compare"])
        self._remove = shared.button("Remove", acts["remove"])
        self._unpick = shared.button("Unpick", acts["unpick"])
        top = [
            shared.box([self._search, self._states, self._model], "hh-filters"),
            shared.box([self._sum, self._compare, self._remove, self._unpick], "hh-picked"),
            # It has its line also while there is nothing to say: nothing moves when something is said.
            shared.box([self._notice, self._undo], "hh-news"),
        ]
        self.top = widgets.VBox(top, _dom_classes=("hh-top",))
        self.bottom = shared.box([self._back, self._where, self._on, refresh], "hh-pager")

    @property
    def chosen(self) -> tuple[str, str, str]:
        """Text, model and state; no model is an empty text."""
        model = self._model.value
        return self._search.value.strip(), "" if model == _ALL_MODELS else model, self._states.value

    def show(self, picked: int) -> None:
        """Say which page this is, what it costs, and how many are picked."""
        pages = self._pages
        self.show_sums()
        set_trait(self._where, "value", f'<span role="status">Page {pages.number + 1} of {pages.pages}</span>')
        set_trait(self._back, "disabled", pages.number == 0)
        set_trait(self._on, "disabled", pages.number + 1 >= pages.pages)
        self.show_picked(picked)

    def show_sums(self) -> None:
        """Say what these jobs cost, and what was spent."""
        set_trait(self._sum, "value", below(self._pages.caption()))

    def show_picked(self, count: int) -> None:
        """Two to four can be compared, and any number removed, or brought back where removed ones are listed."""
        verb = "Restore" if self._pages.removed else "Remove"
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
