"""Outputs of the running cell or in a widget, the making of widgets, and the browser's notice that a video is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.models import Snapshot
from happyhorse_nb.render.words import duration, plain
from happyhorse_nb.widgets.live import after

MimeBundle = Mapping[str, Any]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: An output that shows nothing; an empty bundle would leave the old output.
EMPTY: MimeBundle = {"text/html": "", "text/plain": ""}


class Output(Protocol):
    """Shown once by the cell, then changed from any thread."""

    def put(self, bundle: MimeBundle) -> None:
        """Show this MIME bundle as an output of the running cell."""

    def change(self, bundle: MimeBundle) -> None:
        """Replace it by this MIME bundle."""


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
        """Replace it by this MIME bundle."""
        self._handle.update(dict(bundle), raw=True)


class WidgetOutput:
    """An Output widget, whose outputs survive a reload of the page and show in Voilà."""

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
    """Makes outputs inside another widget; ``widgets`` are those made."""

    def __init__(self) -> None:
        self.widgets: list[Any] = []

    def __call__(self) -> WidgetOutput:
        """Make another one."""
        made = WidgetOutput()
        self.widgets.append(made.widget)
        return made


def view(widget: Any, text: str = "") -> dict[str, Any]:
    """The MIME bundle that shows a widget, or ``text`` where there are no widgets."""
    # Written out: ipywidgets 7 and 8 name it differently, and give a Python repr as plain text.
    shown = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/html": "", "text/plain": text, WIDGET_VIEW: shown}


def set_trait(widget: Any, trait: str, value: object) -> None:
    """Set a trait unless it has that value, since each setting is a message to the page."""
    if getattr(widget, trait) != value:
        setattr(widget, trait, value)


class WidgetMaker:
    """Makes the widgets of one view. All share a layout, and those of a kind a style, since a widget with its own takes
    three messages to the page instead of one. So neither may be changed."""

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

    def button(self, words: str, act: Callable[[], None], *classes: str, **options: Any) -> Any:
        """A button with our own words, never a user's. Nobody sees what ``act`` raises."""
        made = self("Button", description=words, _dom_classes=("hh-button", *classes), **options)
        made.on_click(lambda _: act())
        return made

    def html(self, value: str = "") -> Any:
        """An HTML widget."""
        return self("HTML", value)

    def box(self, children: Iterable[Any], *classes: str) -> Any:
        """A box of widgets."""
        return self("Box", list(children), _dom_classes=classes)


def button(words: str, act: Callable[[], None], *classes: str) -> Any:
    """A button with a layout of its own; else as those of `WidgetMaker`."""
    return WidgetMaker().button(words, act, *classes)


def reason(problem: Exception) -> str:
    """The error in one line."""
    return str(problem) if isinstance(problem, HappyHorseError) else f"{type(problem).__name__}: {problem}"


# The browser's notice that a video is done, for a user in another window, needs a script. Where the front end runs no
# scripts, or the user allows no notices, nothing happens; nor when a notebook that was saved with it is opened later.
#: Seconds after which the script does nothing when the page runs it again; and after which it is removed.
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
    """Ask for permission to notify, in the running cell. Call the returned function with the ended job's snapshot.

    ``clock`` gives Unix seconds.
    """
    from happyhorse_nb.job.notices import took_long

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
    # In an exported page it is inside a script element, which a prompt must not close.
    return json.dumps(value).replace("<", "\\u003c")
