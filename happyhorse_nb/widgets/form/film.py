"""The video to edit in the form: one of the finished jobs, or an address."""

from __future__ import annotations

import secrets
from collections.abc import Callable, MutableMapping
from typing import Any

from happyhorse_nb.api.preview import film, films
from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.inputs import Input
from happyhorse_nb.models import LONGEST, Snapshot
from happyhorse_nb.render import form as html
from happyhorse_nb.render.words import joined, parameter, plain
from happyhorse_nb.settings.config import embed_limit
from happyhorse_nb.widgets.form.picture import NotReady
from happyhorse_nb.widgets.output import reason, set_trait

#: So many finished jobs are offered.
_OFFERED = 6
_NOTHING = "No video yet: pick one, or name a job, or the URL of an MP4 or MOV of 3 to 60 s."


class FilmBox:
    """The video, what it is, the newest finished jobs to pick from, and a text for a job, URL or variable.

    ``on_change`` is called after each change.
    """

    def __init__(self, source: str, *, namespace: MutableMapping[str, Any], on_change: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self.source = source
        self._namespace, self._on_change = namespace, on_change
        self._input: Input | None = None
        self._problem = ""
        self._offered: tuple[tuple[str, str], ...] = ()
        #: A class of its own, for the pictures of its choices.
        self._own = f"hh-films-{secrets.token_hex(4)}"
        self._title = widgets.HTML('<span class="hh-label" aria-hidden="true">Video to edit</span>')
        self._screen, self._verdict, self._posters = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._pick = widgets.RadioButtons(
            options=(), description="Finished videos", _dom_classes=("hh-control", "hh-films", self._own)
        )
        self._pick.layout.display = "none"
        self._text = widgets.Text(
            source,
            description="Video to edit",
            placeholder="or a job, URL or variable",
            continuous_update=False,
            _dom_classes=("hh-control", "hh-source"),
        )
        parts = [self._title, self._screen, self._verdict, self._posters, self._pick, self._text]
        self.box: Any = widgets.VBox(parts, _dom_classes=("hh-left",))
        self._pick.observe(self._picked, "value")
        self._text.observe(self._typed, "value")

    def given(self) -> Input:
        """The video. Raises `NotReady` where there is none."""
        if self._input is None:
            raise NotReady
        return self._input

    def open(self) -> None:
        """It is shown, or a job has ended: read the finished jobs, and look the video up where it was not found."""
        self._offer()
        if self._input is None:
            self._look_up()

    def _picked(self, change: Any) -> None:
        if change["new"] is not None and change["new"] != self.source:
            self._choose(change["new"])

    def _typed(self, change: Any) -> None:
        if change["new"].strip() != self.source:
            self._choose(change["new"].strip())

    def _choose(self, source: str) -> None:
        self.source = source
        self._text.value = source
        self._look_up()
        self._on_change()

    def _look_up(self) -> None:
        """Find the video that is named, and show it. On the main thread, which alone may ask for the account."""
        self._input, self._problem, job = None, "", None
        try:
            if self.source:
                self._input, job = film(self.source, self._namespace)
        except HappyHorseError as problem:
            self._problem = reason(problem)
        self._mark(job)
        set_trait(self._verdict, "value", self._said(job))
        given = self._input
        set_trait(
            self._screen,
            "value",
            html.film(
                job.path if job is not None else None,
                poster=given.thumbnail if given is not None else None,
                url=(given.url or "") if given is not None else "",
                label=job.prompt if job is not None else self.source,
                limit=embed_limit(),
            ),
        )

    def _said(self, job: Snapshot | None) -> str:
        if self._input is None:
            return html.verdict(self._problem or _NOTHING, "no" if self._problem else "")
        seconds = self._input.seconds
        if job is None:
            label = plain(self._input.label, 60)
            return html.verdict(f"{label}: an address; the server says how long it is, at most 60 s", "ok")
        long = f"{seconds:.0f} s" if seconds is not None else "of unknown length"
        first = f", of which the first {LONGEST} s are edited" if seconds is not None and seconds > LONGEST else ""
        name = job.path.name if job.path is not None else job.short_id
        return html.verdict(f"{plain(name, 60)}: {long}{first}", "ok")

    def _offer(self) -> None:
        """Show the newest finished jobs."""
        try:
            some = films(_OFFERED)
        except HappyHorseError:
            # Said by the check of the whole request.
            some = []
        offered = tuple(
            (joined(parameter(one.snapshot, "duration"), plain(one.snapshot.prompt, 60) or "No prompt", by=": "), name)
            for one in some
            if (name := one.snapshot.short_id)
        )
        if offered == self._offered:
            return
        self._offered = offered
        self._pick.unobserve(self._picked, "value")
        self._pick.options = offered
        self._pick.observe(self._picked, "value")
        self._mark(None)
        set_trait(self._pick.layout, "display", None if offered else "none")
        set_trait(self._posters, "value", html.film_posters(self._own, [one.picture for one in some]))

    def _mark(self, job: Snapshot | None) -> None:
        """Check the one that is the video."""
        named = job.short_id if job is not None else self.source
        names = [name for _, name in self._offered]
        self._pick.unobserve(self._picked, "value")
        set_trait(self._pick, "index", names.index(named) if named in names else None)
        self._pick.observe(self._picked, "value")
