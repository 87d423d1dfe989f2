"""The gallery as a whole: it reads a page, shows it, and does what is clicked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.images import thumbnail
from happyhorse_nb.jobs import Job, Jobs, engine, forget
from happyhorse_nb.jobs.catalog import empty
from happyhorse_nb.jobs.query import query
from happyhorse_nb.ledger import Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.render.gallery import Poster, gallery_style, notice, posters, whereabouts
from happyhorse_nb.settings import frontend, working_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.form.slot import Slot
from happyhorse_nb.widgets.gallery.bar import Bar
from happyhorse_nb.widgets.gallery.live import Live
from happyhorse_nb.widgets.gallery.menu import Menu
from happyhorse_nb.widgets.gallery.screen import Screen
from happyhorse_nb.widgets.gallery.shelf import PAGE, Shelf
from happyhorse_nb.widgets.gallery.tile import Shared, Tile
from happyhorse_nb.widgets.panel import WIDGET_VIEW
from happyhorse_nb.widgets.place import Bundle, Output, Place, Places

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
    return Gallery(Shelf.of(engine(), only), embed_limit=config().embed_limit)


class Gallery:
    """Posters in a grid, a page at a time; `gallery` makes one."""

    def __init__(self, shelf: Shelf, *, embed_limit: float, places: Places = Output) -> None:
        self._shelf = shelf
        self._embed_limit = embed_limit
        self._places = places
        self._start = working_folder()
        self._lock = RLock()
        self._picked: dict[str, Job] = {}
        self._playing: Tile | None = None
        self._tiles: list[Tile] = []
        self._saved: Place | None = None
        self._form: Form | None = None
        self._records: list[Record] = []

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
            edit=self._careful(self._edit),
            reveal=self._careful(self._reveal),
            forget=self._careful(self._forget),
        )
        self._live = Live(self._heard)
        self._bar = Bar(
            self._shelf,
            shared,
            changed=self._careful(self._filter),
            turn=self._careful(self._turn),
            compare=self._careful(self._compare),
        )
        self._notice = shared.html()
        self._slot = widgets.VBox([], _dom_classes=("hh-slot",))
        grid = shared.box([tile.box for tile in self._tiles], "hh-grid")
        style = shared.html(gallery_style())
        self.box = widgets.VBox([style, self._bar.top, self._notice, grid, self._bar.bottom, self._slot])
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

    def _read(self) -> None:
        self._stop()
        self._menu.open(None)
        self._records = records = self._shelf.read()
        self._notice.value = "" if records else notice(self._empty)
        for tile, record in zip(self._tiles, [*records, *[None] * (PAGE - len(records))], strict=True):
            tile.attach()
            tile.show(record, picked=record is not None and record.snapshot.id in self._picked)
        self._bar.show(self._shelf, self._shelf.total(), len(self._picked))
        shown = {record.snapshot.id for record in records}
        self._live.follow([job for job in self._shelf.engine.running() if job.id in shown])

    def _play(self, tile: Tile) -> None:
        again = self._playing is tile
        self._stop()
        if not again:
            self._playing = tile
            self._screen.play(_of(tile))
            tile.attach(self._screen.widget, *([self._menu.box] if self._menu.tile is tile else []))
            tile.draw(picked=self._is_picked(tile), playing=True)

    def _stop(self) -> None:
        tile, self._playing = self._playing, None
        if tile is not None:
            self._screen.clear()
            tile.attach(*([self._menu.box] if self._menu.tile is tile else []))
            tile.draw(picked=self._is_picked(tile))

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
        self._bar.picked(len(self._picked))

    def _more(self, tile: Tile) -> None:
        before = self._menu.tile
        self._menu.open(None if before is tile else tile)
        for one in {t.number: t for t in (before, tile) if t is not None}.values():
            screen = [self._screen.widget] if self._playing is one else []
            one.attach(*screen, *([self._menu.box] if self._menu.tile is one else []))

    def _edit(self, tile: Tile) -> None:
        from happyhorse_nb.widgets.form import edit

        form = edit(self._job(tile))
        self._below(form.box)
        self._form = form
        self._menu.say(notice("The form is below the gallery."))

    def _reveal(self, tile: Tile) -> None:
        self._menu.say(whereabouts(_of(tile), self._start))

    def _forget(self, tile: Tile) -> None:
        job = self._job(tile)
        self._stop()
        forget(job, trash=True)
        self._picked.pop(job.id, None)
        self._read()
        self._notice.value = notice(f"Job {job.snapshot.short_id} is forgotten; its file, if any, is in the trash.")
        if self._saved is not None:
            # What is forgotten must not be saved with the notebook either.
            self._saved.change(self._static())

    def _compare(self) -> None:
        from happyhorse_nb.widgets.compare import compare

        shown = compare(*self._picked.values())
        slots: list[Slot] = []

        def place() -> Slot:
            slots.append(Slot())
            return slots[-1]

        shown.open(place)
        self._below(*(slot.widget for slot in slots))

    def _below(self, *shown: Any) -> None:
        """Show this below the grid, in place of what was there."""
        before, self._form = self._form, None
        self._slot.children = shown
        if before is not None:
            before.close()

    # What comes from elsewhere

    def _heard(self, snapshot: Snapshot) -> None:
        # On the owned thread: traits are set, nothing is displayed. Not under this lock: who tells the news
        # may hold one of the engine's, which a click asks for.
        for tile in self._tiles:
            tile.hear(snapshot, picked=snapshot.id in self._picked)
        with suppress(HappyHorseError):
            if snapshot.status.ended:
                self._bar.sum.value = self._shelf.total()

    def _careful(self, act: Callable[..., None]) -> Callable[..., None]:
        """What a widget's callback raises nobody sees: it is said in the gallery."""

        def careful(*args: Any) -> None:
            with self._lock:
                try:
                    act(*args)
                except Exception as problem:  # noqa: BLE001  # see above
                    words = (
                        str(problem) if isinstance(problem, HappyHorseError) else f"{type(problem).__name__}: {problem}"
                    )
                    self._notice.value = notice(words, "bad")

        return careful

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
        records = self._records if self._shelf.page == 0 else self._shelf.newest()
        some = [Poster(r.snapshot, _small(r.thumbnail), r.starred) for r in records]
        more = self._shelf.count > len(some)
        total = self._shelf.total() + (f"; the newest {len(some)} are here" if more else "")
        return {
            "text/html": posters(some, start=self._start, caption=total, empty=self._empty),
            "text/plain": total,
        }


def _small(picture: bytes | None) -> bytes | None:
    return thumbnail(picture, _SAVED) if picture else None


def _of(tile: Tile) -> Snapshot:
    return _record(tile).snapshot if tile.snapshot is None else tile.snapshot


def _record(tile: Tile) -> Record:
    assert tile.record is not None, "only a tile that shows a job is clicked"
    return tile.record
