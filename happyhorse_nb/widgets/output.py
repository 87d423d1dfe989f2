"""Outputs, where a card is shown: of the running cell, or of a widget; and a notice of the browser in one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.job.notices import took_long
from happyhorse_nb.models import Snapshot
from happyhorse_nb.render.words import duration, plain
from happyhorse_nb.widgets.live import after

MimeBundle = Mapping[str, Any]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: An output that shows nothing. A bundle without anything would leave the old output standing.
EMPTY: MimeBundle = {"text/html": "", "text/plain": ""}


class Output(Protocol):
    """Put once by the cell, then changed from any thread."""

    def put(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle as an output of the running cell."""

    def change(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle in its stead."""


#: Makes an output; a test passes its own.
NewOutput = Callable[[], Output]


class CellOutput:
    """An output of the running cell: IPython's display handle."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        # IPython's display classes have no types.
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]

    def put(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle as an output of the running cell."""
        self._handle.display(dict(bundle), raw=True)

    def change(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle in its stead."""
        self._handle.update(dict(bundle), raw=True)


class WidgetOutput:
    """An Output widget; its outputs outlive a reload of the page, and reach one in Voilà."""

    def __init__(self, *classes: str) -> None:
        import ipywidgets as widgets

        self.widget: Any = widgets.Output(_dom_classes=classes)

    def put(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle."""
        self.widget.outputs = ({"output_type": "display_data", "data": dict(bundle), "metadata": {}},)

    change = put

    def clear(self) -> None:
        """Show nothing."""
        self.widget.outputs = ()


class WidgetOutputs:
    """Makes outputs inside of another widget; ``widgets`` are those that were made."""

    def __init__(self) -> None:
        self.widgets: list[Any] = []

    def __call__(self) -> WidgetOutput:
        """Make another one."""
        made = WidgetOutput()
        self.widgets.append(made.widget)
        return made


def view(widget: Any, text: str = "") -> dict[str, Any]:
    """The MIME bundle that shows a widget, and nothing but ``text`` where widgets do not run."""
    # Written out, since ipywidgets 7 and 8 offer it under different names, with a Python repr as plain text.
    shown = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/html": "", "text/plain": text, WIDGET_VIEW: shown}


def set_trait(widget: Any, trait: str, value: object) -> None:
    """Set what is not so already: each trait is a message to the page."""
    if getattr(widget, trait) != value:
        setattr(widget, trait, value)


class WidgetMaker:
    """Makes the widgets of one view. They share a layout and, those of a kind, a style: a widget that brings its own is
    three messages to the page instead of one. So neither may be changed for one of them."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        self._widgets = widgets
        self._layout: dict[str, Any] = {}
        self._styles: dict[str, dict[str, Any]] = {}

    def __call__(self, kind: str, *arguments: Any, **options: Any) -> Any:
        """A widget of that class of ipywidgets."""
        shared = {**self._layout, **self._styles.get(kind, {}), **options}
        made = getattr(self._widgets, kind)(*arguments, **shared)
        self._layout = {"layout": made.layout}
        if made.has_trait("style"):
            self._styles[kind] = {"style": made.style}
        return made

    def button(self, words: str, act: Callable[[], None], *classes: str) -> Any:
        """A button with words of ours on it, never a user's. Nobody sees what ``act`` raises."""
        made = self("Button", description=words, _dom_classes=("hh-button", *classes))
        made.on_click(lambda _: act())
        return made


def button(words: str, act: Callable[[], None], *classes: str, **options: Any) -> Any:
    """A button with words of ours on it, never a user's. Nobody sees what ``act`` raises."""
    import ipywidgets as widgets

    made = widgets.Button(description=words, _dom_classes=("hh-button", *classes), **options)
    made.on_click(lambda _: act())
    return made


def reason(problem: Exception) -> str:
    """What went wrong, in one line."""
    return str(problem) if isinstance(problem, HappyHorseError) else f"{type(problem).__name__}: {problem}"


# A notice by the browser that a video is done, for somebody who has turned to another window. Only a script can give
# one. It runs where the front end runs scripts at all and the user allows notices, and elsewhere does nothing; what was
# saved with it in mid-way does nothing when it is opened later.
#: Seconds after which a script that is run again, with the page or the notebook, does nothing; and for which it stands.
_FRESH, _STANDS = 120, 5.0
_SCRIPT = """\
(() => {
  if (Math.abs(Date.now() / 1000 - %d) > %d || !("Notification" in window)) return;
  try { %s } catch (problem) { }
})();"""
_ASK = 'if (Notification.permission === "default") Notification.requestPermission();'
_TELL = 'if (Notification.permission === "granted") new Notification(%s, %s);'


def notice(
    *,
    outputs: NewOutput = CellOutput,
    clock: Callable[[], float] = time.time,
    later: Callable[[float, Callable[[], None]], None] = after,
) -> Callable[[Snapshot], None]:
    """Ask for leave to give notice, in the running cell; call the answer with how the job has ended.

    ``clock`` is Unix seconds.
    """
    output = outputs()
    output.put(_script(_ASK, clock()))

    def tell(snapshot: Snapshot) -> None:
        if not took_long(snapshot):
            output.change(EMPTY)
            return
        name = plain(snapshot.name or snapshot.short_id, 40)
        took = duration((snapshot.ended or clock()) - snapshot.created)
        about = {"body": plain(snapshot.prompt, 120), "tag": f"happyhorse-{plain(snapshot.id, 40)}"}
        said = _TELL % (_quoted(f"Video {name} is done, after {took}"), _quoted(about))
        output.change(_script(said, clock()))
        later(_STANDS, lambda: output.change(EMPTY))

    return tell


def _script(code: str, now: float) -> MimeBundle:
    return {"application/javascript": _SCRIPT % (now, _FRESH, code), "text/plain": ""}


def _quoted(value: object) -> str:
    # In an exported page it stands in a script element, which a prompt must not end.
    return json.dumps(value).replace("<", "\\u003c")
