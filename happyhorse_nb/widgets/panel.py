"""The live part of a card as a tree of ipywidgets: it is told what to show, and reports two clicks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from happyhorse_nb.widgets.live import MessageRate, after
from happyhorse_nb.widgets.output import WidgetMaker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PanelState:
    """What a panel shows: the thumbnail with the card's style, the part that changes, the state for screen readers
    (all three HTML), and the words on the button that stops the job."""

    head: str
    live: str
    said: str
    stop: str


class Panel:
    """One HTML widget for all that changes each second, and beside it what seldom does.

    All widgets are made here, on the main thread: from the background only traits are set. ``rate`` says when the page
    may be sent one more message; what must not be lost waits for that with ``later``.
    """

    def __init__(
        self,
        state: PanelState,
        *,
        on_stop: Callable[[], None],
        on_show: Callable[[], None],
        rate: MessageRate,
        later: Callable[[float, Callable[[], None]], None] = after,
        show: str = "Show video",
    ) -> None:
        make = WidgetMaker()
        self._rate, self._later = rate, later
        #: What the page is still to be told at the end: to which widget, which of its traits.
        self._owed: list[tuple[Any, dict[str, Any]]] = []
        self._head = make("HTML", state.head)
        self._live = make("HTML", state.live)
        # Screen readers are told of a new state, not of every second, so the spoken state has an element of its own.
        self._said = make("HTML", state.said, _dom_classes=("hh-said",))
        self._stop = make.button(state.stop, on_stop)
        self._show = make.button(show, on_show)
        self._video = make("Output")
        self._row = make("HBox", **self._arranged(self._stop))
        self.widget: Any = make("VBox", [self._row, self._video], _dom_classes=("hh",))

    def tick(self, state: PanelState) -> None:
        """Show news, what matters most first; what would be one message too many waits for the next tick."""
        for widget, trait, value in (
            (self._live, "value", state.live),
            (self._stop, "description", state.stop),
            (self._said, "value", state.said),
            (self._head, "value", state.head),
        ):
            if getattr(widget, trait) != value and self._rate.take():
                setattr(widget, trait, value)

    def finish(self, state: PanelState, *, video: bool) -> None:
        """Show the end: nothing to stop any more, and a button for the video if there is one.

        What is one message too many now follows within a second: no other tick would bring it.
        """
        self._owed = [
            (self._live, {"value": state.live}),
            (self._row, self._arranged(self._show if video else None)),
            (self._said, {"value": state.said}),
        ]
        self._send()

    def say(self, live: str) -> None:
        """Show this HTML in place of the part that changes, until the next tick."""
        self._owed = [(widget, traits) for widget, traits in self._owed if widget is not self._live]
        self._live.value = live

    def fill(self, shown: object) -> None:
        """Show a displayable object below, and no longer the button that asked for it."""
        self._video.outputs = ()
        self._video.append_display_data(shown)
        self._set(self._row, self._arranged(None))

    def _send(self) -> None:
        try:
            while self._owed:
                widget, traits = self._owed[0]
                if any(getattr(widget, trait) != value for trait, value in traits.items()):
                    if not self._rate.take():
                        self._later(self._rate.left(), self._send)
                        return
                    self._set(widget, traits)
                del self._owed[:1]
        except Exception:
            # The notebook has the card's end already. This is for a page that was loaded again meanwhile.
            logger.debug("the panel of a card that has ended can show nothing any more", exc_info=True)

    def _set(self, widget: Any, traits: dict[str, Any]) -> None:
        # One message for all of them.
        with widget.hold_sync():
            for trait, value in traits.items():
                setattr(widget, trait, value)

    def _arranged(self, button: Any) -> dict[str, Any]:
        """The row with this button, or none."""
        shown = (self._head, self._live, button, self._said)
        return {
            "children": tuple(widget for widget in shown if widget is not None),
            "_dom_classes": ("hh-row",) if button is None else ("hh-row", "hh-acts"),
        }
