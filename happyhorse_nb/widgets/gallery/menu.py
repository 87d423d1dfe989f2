"""What else can be done with a tile's video: one set of buttons that the tiles take turns with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb.render.gallery import notice
from happyhorse_nb.widgets.gallery.tile import Shared, Tile

_QUESTION = "Forget it? Its prompt and pictures are wiped; its file goes into the folder .trash beside it."


class Menu:
    """Edit, where the file is, and forget; and the question before it is forgotten."""

    def __init__(
        self,
        shared: Shared,
        *,
        edit: Callable[[Tile], None],
        reveal: Callable[[Tile], None],
        forget: Callable[[Tile], None],
    ) -> None:
        self.tile: Tile | None = None
        self._words = shared.html()
        self._edit = shared.button("Edit", lambda: self._do(edit))
        self._file = shared.button("Show file", lambda: self._do(reveal))
        self._forget = shared.button("Forget…", self._ask)
        self._yes = shared.button("Forget", lambda: self._do(forget), "hh-answer", "hh-danger")
        self._no = shared.button("Keep", self._keep, "hh-answer")
        self.box = shared.box([self._edit, self._file, self._forget, self._words, self._yes, self._no], "hh-extra")

    def open(self, tile: Tile | None) -> None:
        """Belong to this tile, or to none."""
        self.tile = tile
        self.say("")
        self.box.remove_class("hh-asking")

    def say(self, words: str) -> None:
        """Show this HTML among the buttons."""
        self._words.value = words

    def _ask(self) -> None:
        self.say(notice(_QUESTION))
        self.box.add_class("hh-asking")

    def _keep(self) -> None:
        self.say("")
        self.box.remove_class("hh-asking")
        # ipywidgets 7 cannot move the focus: there it is with the page.
        focus: Any = getattr(self._forget, "focus", None)
        if focus is not None:
            focus()

    def _do(self, act: Callable[[Tile], None]) -> None:
        if self.tile is not None:
            act(self.tile)
