"""What else can be done with a tile's video: one set of buttons that the tiles take turns with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb.render.gallery import notice
from happyhorse_nb.widgets.gallery.tile import Act, Shared, Tile, set_trait

_QUESTION = (
    "Forget it? Its prompt and pictures are wiped for good; its file goes into the folder .trash beside it. "
    "What is only removed can be brought back."
)


class Menu:
    """Edit, where the file is, remove or restore, and forget; and the question before it is forgotten."""

    def __init__(self, shared: Shared, *, edit: Act, reveal: Act, remove: Act, forget: Act) -> None:
        self.tile: Tile | None = None
        self._words = shared.html()
        self._edit = shared.button("Edit", lambda: self._do(edit))
        self._file = shared.button("Show file", lambda: self._do(reveal))
        self._remove = shared.button("Remove", lambda: self._do(remove))
        self._forget = shared.button("Forget…", self._ask)
        self._yes = shared.button("Forget", lambda: self._do(forget), "hh-answer", "hh-danger")
        self._no = shared.button("Keep", self._keep, "hh-answer")
        some = [self._edit, self._file, self._remove, self._forget, self._words, self._yes, self._no]
        self.box = shared.box(some, "hh-extra")

    def open(self, tile: Tile | None) -> None:
        """Belong to this tile, or to none."""
        self.tile = tile
        removed = tile is not None and tile.record is not None and tile.record.removed
        set_trait(self._remove, "description", "Restore" if removed else "Remove")
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
        focus(self._forget)

    def _do(self, act: Callable[[Tile], None]) -> None:
        if self.tile is not None:
            act(self.tile)


def focus(button: Any) -> None:
    """Have the keyboard there. ipywidgets 7 cannot move it: there it is with the page."""
    move: Any = getattr(button, "focus", None)
    if move is not None:
        move()
