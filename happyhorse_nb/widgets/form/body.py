"""The form as a whole: what stands in it, whether it can be sent, and the two buttons."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from happyhorse_nb.api import again, generate
from happyhorse_nb.api.preview import Outlook, check, last_seed, outlook
from happyhorse_nb.errors import HappyHorseError, InvalidRequest
from happyhorse_nb.inputs import FirstFrame, output_size
from happyhorse_nb.job import Job, Takes, display
from happyhorse_nb.job.request import Request
from happyhorse_nb.models import MODELS, Status
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.store import Record
from happyhorse_nb.widgets.form.controls import Controls, PromptBox
from happyhorse_nb.widgets.form.page import Page
from happyhorse_nb.widgets.form.picture import FrameBox, Latest, Work, at_once
from happyhorse_nb.widgets.form.results import Deck
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, SAME, Values, cell, name_of
from happyhorse_nb.widgets.panel import WIDGET_VIEW

_UNKNOWN_SEED = "There is no earlier job with a known seed. Choose random or fixed."


@dataclass(frozen=True)
class Offer:
    """What a press of the button would do, in words; whether it pays; and the words of the other button, if any."""

    words: str
    pays: bool = True
    another: str = ""


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

        #: Held while what was judged is shown, and never while it is judged.
        self._guard = process.Guard()
        self._numbers, self._shown = count(), -1
        self._ready = False
        shell = frontend.shell()
        self._namespace: MutableMapping[str, Any] = shell.user_ns if shell is not None else {}
        self._estimate: tuple[Any, Outlook] | None = None
        self._request: Request | None = None
        #: Those of the request's takes that were asked for before.
        self._equal: list[Record] = []
        self._offer = Offer("Generate")
        #: What the cell to copy was made of.
        self._copied: Any = None
        # Before all other widgets: what it changes is in the state that the page asks for, which is made in this order.
        page = Page(
            on_file=lambda name, size: self._frame.coming(name, size),  # noqa: PLW0108  # there is no box yet
            on_connected=lambda: self._frame.connected(),  # noqa: PLW0108  # the same
            on_enter=self._entered,
        )
        self._controls = Controls(values, on_change=self.refresh, last_seed=self._last_seed)
        self._prompt = PromptBox(values.prompt, namespace=self._namespace, on_change=self.refresh)
        self._expected, self._reason = widgets.HTML(), widgets.HTML()
        self._copy = self._button("Copy as cell", self._copy_as_cell)
        self._generate = self._button("Generate", self._press, "hh-generate", "hh-main")
        self._another = self._button("Make another", self._make_another)
        self._cell = widgets.HTML()
        self._note = widgets.HTML(html.verdict(note, "warn") if note else "")
        # On a thread of its own: whoever tells that a job has ended must not wait for the ledger.
        later = Latest()
        self.deck = Deck(on_end=lambda: later(self.refresh))
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
        buttons = widgets.HBox([self._copy, self._another, self._generate])
        foot = widgets.HBox([said, buttons])
        foot.add_class("hh-foot")
        body = widgets.Box([self._frame.box, right, foot, self._cell])
        body.add_class("hh-body")
        self._box = widgets.VBox([widgets.HTML(html.form_style()), page.widget, body, self.deck.box])
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
        if not self._ready:
            return
        # On the caller's own thread: the account may be told there alone, and an interrupt gets through.
        number, values = next(self._numbers), self.values
        show_prompt = self._prompt.judge(model=values.model, fit=bool(values.fit))
        request: Request | None = None
        equal: list[Record] = []
        reason = ""
        try:
            request, equal = self._check(values)
        except HappyHorseError as problem:
            reason = "" if _is_said_where_it_is_wrong(problem) else str(problem)
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            reason = f"{type(problem).__name__}: {problem}"
        estimate = self._estimated(values)

        def show() -> None:
            if number < self._shown:
                # Another thread has judged what stands there later, and was faster.
                return
            self._shown, self._request, self._equal, self._estimate = number, request, equal, estimate
            show_prompt()
            _set(self._reason, "value", html.verdict(reason, "no") if reason else "")
            self._expect(values, len(equal))
            self._offer = self._offered(values)
            self._show_offer()
            if request is None or self._copied != self._asked(values):
                _set(self._cell, "value", "")

        self._guard(show)

    def _offered(self, values: Values) -> Offer:
        """What the buttons would do now."""
        cost = self._estimate[1].cost if self._estimate is not None else None
        all_of_them, new = html.price(cost, values.takes), values.takes - len(self._equal)
        several = values.takes > 1
        if self._request is None or (new == values.takes and self._running(values) is None):
            return Offer(f"Generate{f' {new}' if several else ''}{all_of_them}")
        if new and self._running(values) is None:
            return Offer(f"Generate {new} more{html.price(cost, new)}")
        if new or not all(equal.snapshot.status.ended for equal in self._equal):
            return Offer("Show those that are running" if several else "Show the one that is running", pays=False)
        # With one seed for all of them they would be the same films.
        able = not several or values.seed_mode == RANDOM
        another = f"Make {values.takes} others{all_of_them}" if several else f"Make another{all_of_them}"
        done = all(equal.snapshot.status == Status.DONE for equal in self._equal)
        what = ("them" if several else "it") if done else ("the earlier ones" if several else "the earlier one")
        return Offer(f"Show {what}, nothing to pay", pays=False, another=another if able else "")

    def _show_offer(self) -> None:
        offer, request = self._offer, self._request
        top = next(iter(self.deck.shown), None)
        seen = top is not None and request is not None and request.made(display.members(top)[0].record)
        _set(self._generate, "description", offer.words)
        _set(self._generate, "disabled", request is None)
        _set(self._copy, "disabled", request is None)
        # Stays what it was while it is not seen: nobody reads it, and it is one message less.
        if offer.another:
            _set(self._another, "description", offer.another)
        _set(self._another.layout, "display", None if offer.another else "none")
        # The blue one does something: what is shown already is shown by none.
        for button, main in ((self._generate, offer.pays or not seen), (self._another, seen and not offer.pays)):
            if main != ("hh-main" in button._dom_classes):  # noqa: SLF001  # ipywidgets has no other name for it
                (button.add_class if main else button.remove_class)("hh-main")

    def _running(self, values: Values) -> Job | Takes | None:
        """The request as it runs under this form, whatever the settings say of reuse."""
        request = self._request
        if request is None:
            return None
        return next((made for made in self.deck.shown if _is_of(made, request, values.takes)), None)

    def _check(self, values: Values) -> tuple[Request, list[Record]]:
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

    def _estimated(self, values: Values) -> tuple[Any, Outlook] | None:
        """The estimate, and for what; the last one where that is the same, or there is none to be had now."""
        asked, last = (values.model, tuple(values.params.items()), len(self.jobs)), self._estimate
        if last is None or last[0] != asked:
            with suppress(HappyHorseError):
                return asked, outlook(values.params, model=values.model)
        return last

    def _expect(self, values: Values, made: int) -> None:
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
            running=not all(equal.snapshot.status.ended for equal in self._equal),
        )
        _set(self._expected, "value", shown)

    def _press(self, seen: str = "") -> None:
        """Do what the button says, or said when it was ``seen``."""
        seen, before = seen or self._offer.words, self._request
        self.refresh()
        request, values = self._request, self.values
        if request is None or (self._offer.pays and self._offer.words != seen):
            # Who was told that there is nothing to pay, or less, has not agreed to this: now the button says it.
            return
        running = self._running(values)
        if running is not None:
            # Two clicks within a moment are one wish.
            self.deck.add(running)
            self.refresh()
            return
        if self._frame.changed():
            # Nobody pays for a picture that was not seen.
            return
        # The file is of the folder in which it was judged, wherever the notebook has gone since.
        self._make(values, save=(before or request).saved_as)

    def _make(self, values: Values, *, save: Path | None, anew: bool = False) -> None:
        source = values.source
        made = generate(
            source if isinstance(source, str) else source.value,
            self._prompt.sent,
            model=values.model,
            takes=values.takes,
            fit=values.fit,
            save=save,
            namespace=self._namespace,
            # The price stands on the button: the press is the answer.
            yes=True,
            again=anew,
            **_params(values),
        )
        self.deck.add(made)
        self.refresh()

    def _make_another(self) -> None:
        self.refresh()
        request, equal = self._request, self._equal
        if request is None or not self._offer.another:
            # The second of two clicks: another one is on its way.
            return
        if len(equal) > 1:
            self._make(self.values, save=request.saved_as, anew=True)
        else:
            # The price stands on the button: the press is the answer.
            self.deck.add(again(equal[0].snapshot.id, yes=True))
            self.refresh()

    def _entered(self, prompt: str, seen: str) -> None:
        """Ctrl+Enter in the prompt, which may be ahead of what the page has sent of it."""
        self._prompt.value = prompt
        self._obey(lambda: self._press(seen))

    def _copy_as_cell(self) -> None:
        request, values = self._request, self.values
        if request is None:
            return
        image, said = name_of(values.source, request.frame, self._namespace)
        if values.seed_mode == SAME:
            values = replace(values, seed_mode=FIXED)
        self._copied = self._asked(self.values)
        # Made anew, so that it is copied again: an equal value would be no news to the page.
        self._cell.value = ""
        self._cell.value = html.copied(cell(values, image), said)

    def _asked(self, values: Values) -> tuple[Any, ...]:
        """What a cell is made of, to be compared."""
        request = self._request
        shown = (values.model, tuple(values.params.items()), values.seed_mode, values.seed, values.takes, values.save)
        return (request and request.digest, values.prompt, values.fit, *shown)

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
    jobs = display.members(made)
    # By their states: a job is done() only when all who listen to it, this form too, have been told.
    on_its_way = not all(job.status.ended for job in jobs)
    return on_its_way and len(jobs) == takes and request.made(jobs[0].record)


def _is_said_where_it_is_wrong(problem: HappyHorseError) -> bool:
    """Whether it stands beside the first frame or the prompt."""
    if not isinstance(problem, InvalidRequest):
        return False
    return problem.param == "image" or (problem.param == "prompt" and problem.fixable)


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
