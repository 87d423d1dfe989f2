"""The row of buttons under a comparison that keeps one of its videos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb import render
from happyhorse_nb.widgets.panel import WIDGET_VIEW
from happyhorse_nb.widgets.place import Bundle

#: Beside the view there is nothing for where widgets do not run: there is nobody to click.
_ELSEWHERE: Bundle = {"text/html": "", "text/plain": ""}


class KeepRow:
    """One button for each of so many videos. All widgets are made here, on the main thread."""

    def __init__(self, count: int, on_keep: Callable[[int], None]) -> None:
        import ipywidgets as widgets

        self._said = widgets.HTML(render.style("compare"))
        self._buttons = [widgets.Button(description=f"Keep {letter}") for letter in render.LETTERS[:count]]
        for place, button in enumerate(self._buttons):
            button.on_click(lambda _, place=place: on_keep(place))
        self._row = widgets.HBox([*self._buttons, self._said])
        self._row.add_class("hh-ui").add_class("hh-keep")

    @property
    def bundle(self) -> dict[str, Any]:
        """The MIME bundle that shows the row."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._row.model_id}
        return {**_ELSEWHERE, WIDGET_VIEW: view}

    def offer(self, count: int) -> None:
        """Have buttons for so many of them."""
        self._row.children = (*self._buttons[:count], self._said)

    def say(self, html: str) -> None:
        """Say this beside the buttons."""
        self._said.value = html

    def finish(self, html: str) -> None:
        """Say this in place of the buttons."""
        self._said.value = html
        self._row.children = (self._said,)
