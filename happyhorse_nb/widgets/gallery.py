"""The gallery: a page of posters, the bar above it, and what the clicks do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.api import forget, remove, restore
from happyhorse_nb.api.catalog import query
from happyhorse_nb.api.pages import Pages
from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.job.pictures import seen
from happyhorse_nb.models import MODELS, Snapshot, Status
from happyhorse_nb.render.gallery import Poster, below, notice, posters, whereabouts
from happyhorse_nb.render.tables import mixed
from happyhorse_nb.settings import frontend, notebook_folder, process, served
from happyhorse_nb.settings.config import embed_limit
from happyhorse_nb.widgets.card import LINKED
from happyhorse_nb.widgets.live import Latest, MessageRate, at_once
from happyhorse_nb.widgets.output import (
    CellOutput,
    MimeBundle,
    NewOutput,
    Output,
    WidgetOutput,
    WidgetOutputs,
    reason,
    set_trait,
    view,
)
from happyhorse_nb.widgets.tile import Menu, Shared, Tile, focus

if TYPE_CHECKING:
    from happyhorse_nb.job import Job
    from happyhorse_nb.widgets.form import Form

#: Posters on a page.
PAGE = 24
#: The size of the pictures that are saved with the notebook, in pixels.
_SAVED = (176, 176)


def gallery(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool = False,
) -> Gallery:
    """The ledger's videos as posters in a grid, newest first, filtered as by `jobs`.

    As the last value of a cell it shows itself. Raises `InvalidRequest` for a wrong filter, `LedgerError`.
    """
    only = query(status, text, since, model, starred, removed)
    return Gallery(Pages(only, PAGE), embed_limit=embed_limit())


class Followed:
    """Listens to running jobs, and passes on at most one change a second, and every end."""

    def __init__(self, tell: Callable[[Snapshot], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._last = -1.0
        self._undo: list[Callable[[], None]] = []

    def follow(self, jobs: Sequence[Job]) -> None:
        """Listen to these jobs from now on, and to no others."""
        for undo in self._undo:
            undo()
        self._undo = [job.subscribe(self._heard) for job in jobs if not job.done()]

    def _heard(self, snapshot: Snapshot) -> None:
        now = self._clock()
        if snapshot.status.ended or now - self._last >= 1.0:
            self._last = now
            self._tell(snapshot)


class Gallery:
    """Posters in a grid, a page at a time; `gallery` makes one."""

    def __init__(self, pages: Pages, *, embed_limit: float, outputs: NewOutput = CellOutput) -> None:
        self._pages = pages
        self._embed_limit = embed_limit
        self._outputs = outputs
        self._start = notebook_folder()
        #: Held during a click and a search, which runs on another thread.
        self._guard = process.Guard()
        self._picked: dict[str, Job] = {}
        self._playing: Tile | None = None
        self._tiles: list[Tile] = []
        self._saved: Output | None = None
        self._below: dict[str, Any] = {}
        self._form: Form | None = None
        self._posters: list[Poster] = []
        #: What *Undo* brings back.
        self._hidden: list[Job] = []
        self._rate = MessageRate()
        # While the user types, only the newest words are searched for, as often as the page may get messages.
        self._later = at_once if frontend.in_colab() else Latest()

    def __repr__(self) -> str:
        return repr(self._pages)

    def _ipython_display_(self) -> None:
        if frontend.in_notebook():
            self.open()
        else:
            print(repr(self))  # noqa: T201  # in a terminal

    def open(self) -> None:
        """Show it in the running cell: the live gallery, and an output that is saved with the notebook."""
        self._make()
        self._turn(0)
        self._outputs().put(view(self.box, "The gallery."))
        self._saved = self._outputs()
        self._saved.put(self._static())

    def _make(self) -> None:
        import ipywidgets as widgets

        guarded, reporting = self._guarded, self._reporting
        shared = self._shared = Shared()
        acts: dict[str, Any] = {"play": self._play, "star": self._star, "pick": self._pick, "more": self._more}
        acts = {name: guarded(act) for name, act in acts.items()}
        self._tiles = [Tile(number, shared, **acts) for number in range(1, PAGE + 1)]
        # One player for all tiles, so that only one video is loaded.
        self._player = WidgetOutput("hh-screen")
        self._menu = Menu(
            shared,
            edit=reporting(self._edit),
            reveal=guarded(self._reveal),
            remove=guarded(self._remove),
            forget=guarded(self._forget),
        )
        self._followed = Followed(self._heard)
        self._bar = Bar(
            self._pages,
            shared,
            typed=lambda: self._later(self._search_later),
            changed=guarded(self._filter),
            turn=guarded(self._turn),
            compare=reporting(self._compare),
            remove=guarded(lambda: self._hide(list(self._picked.values()), back=self._pages.removed)),
            unpick=guarded(self._unpick),
            undo=guarded(lambda: self._hide(self._hidden, back=True)),
        )
        self._slot = widgets.VBox([], _dom_classes=("hh-slot",))
        grid = shared.box([tile.box for tile in self._tiles], "hh-grid")
        style = shared.html(render.style("gallery"))
        parts = [style, self._bar.top, grid, self._bar.bottom, self._slot]
        self.box = widgets.VBox(parts, _dom_classes=("hh-ui", "hh-gallery"))

    def _turn(self, by: int) -> None:
        self._pages.number += by
        self._read()

    def _filter(self) -> None:
        self._pages.ask(*self._bar.chosen)
        self._read()

    def _search_later(self) -> None:
        """Search for what is typed by now; on a thread of its own, since it may wait for the rate of messages."""
        if not self._rate.take():
            time.sleep(self._rate.left())
            self._rate.take()
        self._guarded(lambda: None if self._bar.chosen[0] == self._pages.text else self._filter())()

    def _read(self) -> None:
        self._stop()
        self._menu.open(None)
        self._posters = self._pages.read()
        self._shared.mixed = mixed([one.snapshot for one in self._posters])
        self._bar.say("" if self._posters else notice(self._pages.empty()))
        for tile, one in zip(self._tiles, [*self._posters, *[None] * (PAGE - len(self._posters))], strict=True):
            tile.attach()
            tile.show(one, picked=one is not None and one.snapshot.id in self._picked)
        self._bar.show(len(self._picked))
        self._followed.follow(self._pages.running())

    def _play(self, tile: Tile) -> None:
        again = self._playing is tile
        self._stop()
        if again:
            return
        self._playing, now = tile, seen(tile.snapshot)
        limit = LINKED if now.path is not None and served(now.path, self._start) else self._embed_limit
        self._player.put(render.video(now, embed_limit=limit, start=self._start, autoplay=True).data)
        self._attach(tile)
        self._draw(tile)

    def _stop(self) -> None:
        tile, self._playing = self._playing, None
        if tile is not None:
            self._player.clear()
            self._attach(tile)
            self._draw(tile)

    def _attach(self, tile: Tile) -> None:
        tile.attach(
            player=self._player.widget if self._playing is tile else None,
            menu=self._menu.box if self._menu.tile is tile else None,
        )

    def _star(self, tile: Tile) -> None:
        job, on = self._job(tile), tile.poster is not None and not tile.poster.starred
        job.star(on)
        tile.change(job.id, starred=on)

    def _pick(self, tile: Tile) -> None:
        job = self._job(tile)
        if self._picked.pop(job.id, None) is None:
            self._picked[job.id] = job
        self._draw(tile)
        self._bar.show_picked(len(self._picked))

    def _unpick(self) -> None:
        self._picked.clear()
        for tile in self._tiles:
            self._draw(tile)
        self._bar.show_picked(0)

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
        self._menu.say(whereabouts(tile.snapshot, self._start))

    def _remove(self, tile: Tile) -> None:
        self._hide([self._job(tile)], back=tile.poster is not None and tile.poster.removed)
        focus(tile.more)

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
        # The saved output must not show it either.
        self._save()

    def _compare(self) -> None:
        from happyhorse_nb.widgets.compare import compare

        outputs = WidgetOutputs()
        compare(*self._picked.values()).open(outputs)
        self._show_below("comparison", *outputs.widgets)
        self._bar.say(notice("The comparison is below the gallery."))

    def _show_below(self, what: str, *shown: Any) -> None:
        """Show this below the grid, in place of the last of its kind."""
        close = self._shared.button(f"Close the {what}", self._guarded(lambda: self._close_below(what)))
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

    def _heard(self, snapshot: Snapshot) -> None:
        # On the engine's thread, so this only sets traits. Without the guard: the caller may hold a lock of the engine,
        # which a click, under the guard, waits for.
        for tile in self._tiles:
            tile.change(snapshot.id, snapshot=snapshot)
        with suppress(HappyHorseError):
            if snapshot.status.ended:
                self._bar.show_sums()

    def _guarded(self, act: Callable[..., None]) -> Callable[..., None]:
        """Run it under the guard: one at a time, and never cut short by an interrupt."""
        reporting = self._reporting(act)
        return lambda *args: self._guard(lambda: reporting(*args))

    def _reporting(self, act: Callable[..., None]) -> Callable[..., None]:
        """Show its errors in the gallery. Without the guard for what opens more widgets below: only clicks do that, and
        the account may have to be asked for on the main thread."""

        def reporting(*args: Any) -> None:
            try:
                act(*args)
            except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
                self._bar.say(notice(reason(problem), "bad"))

        return reporting

    def _draw(self, tile: Tile) -> None:
        tile.mark(picked=tile.id in self._picked, playing=tile is self._playing)

    def _job(self, tile: Tile) -> Job:
        return self._pages.job(tile.id)

    def _static(self) -> MimeBundle:
        # Always the first page, whichever is shown now.
        newest = self._posters if self._pages.number == 0 else self._pages.newest()
        some = [replace(one, picture=thumbnail(one.picture, _SAVED) if one.picture else None) for one in newest]
        total = self._pages.caption()
        if self._pages.count > len(some):
            total = f"The newest {len(some)} of {total}"
        return {
            "text/html": posters(some, start=self._start, caption=total, empty=self._pages.empty()),
            "text/plain": total.replace("`", ""),
        }


_ALL_MODELS = "all models"


class Bar:
    """The controls of the gallery. ``typed`` is called at each key in the search, ``changed`` for another view or
    model, ``turn`` with -1, 0 (refresh) or 1; ``acts`` are those of the buttons."""

    def __init__(
        self,
        pages: Pages,
        shared: Shared,
        *,
        typed: Callable[[], None],
        changed: Callable[[], None],
        turn: Callable[[int], None],
        **acts: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self._pages = pages
        self._search = widgets.Text(pages.text, description="Search", placeholder="Search", continuous_update=True)
        self._states = widgets.RadioButtons(options=pages.views, value=pages.view, description="Show")
        self._model = widgets.Dropdown(
            options=[_ALL_MODELS, *MODELS], value=pages.model or _ALL_MODELS, description="Model"
        )
        for widget, name, heard in (
            (self._search, "hh-search", typed),
            (self._states, "hh-states", changed),
            (self._model, "hh-model", changed),
        ):
            widget.add_class(name)
            widget.observe(lambda _, heard=heard: heard(), "value")
        self._sum, self._notice, self._page_number = shared.html(), shared.html(), shared.html()
        self._undo = shared.button("Undo", acts["undo"], "hh-idle")
        self._previous = shared.button("Previous page", lambda: turn(-1))
        self._next = shared.button("Next page", lambda: turn(1))
        refresh = shared.button("Refresh", lambda: turn(0))
        self._compare = shared.button("Compare", acts["compare"])
        self._remove = shared.button("Remove", acts["remove"])
        self._unpick = shared.button("Unpick", acts["unpick"])
        top = [
            shared.box([self._search, self._states, self._model], "hh-filters"),
            shared.box([self._sum, self._compare, self._remove, self._unpick], "hh-picked"),
            # The line is there without a notice too, so that nothing moves when there is one.
            shared.box([self._notice, self._undo], "hh-news"),
        ]
        self.top = widgets.VBox(top, _dom_classes=("hh-top",))
        self.bottom = shared.box([self._previous, self._page_number, self._next, refresh], "hh-pager")

    @property
    def chosen(self) -> tuple[str, str, str]:
        """Text, model (empty for all) and view."""
        model = self._model.value
        return self._search.value.strip(), "" if model == _ALL_MODELS else model, self._states.value

    def show(self, picked: int) -> None:
        """Show the number of the page, the sums, and how many are picked."""
        pages = self._pages
        self.show_sums()
        set_trait(self._page_number, "value", f'<span role="status">Page {pages.number + 1} of {pages.pages}</span>')
        set_trait(self._previous, "disabled", pages.number == 0)
        set_trait(self._next, "disabled", pages.number + 1 >= pages.pages)
        self.show_picked(picked)

    def show_sums(self) -> None:
        """Show what these jobs cost, and what was spent."""
        set_trait(self._sum, "value", below(self._pages.caption()))

    def show_picked(self, count: int) -> None:
        """Show how many are picked on the buttons, and enable those that can be pressed."""
        verb = "Restore" if self._pages.removed else "Remove"
        for button, words, off in (
            (self._compare, f"Compare {count}" if count else "Compare: pick two to four", not 2 <= count <= 4),
            (self._remove, f"{verb} {count}" if count else f"{verb}: pick some", not count),
            (self._unpick, f"Unpick {count}" if count else "Unpick", not count),
        ):
            set_trait(button, "description", words)
            set_trait(button, "disabled", off)

    def say(self, html: str, *, undo: bool = False) -> None:
        """Show this HTML above the grid, with a button to undo."""
        set_trait(self._notice, "value", html)
        set_trait(self._undo, "_dom_classes", ("hh-button", *(() if undo else ("hh-idle",))))
