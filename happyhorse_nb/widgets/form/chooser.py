"""The button that opens the browser's file chooser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from happyhorse_nb.inputs.check import weight
from happyhorse_nb.widgets.form.values import Picture

#: Bytes that most servers accept in one message (Tornado's ``websocket_max_message_size``).
_AT_ONCE = 10 * 1024 * 1024
#: What to do with a file that is too large for the server.
INSTEAD = (
    "put it beside the notebook and name its path below. JupyterLab, started by happyhorse-nb lab, takes larger ones."
)


class Chooser:
    """A button for one picture, or with ``several`` for more at once.

    ``on_files`` gets what was chosen; ``on_unreadable`` is called where the browser cannot open a file.
    """

    def __init__(
        self,
        words: str,
        *,
        on_files: Callable[[list[Picture]], None],
        on_unreadable: Callable[[], None],
        several: bool = False,
    ) -> None:
        import ipywidgets as widgets

        self._words, self._several = words, several
        self._on_files, self._on_unreadable = on_files, on_unreadable
        #: Name and size of what the page has announced and not sent yet.
        self._coming = ""
        self._next: Any = None
        self.box: Any = widgets.Box([self._new()], _dom_classes=("hh-chooser",))

    def _new(self) -> Any:
        import ipywidgets as widgets

        classes = ("hh-button", "hh-upload", *(["hh-several"] if self._several else []))
        made = widgets.FileUpload(
            accept="image/*", multiple=self._several, description=self._words, _dom_classes=classes
        )
        made.observe(self._chosen, "value")
        made.observe(self._unreadable, "error")
        return made

    def announce(self, name: str, size: int) -> str:
        """The page is about to send a file of so many bytes: the line that says so."""
        # A chooser whose file was lost sends no other one, so a new one is made; now, since none can be made while the
        # page asks for the state of all widgets.
        if self._next is None:
            self._next = self._new()
        self._coming = f"{name[:80]} ({weight(size)})"
        stays = f" If this line stays, the file is too large for this server: {INSTEAD}" if size > _AT_ONCE else ""
        return f"{self._coming} is on its way…{stays}"

    def lost(self) -> str:
        """The page was loaded or connected anew: the name and size of the file that was on its way; empty for none."""
        told, self._coming = self._coming, ""
        if told:
            self.box.children = (self._next,)
            self._next = None
        return told

    def forget(self) -> None:
        """Another picture is wanted now than the one on its way."""
        self._coming = ""

    def _chosen(self, change: Mapping[str, Any]) -> None:
        picked = _uploaded(change["new"])
        if not picked:
            return
        self._coming = ""
        # Emptied, so that the same file can be chosen again and its bytes are held once.
        chooser = change["owner"]
        if isinstance(change["new"], Mapping):
            # In ipywidgets 7 the value is made from these, and cannot be set.
            chooser.data, chooser.metadata = [], []
            chooser.set_trait("value", {})
        else:
            chooser.value = ()
        self._on_files(picked)

    def _unreadable(self, change: Mapping[str, Any]) -> None:
        if change["new"]:
            self._coming = ""
            self._on_unreadable()


def _uploaded(value: Any) -> list[Picture]:
    """The chosen files: ipywidgets 8 gives a tuple of files, 7 a mapping by name."""
    files = [{"name": name, **file} for name, file in value.items()] if isinstance(value, Mapping) else value
    return [Picture(str(file["name"]), bytes(file["content"])) for file in files]
