"""What stands above and below the grid: the filters, what can be done with what is picked, the sums, and the pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from happyhorse_nb.api.catalog import GROUPS, caption
from happyhorse_nb.engine import Engine
from happyhorse_nb.models import MODELS
from happyhorse_nb.render.gallery import below
from happyhorse_nb.store import Filter, Take
from happyhorse_nb.widgets.gallery.tile import Shared, set_trait

#: Posters on a page.
PAGE = 24

_TABS: dict[str, dict[str, object]] = {
    "all": {},
    "starred": {"starred": True},
    "running": {"status": GROUPS["running"]},
    "failed": {"status": GROUPS["failures"]},
    "removed": {"removed": True},
}
#: What a tab leaves open.
_ANY: dict[str, object] = {"status": frozenset(), "starred": None, "removed": False}
#: The tab for what was asked for in words that are none of the others.
_ASKED = "as asked"


@dataclass
class Shelf:
    """The jobs that fit, a page at a time, newest first, takes of one request together. What is forgotten is not among
    them; what is removed only where that is asked for."""

    engine: Engine
    base: Filter
    tab: str = "all"
    page: int = 0
    pages: int = 1
    count: int = 0

    @classmethod
    def of(cls, engine: Engine, asked: Filter) -> Shelf:
        """With the tab that fits what was asked for."""
        told = {name: value for name, value in _told(asked) if value}
        tab = next((name for name, means in _TABS.items() if means == told), _ASKED)
        if asked.starred is False:
            tab = _ASKED
        return cls(engine, asked, tab)

    @property
    def tabs(self) -> list[str]:
        """What may be chosen among."""
        return [*([_ASKED] if self.tab == _ASKED or self._odd else []), *_TABS]

    @property
    def only(self) -> Filter:
        """What is shown now."""
        if self.tab == _ASKED:
            return self.base
        return replace(self.base, **{**_ANY, **_TABS[self.tab]})  # type: ignore[arg-type]  # plain fields

    @property
    def models(self) -> list[str]:
        """The models that can be chosen."""
        return list(MODELS)

    def read(self) -> list[Take]:
        """The jobs of this page; a page that is no more becomes the last one. Raises `LedgerError`."""
        ledger = self.engine.ledger
        self.count = ledger.count(self.only)
        self.pages = max(1, -(-self.count // PAGE))
        self.page = min(max(0, self.page), self.pages - 1)
        return ledger.together(PAGE, self.page * PAGE, only=self.only)

    def newest(self) -> list[Take]:
        """The jobs of the first page, whichever is shown. Raises `LedgerError`."""
        return self.engine.ledger.together(PAGE, only=self.only)

    def total(self) -> str:
        """How many jobs fit, what they cost, and what was spent; a command in it stands between backticks."""
        return caption(self.engine.ledger, self.only, now=time.time())

    def __post_init__(self) -> None:
        self._odd = self.tab == _ASKED


def _told(asked: Filter) -> list[tuple[str, object]]:
    return [(name, getattr(asked, name)) for name in _ANY]


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
