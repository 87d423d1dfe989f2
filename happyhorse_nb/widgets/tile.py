"""A tile of the gallery, and the menu that all tiles share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render.gallery import Poster, notice, poster
from happyhorse_nb.settings import process
from happyhorse_nb.widgets.output import WidgetMaker, set_trait

#: What a click on a tile does.
Act = Callable[["Tile"], None]


class Shared(WidgetMaker):
    """What all tiles share, beside the making of their widgets."""

    def __init__(self) -> None:
        super().__init__()
        #: Held while a tile is drawn, and for nothing else: changes come on another thread.
        self.guard = process.Guard()
        #: Whether some jobs on the page cost play money and some real.
        self.mixed = False


class Tile:
    """A poster with its words and buttons; ``poster`` is None while the tile is empty."""

    def __init__(self, number: int, shared: Shared, *, play: Act, star: Act, pick: Act, more: Act) -> None:
        self.number = number
        self.poster: Poster | None = None
        self.picked = self.playing = False
        self._shared = shared
        self._face = shared.html()
        self._play = shared.button(f"Play video {number}", lambda: play(self), "hh-play")
        self._star = shared.button(f"Give video {number} a star", lambda: star(self), "hh-star")
        self._pick = shared.button(f"Pick video {number}", lambda: pick(self), "hh-pick")
        self.more = shared.button(f"More of video {number}", lambda: more(self), "hh-more")
        self._fixed = (self._face, self._play, self._star, self._pick, self.more)
        self._card = shared.box(self._fixed, "hh-tile", "hh-off")
        #: The tile, and beside it in the grid a row for the video while it plays.
        self.box = shared.box([self._card], "hh-spot")

    @property
    def id(self) -> str:
        """The job's id; empty for an empty tile."""
        return self.poster.snapshot.id if self.poster is not None else ""

    @property
    def snapshot(self) -> Snapshot:
        """The job's state; only for a tile that shows one."""
        assert self.poster is not None, "only a tile that shows a job is clicked"
        return self.poster.snapshot

    def show(self, poster: Poster | None, *, picked: bool = False) -> None:
        """Show this job, or nothing."""

        def show() -> None:
            self.poster, self.picked, self.playing = poster, picked, False
            self._draw()

        self._shared.guard(show)

    def change(self, job_id: str, **changes: Any) -> None:
        """Show these changes, if the tile still shows that job."""

        def change() -> None:
            if self.poster is not None and self.id == job_id:
                self.poster = replace(self.poster, **changes)
                self._draw()

        self._shared.guard(change)

    def mark(self, *, picked: bool, playing: bool) -> None:
        """Show whether it is picked, and whether its video plays."""

        def mark() -> None:
            self.picked, self.playing = picked, playing
            self._draw()

        self._shared.guard(mark)

    def _draw(self) -> None:
        one, n = self.poster, self.number
        if one is None:
            set_trait(self._card, "_dom_classes", ("hh-tile", "hh-off"))
            set_trait(self._face, "value", "")
            return
        now = one.snapshot
        still = now.status != Status.DONE or now.path is None
        marks = {"hh-tile": True, "hh-still": still, "hh-runs": now.status.running, "hh-playing": self.playing}
        set_trait(self._face, "value", poster(one, n, mixed=self._shared.mixed))
        set_trait(self._card, "_dom_classes", tuple(name for name, on in marks.items() if on))
        for button, on, when_on, when_off in (
            (self._play, self.playing, f"Close video {n}", f"Play video {n}"),
            (self._star, one.starred, f"Remove the star of video {n}", f"Give video {n} a star"),
            (self._pick, self.picked, f"Unpick video {n}", f"Pick video {n}"),
        ):
            set_trait(button, "description", when_on if on else when_off)
            (button.add_class if on else button.remove_class)("hh-on")

    def attach(self, *, player: Any = None, menu: Any = None) -> None:
        """Add the shared player and menu, at the end, so that all else keeps its position and focus."""
        set_trait(self._card, "children", (*self._fixed, *([menu] if menu is not None else [])))
        set_trait(self.box, "children", (self._card, *([player] if player is not None else [])))


_QUESTION = (
    "Forget it? Its prompt and pictures are wiped for good; its file goes into the folder .trash beside it. "
    "What is only removed can be brought back."
)


class Menu:
    """Edit, show the file, remove or restore, and forget, which asks first."""

    def __init__(self, shared: Shared, *, edit: Act, reveal: Act, remove: Act, forget: Act) -> None:
        self.tile: Tile | None = None
        self._words = shared.html()
        self._remove = shared.button("Remove", lambda: self._do(remove))
        self._forget = shared.button("Forget…", self._ask)
        some = [
            shared.button("Edit", lambda: self._do(edit)),
            shared.button("Show file", lambda: self._do(reveal)),
            self._remove,
            self._forget,
            self._words,
            shared.button("Forget", lambda: self._do(forget), "hh-answer", "hh-danger"),
            shared.button("Keep", self._cancel, "hh-answer"),
        ]
        self.box = shared.box(some, "hh-extra")

    def open(self, tile: Tile | None) -> None:
        """Move to this tile, or to none."""
        self.tile = tile
        removed = tile is not None and tile.poster is not None and tile.poster.removed
        set_trait(self._remove, "description", "Restore" if removed else "Remove")
        self.say("")
        self.box.remove_class("hh-asking")

    def say(self, words: str) -> None:
        """Show this HTML among the buttons."""
        self._words.value = words

    def _ask(self) -> None:
        self.say(notice(_QUESTION))
        self.box.add_class("hh-asking")

    def _cancel(self) -> None:
        self.say("")
        self.box.remove_class("hh-asking")
        focus(self._forget)

    def _do(self, act: Act) -> None:
        if self.tile is not None:
            act(self.tile)


def focus(button: Any) -> None:
    """Give the button the keyboard's focus, which ipywidgets 7 cannot do."""
    move: Any = getattr(button, "focus", None)
    if move is not None:
        move()
