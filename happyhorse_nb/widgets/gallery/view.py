"""The gallery as a whole: it reads a page, shows it, and does what is clicked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from happyhorse_nb.api import Jobs, forget, remove, restore
from happyhorse_nb.api.catalog import empty, query
from happyhorse_nb.engine import engine
from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.job import Job
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render.gallery import Poster, gallery_style, notice, posters, whereabouts
from happyhorse_nb.settings import frontend, notebook_folder, process
from happyhorse_nb.settings.config import embed_limit
from happyhorse_nb.store import Record, Take
from happyhorse_nb.widgets.form.picture import Latest, at_once
from happyhorse_nb.widgets.form.results import Slot
from happyhorse_nb.widgets.gallery.bar import PAGE, Bar, Shelf
from happyhorse_nb.widgets.gallery.screen import Live, Screen
from happyhorse_nb.widgets.gallery.tile import Menu, Shared, Tile, focus
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Bundle, MessageRate, Output, Place, Places

if TYPE_CHECKING:
    from happyhorse_nb.widgets.form import Form

#: Pixels of the pictures that are saved with the notebook.
_SAVED = (176, 176)


def gallery(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool = False,
) -> Gallery:
    """The ledger's videos as posters in a grid, newest first; filtered as `jobs` is.

    As the last value of a cell it shows itself. Raises `InvalidRequest` for what cannot be asked, `LedgerError`.
    """
    only = query(status, text, since, model, starred, removed)
    return Gallery(Shelf.of(engine(), only), embed_limit=embed_limit())


class Gallery:
    """Posters in a grid, a page at a time; `gallery` makes one."""

    def __init__(self, shelf: Shelf, *, embed_limit: float, places: Places = Output) -> None:
        self._shelf = shelf
        self._embed_limit = embed_limit
        self._places = places
        self._start = notebook_folder()
        #: Held while something clicked, or looked for, is done: what is looked for is so on another thread.
        self._guard = process.Guard()
        self._picked: dict[str, Job] = {}
        self._playing: Tile | None = None
        self._tiles: list[Tile] = []
        self._saved: Place | None = None
        self._below: dict[str, Any] = {}
        self._form: Form | None = None
        self._takes: list[Take] = []
        #: What *Undo* brings back.
        self._hidden: list[Job] = []
        self._rate = MessageRate()
        # As one types: what is found is sent at the page's rate, and the words in between are looked for by nobody.
        self._later = at_once if frontend.in_colab() else Latest()

    def __repr__(self) -> str:
        return repr(Jobs(self._shelf.only))

    def _ipython_display_(self) -> None:
        if frontend.in_notebook():
            self.open()
        else:
            print(repr(self))  # noqa: T201  # in a terminal, where the cell itself is asked to show it

    def open(self) -> None:
        """Show it in the running cell: the live one, and behind it what is saved with the notebook."""
        self._make()
        self._turn(0)
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        self._places().put({"text/html": "", "text/plain": "The gallery.", WIDGET_VIEW: view})
        self._saved = self._places()
        self._saved.put(self._static())

    def _make(self) -> None:
        import ipywidgets as widgets

        shared = self._shared = Shared()
        acts: dict[str, Any] = {"play": self._play, "star": self._star, "pick": self._pick, "more": self._more}
        careful = {name: self._careful(act) for name, act in acts.items()}
        self._tiles = [Tile(number, shared, **careful) for number in range(1, PAGE + 1)]
        self._screen = Screen(start=self._start, embed_limit=self._embed_limit)
        self._menu = Menu(
            shared,
            edit=self._told(self._edit),
            reveal=self._careful(self._reveal),
            remove=self._careful(self._remove),
            forget=self._careful(self._forget),
        )
        self._live = Live(self._heard)
        self._bar = Bar(
            self._shelf,
            shared,
            typed=lambda: self._later(self._look),
            changed=self._careful(self._filter),
            turn=self._careful(self._turn),
            compare=self._told(self._compare),
            remove=self._careful(self._remove_picked),
            unpick=self._careful(self._unpick),
            undo=self._careful(self._undo),
        )
        self._slot = widgets.VBox([], _dom_classes=("hh-slot",))
        grid = shared.box([tile.box for tile in self._tiles], "hh-grid")
        style = shared.html(gallery_style())
        self.box = widgets.VBox([style, self._bar.top, grid, self._bar.bottom, self._slot])
        self.box.add_class("hh-ui").add_class("hh-gallery")

    # What is clicked. Each is quick: a look into the ledger, and traits.

    def _turn(self, by: int) -> None:
        self._shelf.page += by
        self._read()

    def _filter(self) -> None:
        text, tab, model = self._bar.chosen
        self._shelf.base = replace(self._shelf.base, text=text.strip(), model=model)
        self._shelf.tab, self._shelf.page = tab, 0
        self._read()

    def _look(self) -> None:
        """Look for what is typed by now. On a thread of its own: it may have to wait until the page can be told."""
        if not self._rate.take():
            time.sleep(self._rate.left())
            self._rate.take()
        self._careful(self._search)()

    def _search(self) -> None:
        if self._bar.chosen[0].strip() != self._shelf.base.text:
            self._filter()

    def _read(self) -> None:
        self._stop()
        self._menu.open(None)
        self._takes = takes = self._shelf.read()
        self._bar.say("" if takes else notice(self._empty))
        for tile, take in zip(self._tiles, [*takes, *[None] * (PAGE - len(takes))], strict=True):
            tile.attach()
            picked = take is not None and take.record.snapshot.id in self._picked
            tile.show(take, picked=picked, mixed=_mixed(takes))
        self._bar.show(self._shelf, len(self._picked))
        shown = {take.record.snapshot.id for take in takes}
        self._live.follow([job for job in self._shelf.engine.running() if job.id in shown])

    def _play(self, tile: Tile) -> None:
        again = self._playing is tile
        self._stop()
        if not again:
            self._playing = tile
            self._screen.play(_of(tile))
            self._attach(tile)
            self._draw(tile)

    def _stop(self) -> None:
        tile, self._playing = self._playing, None
        if tile is not None:
            self._screen.clear()
            self._attach(tile)
            self._draw(tile)

    def _attach(self, tile: Tile) -> None:
        tile.attach(
            screen=self._screen.widget if self._playing is tile else None,
            menu=self._menu.box if self._menu.tile is tile else None,
        )

    def _star(self, tile: Tile) -> None:
        record = _record(tile)
        self._shelf.engine.ledger.star(record.snapshot.id, on=not record.starred)
        tile.record = replace(record, starred=not record.starred)
        self._draw(tile)

    def _pick(self, tile: Tile) -> None:
        job = self._job(tile)
        if self._picked.pop(job.id, None) is None:
            self._picked[job.id] = job
        self._draw(tile)
        self._show_picked()

    def _unpick(self) -> None:
        self._picked.clear()
        for tile in self._tiles:
            self._draw(tile)
        self._show_picked()

    def _show_picked(self) -> None:
        self._bar.picked(len(self._picked), back=bool(self._shelf.only.removed))

    def _more(self, tile: Tile) -> None:
        before = self._menu.tile
        self._menu.open(None if before is tile else tile)
        for one in {t.number: t for t in (before, tile) if t is not None}.values():
            self._attach(one)

    def _edit(self, tile: Tile) -> None:
        from happyhorse_nb.widgets.form import edit

        form = edit(self._job(tile))
        before, self._form = self._form, form
        self._show_below("form", form.box)
        if before is not None:
            before.close()
        self._menu.say(notice("The form is below the gallery."))

    def _reveal(self, tile: Tile) -> None:
        self._menu.say(whereabouts(_of(tile), self._start))

    def _remove(self, tile: Tile) -> None:
        self._hide([self._job(tile)], back=_record(tile).removed)
        focus(tile.more)

    def _remove_picked(self) -> None:
        self._hide(list(self._picked.values()), back=bool(self._shelf.only.removed))

    def _undo(self) -> None:
        self._hide(self._hidden, back=True)

    def _hide(self, some: list[Job], *, back: bool) -> None:
        """Take these out of the gallery, or bring them ``back``."""
        (restore if back else remove)(some)
        self._hidden = [] if back else some
        for job in some:
            self._picked.pop(job.id, None)
        self._read()
        who = f"Job {some[0].snapshot.short_id} is" if len(some) == 1 else f"{len(some)} jobs are"
        self._bar.say(notice(f"{who} {'back' if back else 'removed'}."), undo=not back)
        self._save()

    def _forget(self, tile: Tile) -> None:
        job = self._job(tile)
        self._stop()
        forget(job, trash=True)
        self._picked.pop(job.id, None)
        self._read()
        self._bar.say(notice(f"Job {job.snapshot.short_id} is forgotten; its file, if any, is in the trash."))
        # What is forgotten must not be saved with the notebook either.
        self._save()

    def _compare(self) -> None:
        from happyhorse_nb.widgets.compare import compare

        shown = compare(*self._picked.values())
        slots: list[Slot] = []

        def place() -> Slot:
            slots.append(Slot())
            return slots[-1]

        shown.open(place)
        self._show_below("comparison", *(slot.widget for slot in slots))
        self._bar.say(notice("The comparison is below the gallery."))

    def _show_below(self, what: str, *shown: Any) -> None:
        """Show this below the grid, in place of one like it; what else is open there stays."""
        close = self._shared.button(f"Close the {what}", self._careful(lambda: self._close_below(what)))
        self._below[what] = self._shared.box([close, *shown], "hh-below")
        self._slot.children = tuple(self._below.values())

    def _close_below(self, what: str) -> None:
        del self._below[what]
        self._slot.children = tuple(self._below.values())
        if what == "form" and self._form is not None:
            self._form.close()
            self._form = None

    def _save(self) -> None:
        if self._saved is not None:
            self._saved.change(self._static())

    # What comes from elsewhere

    def _heard(self, snapshot: Snapshot) -> None:
        # On the owned thread: traits are set, nothing is displayed. Not under this lock: who tells the news
        # may hold one of the engine's, which a click asks for.
        for tile in self._tiles:
            tile.hear(snapshot, picked=snapshot.id in self._picked)
        with suppress(HappyHorseError):
            if snapshot.status.ended:
                self._bar.total(self._shelf)

    def _careful(self, act: Callable[..., None]) -> Callable[..., None]:
        """As a whole, whatever interrupts; and with nothing else beside it."""
        told = self._told(act)
        return lambda *args: self._guard(lambda: told(*args))

    def _told(self, act: Callable[..., None]) -> Callable[..., None]:
        """What a widget's callback raises nobody sees: it is said in the gallery.

        By itself for what shows more widgets below: only clicks do that, and the account may have to be asked for on
        the main thread.
        """

        def told(*args: Any) -> None:
            try:
                act(*args)
            except Exception as problem:  # noqa: BLE001  # see above
                words = str(problem) if isinstance(problem, HappyHorseError) else f"{type(problem).__name__}: {problem}"
                self._bar.say(notice(words, "bad"))

        return told

    def _draw(self, tile: Tile) -> None:
        tile.draw(picked=self._is_picked(tile), playing=tile is self._playing)

    def _is_picked(self, tile: Tile) -> bool:
        return tile.snapshot is not None and tile.snapshot.id in self._picked

    def _job(self, tile: Tile) -> Job:
        return self._shelf.engine.known(_record(tile))

    @property
    def _empty(self) -> str:
        return empty(self._shelf.engine.ledger, self._shelf.only)

    def _static(self) -> Bundle:
        # Whatever page is looked at now.
        takes = self._takes if self._shelf.page == 0 else self._shelf.newest()
        some = [
            Poster(t.record.snapshot, _small(t.record.thumbnail), t.record.starred, t.place, t.of, _mixed(takes))
            for t in takes
        ]
        total = self._shelf.total()
        if self._shelf.count > len(some):
            total = f"The newest {len(some)} of {total}"
        return {
            "text/html": posters(some, start=self._start, caption=total, empty=self._empty),
            "text/plain": total.replace("`", ""),
        }


def _small(picture: bytes | None) -> bytes | None:
    return thumbnail(picture, _SAVED) if picture else None


def _mixed(takes: Sequence[Take]) -> bool:
    """Whether both kinds of money have paid for these: only then each says which."""
    return len({take.record.snapshot.sandbox for take in takes}) > 1


def _of(tile: Tile) -> Snapshot:
    return _record(tile).snapshot if tile.snapshot is None else tile.snapshot


def _record(tile: Tile) -> Record:
    assert tile.record is not None, "only a tile that shows a job is clicked"
    return tile.record
