"""Tells the jobs how to show themselves in a notebook. The widgets are imported when the first of them is shown."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def register() -> None:
    """Let jobs show themselves as cards."""
    from happyhorse_nb.job import display

    card = _later("card", "show")
    display.register(card, card, _later("output", "CellOutput"), _later("output", "notice"), _later("table", "show"))
    display.register_question(_later("question", "show"))


def _later(module: str, name: str) -> Callable[..., Any]:
    """Calls that function of a module of this package, which is imported then."""

    def call(*shown: Any) -> Any:
        return getattr(import_module(f"happyhorse_nb.widgets.{module}"), name)(*shown)

    return call
