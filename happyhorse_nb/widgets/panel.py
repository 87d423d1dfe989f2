"""The live card as a tree of ipywidgets. It holds no job: it is told what to show, and reports two clicks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from happyhorse_nb.widgets.pace import Pace

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Look:
    """What a panel shows: the thumbnail with the card's style, the part that changes, the state for screen readers, and
    the words on the button that stops the job. The first three are HTML."""

    head: str
    live: str
    said: str
    stop: str


class Panel:
    """One HTML widget for all that changes each second, and beside it what seldom does.

    All widgets are made here, on the main thread: from the background only traits are set.
    """

    def __init__(
        self,
        look: Look,
        *,
        on_stop: Callable[[], None],
        on_show: Callable[[], None],
        pace: Pace,
        again: str = "Show video",
    ) -> None:
        import ipywidgets as widgets

        self._pace = pace
        self._head = widgets.HTML(look.head)
        self._live = widgets.HTML(look.live)
        # Screen readers are told of a new state, not of every second, so the spoken state has an element of its own.
        self._said = widgets.HTML(look.said)
        self._said.add_class("hh-said")
        self._stop = widgets.Button(description=look.stop)
        self._show = widgets.Button(description=again)
        self._slot = widgets.Output()
        self._row = widgets.HBox([self._head, self._live, self._stop, self._said])
        self._row.add_class("hh-row").add_class("hh-acts")
        self._box = widgets.VBox([self._row, self._slot])
        self._box.add_class("hh")
        for button, act in ((self._stop, on_stop), (self._show, on_show)):
            button.add_class("hh-button")
            button.on_click(lambda _, act=act: act())

    @property
    def view(self) -> dict[str, Any]:
        """The MIME data that a frontend with widgets shows the panel by."""
        # Written out, since ipywidgets 7 and 8 offer it under different names, with a Python repr as plain text.
        return {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}

    def tick(self, look: Look) -> None:
        """Show news, what matters most first; what would be one message too many waits for the next tick."""
        for widget, trait, value in (
            (self._live, "value", look.live),
            (self._stop, "description", look.stop),
            (self._said, "value", look.said),
            (self._head, "value", look.head),
        ):
            if getattr(widget, trait) != value and self._pace.take():
                setattr(widget, trait, value)

    def finish(self, look: Look, *, video: bool) -> None:
        """Take the last form: nothing to stop any more, and a button for the video if there is one."""
        self._live.value = look.live
        self._said.value = look.said
        self._arrange(self._show if video else None)

    def say(self, live: str) -> None:
        """Show this HTML in place of the part that changes, until the next tick."""
        self._live.value = live

    def fill(self, shown: object) -> None:
        """Put a displayable object into the panel's own slot, in place of the button that asked for it."""
        self._slot.outputs = ()
        self._slot.append_display_data(shown)
        self._arrange(None)

    def _arrange(self, button: Any) -> None:
        self._row.children = tuple(w for w in (self._head, self._live, button, self._said) if w is not None)
        if button is None:
            self._row.remove_class("hh-acts")
