"""What stands in the gallery: which jobs, which page of them, and what they cost. No widget, no network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from happyhorse_nb.jobs import Engine
from happyhorse_nb.jobs.catalog import caption
from happyhorse_nb.jobs.query import GROUPS
from happyhorse_nb.ledger import Filter, Take
from happyhorse_nb.models import MODELS

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
