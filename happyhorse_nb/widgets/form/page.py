"""What only a script on the page can report to the form."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any


class Page:
    """Events of the page that ipywidgets does not have. The script in the form's style writes them into a hidden text.

    ``on_file`` gets name and size (bytes) of a chosen file before it is sent: it comes in one message, for which a
    server may close the connection. ``on_connected``: a page, loaded or connected anew, asks for the state of all
    widgets; this works without the script too. ``on_enter``: Ctrl+Enter, with the prompt and the words on the button as
    they were on the page.
    """

    def __init__(
        self,
        *,
        on_file: Callable[[str, int], None],
        on_connected: Callable[[], None],
        on_enter: Callable[[str, str], None],
    ) -> None:
        self._on_file, self._on_enter = on_file, on_enter
        self.widget = _line()(continuous_update=False)
        self.widget.add_class("hh-page")
        self.widget.layout.display = "none"
        self.widget.on_asked = on_connected
        self.widget.observe(self._told, "value")

    def _told(self, change: dict[str, Any]) -> None:
        try:
            told = json.loads(change["new"])
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        if "file" in told:
            size = told.get("size")
            self._on_file(str(told["file"]), size if isinstance(size, int) else 0)
        elif "enter" in told:
            self._on_enter(str(told["enter"]), str(told.get("label", "")))


@cache
def _line() -> Any:
    import ipywidgets as widgets

    class Line(widgets.Text):
        """A text that calls ``on_asked`` when a page asks for its whole state."""

        on_asked: Callable[[], None] | None = None

        def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
            if key is None and self.on_asked is not None:
                self.on_asked()
            return super().get_state(key=key, drop_defaults=drop_defaults)

    return Line
