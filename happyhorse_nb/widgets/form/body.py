"""The form as a whole: what stands in it, whether it can be sent, and the two buttons."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import replace
from threading import RLock
from typing import Any

from happyhorse_nb.errors import HappyHorseError, InvalidRequest
from happyhorse_nb.images import FirstFrame, output_size
from happyhorse_nb.jobs import Job, Takes, again, generate
from happyhorse_nb.jobs.display import members
from happyhorse_nb.jobs.outlook import Outlook, check, last_seed, outlook
from happyhorse_nb.jobs.request import Request
from happyhorse_nb.models import MODELS
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import frontend
from happyhorse_nb.widgets.form.cell import cell
from happyhorse_nb.widgets.form.controls import Controls
from happyhorse_nb.widgets.form.deck import Deck
from happyhorse_nb.widgets.form.latest import Latest, Work, at_once
from happyhorse_nb.widgets.form.naming import name_of
from happyhorse_nb.widgets.form.picture import FrameBox
from happyhorse_nb.widgets.form.text import PromptBox
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, SAME, Values
from happyhorse_nb.widgets.panel import WIDGET_VIEW

_UNKNOWN_SEED = "The last job's seed is not known. Choose random or fixed."


class Form:
    """A form to make video with; `form` makes one. As the last value of a cell it shows itself.

    ``jobs`` are those it has made, newest first; ``values`` is what stands in it.
    """

    def __init__(
        self,
        values: Values,
        *,
        note: str = "",
        work: Callable[[Work], None] | None = None,
    ) -> None:
        import ipywidgets as widgets

        self._lock = RLock()
        self._ready = False
        shell = frontend.shell()
        self._namespace: MutableMapping[str, Any] = shell.user_ns if shell is not None else {}
        self._estimate: tuple[Any, Outlook] | None = None
        self._request: Request | None = None
        self._controls = Controls(values, on_change=self.refresh, last_seed=self._last_seed)
        self._prompt = PromptBox(values.prompt, namespace=self._namespace, on_change=self.refresh)
        self._expected, self._reason = widgets.HTML(), widgets.HTML()
        self._copy = self._button("Copy as cell", self._copy_as_cell)
        self._generate = self._button("Generate", self._press, "hh-main")
        self._cell = widgets.HTML()
        self._note = widgets.HTML(html.verdict(note, "warn") if note else "")
        self.deck = Deck(buy_again=lambda job: self._obey(lambda: self._buy(job)))
        limits = MODELS[values.model].param("image").image
        assert limits is not None, "every image parameter of the table has limits"
        self._frame = FrameBox(
            values.source,
            fit=values.fit,
            limits=limits,
            namespace=self._namespace,
            hidden=getattr(shell, "user_ns_hidden", {}),
            work=work or (at_once if frontend.in_colab() else Latest()),
            on_change=self.refresh,
        )
        right = widgets.VBox([self._note, *self._prompt.parts, *self._controls.rows])
        right.add_class("hh-right")
        said = widgets.VBox([self._expected, self._reason])
        said.add_class("hh-foot-said")
        buttons = widgets.HBox([self._copy, self._generate])
        foot = widgets.HBox([said, buttons])
        foot.add_class("hh-foot")
        body = widgets.Box([self._frame.box, right, foot, self._cell])
        body.add_class("hh-body")
        self._box = widgets.VBox([widgets.HTML(html.form_style()), body, self.deck.box])
        self._box.add_class("hh-ui").add_class("hh-form")
        self._ready = True
        self.refresh()

    @property
    def jobs(self) -> list[Job]:
        """The jobs that were made with it, newest first."""
        return self.deck.jobs

    @property
    def values(self) -> Values:
        """What stands in it now."""
        values = replace(
            Values(), source=self._frame.source, fit=self._frame.fit, prompt=self._prompt.value.replace("\r\n", "\n")
        )
        return self._controls.read(values)

    def __repr__(self) -> str:
        return f"<Form: {len(self.jobs)} job{'' if len(self.jobs) == 1 else 's'}>"

    @property
    def box(self) -> Any:
        """The form as a widget, for a place inside another one."""
        return self._box

    def _ipython_display_(self) -> None:
        if not frontend.in_notebook():
            print("The form needs a notebook: there it is hh.form() or %happyhorse form.")  # noqa: T201  # in a terminal
            return
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        bundle = {"text/plain": repr(self), "text/html": "", WIDGET_VIEW: view}
        display(bundle, raw=True)  # type: ignore[no-untyped-call]  # IPython has no types
        self.deck.open()

    def close(self) -> None:
        """Let go: a form that has taken over shows the jobs from now on."""
        self.deck.close()

    def refresh(self) -> None:
        """Judge what stands in the form, and say what comes of it; from any thread."""
        with self._lock:
            if not self._ready:
                return
            values = self.values
            self._prompt.judge(model=values.model, fit=values.fit)
            made, reason = 0, ""
            try:
                self._request, made = self._check(values)
            except HappyHorseError as problem:
                self._request, reason = None, str(problem)
            except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
                self._request, reason = None, f"{type(problem).__name__}: {problem}"
            _set(self._reason, "value", html.verdict(reason, "no" if self._frame.look.frame else "") if reason else "")
            self._expect(values, made)
            _set(self._generate, "disabled", self._request is None)
            _set(self._copy, "disabled", self._request is None)
            _set(self._cell, "value", "")

    def _check(self, values: Values) -> tuple[Request, int]:
        if values.seed_mode == SAME and self._last_seed() is None:
            raise InvalidRequest(_UNKNOWN_SEED, param="seed")
        return check(
            values.source,
            self._prompt.sent,
            _params(values),
            model=values.model,
            takes=values.takes,
            fit=values.fit,
            save=values.save or None,
            namespace=self._namespace,
            load=self._frame.look.load,
        )

    def _expect(self, values: Values, made: int) -> None:
        asked = (values.model, tuple(values.params.items()), len(self.jobs))
        with suppress(HappyHorseError):
            if self._estimate is None or self._estimate[0] != asked:
                self._estimate = (asked, outlook(values.params, model=values.model))
        if self._estimate is None:
            return
        seen = self._estimate[1]
        frame = self._frame.look.frame
        shown = html.expected(
            pixels=_pixels(frame, values),
            cost=seen.cost,
            seconds=seen.seconds_of(values.takes - made),
            sandbox=seen.sandbox,
            takes=values.takes,
            made=made,
        )
        _set(self._expected, "value", shown)

    def _press(self) -> None:
        request = self._request
        if request is None:
            return
        values = self.values
        running = next((made for made in self.deck.shown if _is_of(made, request, values.takes)), None)
        if running is not None:
            # Whatever the settings say of reuse: two clicks within a moment are one wish.
            self.deck.add(running, joined=True)
            return
        if self._frame.changed():
            # Nobody pays for a picture that was not seen.
            return
        source = values.source
        made = generate(
            source if isinstance(source, str) else source.value,
            self._prompt.sent,
            model=values.model,
            takes=values.takes,
            fit=values.fit,
            # Of the folder in which it was judged, wherever the notebook has gone since.
            save=request.saved_as,
            namespace=self._namespace,
            # The price stands beside the button: the press is the answer.
            yes=True,
            **_params(values),
        )
        self.deck.add(made)
        self.refresh()

    def _buy(self, job: Job) -> None:
        self.deck.add(again(job, yes=True))
        self.refresh()

    def _copy_as_cell(self) -> None:
        request, values = self._request, self.values
        if request is None:
            return
        image, said = name_of(values.source, request.frame, self._namespace)
        if values.seed_mode == SAME:
            values = replace(values, seed_mode=FIXED)
        self._cell.value = html.copied(cell(values, image), said)

    def _obey(self, act: Callable[[], None]) -> bool:
        """Do it, and say what went wrong beside the button; True when nothing did."""
        try:
            act()
        except HappyHorseError as problem:
            self._reason.value = html.verdict(str(problem), "no")
            return False
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._reason.value = html.verdict(f"{type(problem).__name__}: {problem}", "no")
            return False
        return True

    def _button(self, words: str, act: Callable[[], None], *more: str) -> Any:
        import ipywidgets as widgets

        button = widgets.Button(description=words)
        for name in ("hh-button", *more):
            button.add_class(name)
        button.on_click(lambda _: self._obey(act))
        return button

    def _last_seed(self) -> tuple[int, str] | None:
        with suppress(HappyHorseError):
            return last_seed()
        return None


def _is_of(made: Job | Takes, request: Request, takes: int) -> bool:
    """Whether it is that request, as so many takes, and still on its way."""
    jobs = members(made)
    return not made.done() and len(jobs) == takes and request.made(jobs[0].record)


def _params(values: Values) -> dict[str, Any]:
    seed = None if values.seed_mode == RANDOM else values.seed
    names = [p.name for p in MODELS[values.model].options]
    return {**values.params, **({"seed": seed} if "seed" in names and seed is not None else {})}


def _pixels(frame: FirstFrame | None, values: Values) -> tuple[int, int] | None:
    resolution = values.params.get("resolution")
    if frame is None or frame.info is None or resolution is None:
        return None
    return output_size(frame.info.width, frame.info.height, resolution)


def _set(widget: Any, trait: str, value: Any) -> None:
    if getattr(widget, trait) != value:
        setattr(widget, trait, value)
