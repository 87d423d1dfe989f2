"""The live part of a card as ipywidgets: it shows what it is told, and reports clicks on two buttons."""

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
    """What a panel shows, as HTML: the thumbnail with the card's style, the part that changes, the state for screen
    readers; and the words on the stop button."""

    head: str
    live: str
    said: str
    stop: str


class Panel:
    """One HTML widget for all that changes each second, and others for what seldom does.

    All widgets are made here, on the main thread: background threads only set traits. ``rate`` limits the messages to
    the page; the final ones wait with ``later`` until they may be sent.
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
        #: The final traits, by widget, that are not sent to the page yet.
        self._unsent: list[tuple[Any, dict[str, Any]]] = []
        self._head = make("HTML", state.head)
        self._live = make("HTML", state.live)
        # An element of its own, since screen readers announce all that changes in it.
        self._said = make("HTML", state.said, _dom_classes=("hh-said",))
        self._stop = make.button(state.stop, on_stop)
        self._show = make.button(show, on_show)
        self._video = make("Output")
        self._row = make("HBox", **self._row_traits(self._stop))
        self.widget: Any = make("VBox", [self._row, self._video], _dom_classes=("hh",))

    def tick(self, state: PanelState) -> None:
        """Show a new state, the most important trait first. What exceeds the rate waits for the next tick."""
        for widget, trait, value in (
            (self._live, "value", state.live),
            (self._stop, "description", state.stop),
            (self._said, "value", state.said),
            (self._head, "value", state.head),
        ):
            if getattr(widget, trait) != value and self._rate.take():
                setattr(widget, trait, value)

    def finish(self, state: PanelState, *, video: bool) -> None:
        """Show the end, with a button for the video if there is one. What exceeds the rate is sent within the next
        seconds."""
        self._unsent = [
            (self._live, {"value": state.live}),
            (self._row, self._row_traits(self._show if video else None)),
            (self._said, {"value": state.said}),
        ]
        self._send()

    def say(self, live: str) -> None:
        """Show this HTML in place of the part that changes, until the next tick."""
        self._unsent = [(widget, traits) for widget, traits in self._unsent if widget is not self._live]
        self._live.value = live

    def fill(self, shown: object) -> None:
        """Show a displayable object below, and hide the button."""
        self._video.outputs = ()
        self._video.append_display_data(shown)
        self._set(self._row, self._row_traits(None))

    def _send(self) -> None:
        try:
            while self._unsent:
                widget, traits = self._unsent[0]
                if any(getattr(widget, trait) != value for trait, value in traits.items()):
                    if not self._rate.take():
                        self._later(self._rate.left(), self._send)
                        return
                    self._set(widget, traits)
                del self._unsent[:1]
        except Exception:
            # Not serious: the notebook has the final card, this is for a page that was reloaded meanwhile.
            logger.debug("the panel of a card that has ended can show nothing any more", exc_info=True)

    def _set(self, widget: Any, traits: dict[str, Any]) -> None:
        # One message for all of them.
        with widget.hold_sync():
            for trait, value in traits.items():
                setattr(widget, trait, value)

    def _row_traits(self, button: Any) -> dict[str, Any]:
        """The row with this button, or none."""
        shown = (self._head, self._live, button, self._said)
        return {
            "children": tuple(widget for widget in shown if widget is not None),
            "_dom_classes": ("hh-row",) if button is None else ("hh-row", "hh-acts"),
        }
