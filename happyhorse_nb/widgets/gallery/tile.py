"""What else can be done with a tile's video: one set of buttons that the tiles take turns with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render.gallery import Poster, notice, poster
from happyhorse_nb.settings import process
from happyhorse_nb.store import Record, Take

#: What may be clicked on a tile.
Act = Callable[["Tile"], None]


class Shared:
    """What all tiles have in common: each widget would bring a layout and a style of its own, a message each."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        #: Held while a tile is drawn, and never while anything else is asked: news come on another thread.
        self.guard = process.Guard()
        self._widgets = widgets
        self._layout = widgets.Layout()
        self._button = widgets.Button(layout=self._layout)
        self._html = widgets.HTML(layout=self._layout)

    def html(self, value: str = "") -> Any:
        """An HTML widget."""
        return self._widgets.HTML(value, layout=self._layout, style=self._html.style)

    def button(self, words: str, act: Callable[[], None], *classes: str) -> Any:
        """A button with words of ours on it, never a user's."""
        made = self._widgets.Button(
            description=words, layout=self._layout, style=self._button.style, _dom_classes=("hh-button", *classes)
        )
        made.on_click(lambda _: act())
        return made

    def box(self, children: list[Any], *classes: str) -> Any:
        """A box."""
        return self._widgets.Box(children, layout=self._layout, _dom_classes=classes)


class Tile:
    """A poster with its words and buttons; ``record`` is the job it shows, None while it shows none."""

    def __init__(self, number: int, shared: Shared, *, play: Act, star: Act, pick: Act, more: Act) -> None:
        self.number = number
        self._guard = shared.guard
        self.record: Record | None = None
        self.snapshot: Snapshot | None = None
        self._of, self._mixed = (1, 1), False
        self._face = shared.html()
        self._play = shared.button(f"Play video {number}", lambda: play(self), "hh-play")
        self._star = shared.button(f"Give video {number} a star", lambda: star(self), "hh-star")
        self._pick = shared.button(f"Pick video {number}", lambda: pick(self), "hh-pick")
        self.more = shared.button(f"More of video {number}", lambda: more(self), "hh-more")
        self._fixed = (self._face, self._play, self._star, self._pick, self.more)
        self._card = shared.box(list(self._fixed), "hh-tile", "hh-off")
        #: The tile, and beside it in the grid a row of its own for the film while it plays.
        self.box = shared.box([self._card], "hh-spot")

    def show(self, take: Take | None, *, picked: bool = False, mixed: bool = False) -> None:
        """Show this job, or nothing; ``mixed``: beside others that were paid for with the other kind of money."""
        record = take.record if take is not None else None

        def show() -> None:
            self.record = record
            self._of, self._mixed = (take.place, take.of) if take is not None else (1, 1), mixed
            self.snapshot = record.snapshot if record is not None else None
            self.draw(picked=picked)

        self._guard(show)

    def hear(self, snapshot: Snapshot, *, picked: bool = False) -> None:
        """Show what a job has become, if it is the one that stands here."""

        def hear() -> None:
            if self.snapshot is not None and self.snapshot.id == snapshot.id:
                self.snapshot = snapshot
                self.draw(picked=picked)

        self._guard(hear)

    def draw(self, *, picked: bool, playing: bool = False) -> None:
        """Set what has changed, and nothing else: each trait is a message."""
        self._guard(lambda: self._draw(picked, playing))

    def _draw(self, picked: bool, playing: bool) -> None:
        now, record = self.snapshot, self.record
        if now is None or record is None:
            set_trait(self._card, "_dom_classes", ("hh-tile", "hh-off"))
            set_trait(self._face, "value", "")
            return
        still = now.status != Status.DONE or now.path is None
        classes = (
            "hh-tile",
            *(["hh-still"] if still else []),
            *(["hh-runs"] if now.status.running else []),
            *(["hh-playing"] if playing else []),
        )
        one = Poster(now, record.thumbnail, record.starred, *self._of, mixed=self._mixed)
        set_trait(self._face, "value", poster(one, self.number))
        set_trait(self._card, "_dom_classes", classes)
        n = self.number
        _toggle(self._play, playing, f"Close video {n}", f"Play video {n}")
        _toggle(self._star, record.starred, f"Remove the star of video {n}", f"Give video {n} a star")
        _toggle(self._pick, picked, f"Unpick video {n}", f"Pick video {n}")

    def attach(self, *, screen: Any = None, menu: Any = None) -> None:
        """Add what tiles take turns with. At the end: what stands before it keeps its place and the focus."""
        set_trait(self._card, "children", (*self._fixed, *([menu] if menu is not None else [])))
        set_trait(self.box, "children", (self._card, *([screen] if screen is not None else [])))


def set_trait(widget: Any, trait: str, value: object) -> None:
    """Set what is not so already: each trait is a message."""
    if getattr(widget, trait) != value:
        setattr(widget, trait, value)


def _toggle(button: Any, on: bool, when_on: str, when_off: str) -> None:
    set_trait(button, "description", when_on if on else when_off)
    if on:
        button.add_class("hh-on")
    else:
        button.remove_class("hh-on")


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
