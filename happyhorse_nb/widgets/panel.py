"""The live card as a tree of ipywidgets. It holds no job: it is told what to show, and reports two clicks."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from happyhorse_nb.settings import process

Bundle = Mapping[str, Any]


class Place(Protocol):
    """Put once by the cell, then changed from wherever the job's news come."""

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle as an output of the running cell."""

    def change(self, bundle: Bundle) -> None:
        """Show this MIME bundle in the same place instead."""


#: Makes a place; a test passes its own.
Places = Callable[[], Place]


class Output:
    """A place made of IPython's display handle."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        # IPython's display classes have no types.
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle as an output of the running cell."""
        self._handle.display(dict(bundle), raw=True)

    def change(self, bundle: Bundle) -> None:
        """Show this MIME bundle in the same place instead."""
        self._handle.update(dict(bundle), raw=True)


#: Messages that one card may send in any second.
MOST = 2


class MessageRate:
    """Counts messages over the last second. ``clock`` is any steady clock in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=MOST)

    def take(self) -> bool:
        """True, and counted, when one more message may go out now."""
        now = self._clock()
        if len(self._sent) == MOST and now - self._sent[0] < 1.0:
            return False
        self._sent.append(now)
        return True

    def left(self) -> float:
        """Seconds until one more message may go out, 0 when it may now."""
        return max(0.0, 1.0 - (self._clock() - self._sent[0])) if len(self._sent) == MOST else 0.0


logger = logging.getLogger(__name__)

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Look:
    """What a panel shows: the thumbnail with the card's style, the part that changes, the state for screen readers, and
    the words on the button that stops the job. The first three are HTML."""

    head: str
    live: str
    said: str
    stop: str


def in_a_while(seconds: float, act: Callable[[], None]) -> None:
    """Call it after so many seconds, on a thread that keeps no program alive."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    # To start one takes locks, and waits for the thread: interrupted there it would never begin.
    process.uninterrupted(timer.start)


class Panel:
    """One HTML widget for all that changes each second, and beside it what seldom does.

    All widgets are made here, on the main thread: from the background only traits are set. ``rate`` says when the page
    may be sent one more message; what must not be lost waits for that with ``later``.
    """

    def __init__(
        self,
        look: Look,
        *,
        on_stop: Callable[[], None],
        on_show: Callable[[], None],
        rate: MessageRate,
        later: Callable[[float, Callable[[], None]], None] = in_a_while,
        again: str = "Show video",
    ) -> None:
        import ipywidgets as widgets

        self._rate, self._later = rate, later
        #: What the page is still to be told at the end: to which widget, which of its traits.
        self._owed: list[tuple[Any, dict[str, Any]]] = []
        self._head = widgets.HTML(look.head)
        self._live = widgets.HTML(look.live)
        # Screen readers are told of a new state, not of every second, so the spoken state has an element of its own.
        # Classes are given when it is made: added to it, each would be a message to the page.
        self._said = widgets.HTML(look.said, _dom_classes=("hh-said",))
        self._stop = widgets.Button(description=look.stop, _dom_classes=("hh-button",))
        self._show = widgets.Button(description=again, _dom_classes=("hh-button",))
        self._slot = widgets.Output()
        self._row = widgets.HBox(**self._arranged(self._stop))
        self._box = widgets.VBox([self._row, self._slot], _dom_classes=("hh",))
        for button, act in ((self._stop, on_stop), (self._show, on_show)):
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
            if getattr(widget, trait) != value and self._rate.take():
                setattr(widget, trait, value)

    def finish(self, look: Look, *, video: bool) -> None:
        """Take the last form: nothing to stop any more, and a button for the video if there is one.

        What is one message too many now follows within a second: no other tick would bring it.
        """
        self._owed = [
            (self._live, {"value": look.live}),
            (self._row, self._arranged(self._show if video else None)),
            (self._said, {"value": look.said}),
        ]
        self._pay()

    def say(self, live: str) -> None:
        """Show this HTML in place of the part that changes, until the next tick."""
        self._owed = [(widget, traits) for widget, traits in self._owed if widget is not self._live]
        self._live.value = live

    def fill(self, shown: object) -> None:
        """Put a displayable object into the panel's own slot, in place of the button that asked for it."""
        self._slot.outputs = ()
        self._slot.append_display_data(shown)
        self._set(self._row, self._arranged(None))

    def _pay(self) -> None:
        try:
            while self._owed:
                widget, traits = self._owed[0]
                if all(getattr(widget, trait) == value for trait, value in traits.items()):
                    del self._owed[:1]
                elif self._rate.take():
                    del self._owed[:1]
                    self._set(widget, traits)
                else:
                    self._later(self._rate.left(), self._pay)
                    return
        except Exception:
            # The card has its last form in the notebook already. This is for a page that was loaded again meanwhile.
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
