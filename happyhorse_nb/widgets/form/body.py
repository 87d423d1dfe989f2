"""The form as a whole: its values, whether they can be sent, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from happyhorse_nb.api import again, create
from happyhorse_nb.api.pages import is_of
from happyhorse_nb.api.preview import Preview, check, last_seed, preview
from happyhorse_nb.errors import HappyHorseError, InvalidRequest
from happyhorse_nb.inputs import Input
from happyhorse_nb.job import Job, Takes, display
from happyhorse_nb.job.request import Request
from happyhorse_nb.models import MODELS, Snapshot, check_references
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.widgets.form.cell import cell
from happyhorse_nb.widgets.form.controls import Controls
from happyhorse_nb.widgets.form.inputs import Inputs, listed
from happyhorse_nb.widgets.form.page import Page
from happyhorse_nb.widgets.form.picture import NotReady, told
from happyhorse_nb.widgets.form.prompt import PromptBox
from happyhorse_nb.widgets.form.results import Results
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, SAME, Offer, Values, expected, offered
from happyhorse_nb.widgets.live import Latest, at_once
from happyhorse_nb.widgets.output import button, set_trait, view


@dataclass(frozen=True)
class _Checked:
    """The result of a check: the inputs, the request and those of its takes that exist already, or why it cannot be
    sent; and the estimate, with what it was made for."""

    given: dict[str, Any] = field(default_factory=dict)
    request: Request | None = None
    before: list[Snapshot] = field(default_factory=list)
    reason: str = ""
    estimate: tuple[Any, Preview] | None = None


class Form:
    """A form to make video with; `form` makes one. As the last value of a cell it shows itself."""

    def __init__(self, values: Values, *, note: str = "") -> None:
        import ipywidgets as widgets

        #: Held while a result is shown, never during the check itself.
        self._guard = process.Guard()
        self._numbers, self._shown = count(), -1
        self._ready = False
        self._unlisted = values.unlisted
        shell = frontend.shell()
        self._namespace: MutableMapping[str, Any] = shell.user_ns if shell is not None else {}
        self._checked, self._offer = _Checked(), Offer("Generate")
        #: What the cell to copy was made from.
        self._copied: Any = None
        # The first widget: a page asks for the states in this order, and this one's may change those of the others.
        page = Page(
            on_file=lambda name, size: self._inputs.coming(name, size),  # noqa: PLW0108  # there are none yet
            on_connected=lambda: self._inputs.connected(),  # noqa: PLW0108  # the same
            on_enter=self._entered,
        )
        self._controls = Controls(values, on_change=self.refresh, last_seed=_last_seed)
        self._prompt = PromptBox(values.prompt, namespace=self._namespace, on_change=self.refresh)
        self._expected, self._reason, self._cell = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._copy = self._button("Copy as cell", self._copy_as_cell)
        self._generate = self._button("Generate", self._press, "hh-generate", "hh-main")
        self._another = self._button("Make another", self._make_another)
        # On a thread of its own: the engine's thread, which reports the end of a job, must not wait for the ledger.
        later = Latest()
        self.results = Results(on_end=lambda: later(self._renew))
        self._inputs = Inputs(
            values,
            namespace=self._namespace,
            hidden=getattr(shell, "user_ns_hidden", {}),
            new_work=lambda: at_once if frontend.in_colab() else Latest(),
            on_change=self.refresh,
        )
        told = widgets.HTML(html.verdict(note, "warn") if note else "")
        right = widgets.VBox([told, *self._prompt.parts, *self._controls.rows], _dom_classes=("hh-right",))
        said = widgets.VBox([self._expected, self._reason], _dom_classes=("hh-foot-said",))
        buttons = widgets.HBox([self._copy, self._another, self._generate])
        foot = widgets.HBox([said, buttons], _dom_classes=("hh-foot",))
        main = [self._controls.switch, self._inputs.box, right, foot, self._cell]
        body = widgets.Box(main, _dom_classes=("hh-body",))
        parts = [widgets.HTML(html.form_style()), page.widget, body, self.results.box]
        #: The form as a widget, for another one around it.
        self.box: Any = widgets.VBox(parts, _dom_classes=("hh-ui", "hh-form"))
        self._ready = True
        self.refresh()

    @property
    def jobs(self) -> list[Job]:
        """The jobs that it has made, newest first."""
        return self.results.jobs

    @property
    def values(self) -> Values:
        """Its present values."""
        prompt = self._prompt.value.replace("\r\n", "\n")
        return self._inputs.read(self._controls.read(Values(prompt=prompt, unlisted=self._unlisted)))

    def __repr__(self) -> str:
        return f"<Form: {len(self.jobs)} job{'' if len(self.jobs) == 1 else 's'}>"

    def _ipython_display_(self) -> None:
        if not frontend.in_notebook():
            print("The form needs a notebook: there it is hh.form() or %happyhorse form.")  # noqa: T201  # in a terminal
            return
        from IPython.display import display

        display(view(self.box, repr(self)), raw=True)  # type: ignore[no-untyped-call]  # IPython has no types
        self.results.open()

    def close(self) -> None:
        """Stop: another form shows the jobs from now on."""
        self.results.close()

    def refresh(self) -> None:
        """Check the values, and show the result; on any thread."""
        if not self._ready:
            return
        # On the caller's thread: only the main thread may ask for the account, and an interrupt works there.
        number, values = next(self._numbers), self.values
        self._inputs.arrange(values.model)
        takes_references = any(role.option == "references" for role in MODELS[values.model].inputs)
        count = len(values.references) if takes_references else 0
        show_prompt = self._prompt.judge(model=values.model, fit=bool(values.fit), references=count)
        checked = self._check(values)

        def show() -> None:
            if number < self._shown:
                # Another thread was faster, with newer values.
                return
            self._shown, self._checked = number, checked
            show_prompt()
            set_trait(self._reason, "value", html.verdict(checked.reason, "no") if checked.reason else "")
            inputs = [one for some in checked.given.values() for one in listed(some)]
            estimate = checked.estimate
            said = expected(values, estimate[1], inputs, checked.before) if estimate is not None else ""
            set_trait(self._expected, "value", said)
            self._show_offer(values)
            if checked.request is None or self._copied != self._cell_source(values):
                set_trait(self._cell, "value", "")

        self._guard(show)

    def _renew(self) -> None:
        """A job below the form has ended."""
        self._inputs.renew()
        self.refresh()

    def _check(self, values: Values) -> _Checked:
        given: dict[str, Any] = {}
        with suppress(NotReady):
            given = self._inputs.given(values.model)
        estimate = self._estimated(values, given)
        try:
            if values.seed_mode == SAME and _last_seed() is None:
                raise InvalidRequest(
                    "there is no earlier job with a known seed", remedy="Choose random or fixed.", param="seed"
                )
            # It raises NotReady once more: nothing else is wrong then.
            image, inputs = _split(self._inputs.given(values.model))
            _check_named(self._prompt.sent, len(inputs.get("references", ())))
            options = {**self._options(values), "save": values.save or None}
            request, before = check(image, self._prompt.sent, {**_params(values), **inputs}, **options)
        except NotReady:
            return _Checked(given, estimate=estimate)
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            shown = _is_shown_elsewhere(problem, self._prompt.sent)
            return _Checked(given, reason="" if shown else told(problem), estimate=estimate)
        return _Checked(given, request, before, estimate=estimate)

    def _estimated(self, values: Values, given: dict[str, Any]) -> tuple[Any, Preview] | None:
        """The estimate with what it is for: the last one where that is the same, or there is no new one; none for an
        edit of nothing."""
        edits, video = MODELS[values.model].video is not None, given.get("video")
        if edits and video is None:
            return None
        footage = video.seconds if video is not None else None
        asked = values.model, tuple(values.wanted.items()), footage, len(self.jobs)
        last = self._checked.estimate
        if last is None or last[0] != asked:
            with suppress(HappyHorseError):
                return asked, preview(values.wanted, model=values.model, footage=footage)
        return last

    def _show_offer(self, values: Values) -> None:
        request, estimate = self._checked.request, self._checked.estimate
        self._offer = offer = offered(
            values,
            ready=request is not None,
            before=self._checked.before,
            running=self._running(values) is not None,
            cost=estimate[1].cost if estimate is not None else None,
        )
        top = next(iter(self.results.shown), None)
        seen = top is not None and request is not None and is_of(request, display.members(top)[0])
        set_trait(self._generate, "description", offer.words)
        set_trait(self._generate, "disabled", request is None)
        set_trait(self._copy, "disabled", request is None)
        # A hidden button keeps its words: one message less.
        if offer.another:
            set_trait(self._another, "description", offer.another)
        set_trait(self._another.layout, "display", None if offer.another else "none")
        # The blue button is never one that only shows what is shown already.
        for one, main in ((self._generate, offer.pays or not seen), (self._another, seen and not offer.pays)):
            if main != ("hh-main" in one._dom_classes):  # noqa: SLF001  # ipywidgets has no other name for it
                (one.add_class if main else one.remove_class)("hh-main")

    def _running(self, values: Values) -> Job | Takes | None:
        """The running jobs below this form that were made by the same request, whatever the settings say of reuse."""
        request = self._checked.request
        for made in self.results.shown if request is not None else ():
            jobs = display.members(made)
            # Not by done(), which is true only after all listeners, this form too, were called.
            runs = not all(job.status.ended for job in jobs)
            if runs and len(jobs) == values.takes and request is not None and is_of(request, jobs[0]):
                return made
        return None

    def _press(self, seen: str = "") -> None:
        """Do what the button says; ``seen`` is what it said on the page."""
        seen, before = seen or self._offer.words, self._checked.request
        self.refresh()
        request, values = self._checked.request, self.values
        if request is None or (self._offer.pays and self._offer.words != seen):
            # It said nothing or less to pay. Now it shows the new price, and can be pressed again.
            return
        running = self._running(values)
        if running is not None:
            # A double click pays once.
            self._add(running)
        elif not self._inputs.changed(values.model):
            # The pictures are those that were shown. The file is that of the last check: a relative name belongs to the
            # folder of that time.
            self._make(values, save=(before or request).saved_as)

    def _make(self, values: Values, *, save: Path | None, anew: bool = False) -> None:
        image, inputs = _split(self._checked.given)
        video = inputs.get("video")
        if video is not None:
            # By its name, so that it is looked up anew.
            inputs["video"] = video.job or video.url
        # Without a question: the price stands on the button.
        options = {**self._options(values), "save": save, "again": anew, "yes": True}
        self._add(create(image, self._prompt.sent, {**_params(values), **inputs}, **options))

    def _options(self, values: Values) -> dict[str, Any]:
        return {
            "model": values.model,
            "takes": values.takes,
            "fit": values.fit,
            "unlisted": values.unlisted,
            "namespace": self._namespace,
        }

    def _make_another(self) -> None:
        self.refresh()
        request, before = self._checked.request, self._checked.before
        if request is None or not self._offer.another:
            # The second click of two.
            return
        if len(before) > 1:
            self._make(self.values, save=request.saved_as, anew=True)
        else:
            self._add(again(before[0].id, yes=True))

    def _add(self, made: Job | Takes) -> None:
        self.results.add(made)
        self.refresh()

    def _entered(self, prompt: str, seen: str) -> None:
        """Ctrl+Enter in the prompt, with the text on the page, which may be newer than ours."""
        self._prompt.value = prompt
        self._run_click(lambda: self._press(seen))

    def _copy_as_cell(self) -> None:
        request, values = self._checked.request, self.values
        if request is None:
            return
        words, said = self._inputs.names(values, self._checked.given)
        if values.seed_mode == SAME:
            values = replace(values, seed_mode=FIXED)
        self._copied = self._cell_source(self.values)
        # Emptied first, so that an equal cell is sent, and copied, again.
        self._cell.value = ""
        self._cell.value = html.copied(cell(values, words), said)

    def _cell_source(self, values: Values) -> tuple[Any, ...]:
        """What a cell is made from, to compare it."""
        request = self._checked.request
        return request and request.digest, replace(values, source="", references=())

    def _run_click(self, act: Callable[[], None]) -> None:
        """Do it, and show an error beside the button."""
        try:
            act()
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            self._reason.value = html.verdict(told(problem), "no")

    def _button(self, words: str, act: Callable[[], None], *classes: str) -> Any:
        return button(words, lambda: self._run_click(act), *classes)


def _split(given: dict[str, Any]) -> tuple[Input | None, dict[str, Any]]:
    """The first frame, and the other inputs, as `check` and `create` take them."""
    return given.get("image"), {option: one for option, one in given.items() if option != "image"}


def _check_named(prompt: str, references: int) -> None:
    """Raise `InvalidRequest`, worded for a form, where the prompt names a reference that is not given."""
    try:
        if references:
            check_references(prompt, references)
    except InvalidRequest as problem:
        remedy = "Add it, or name another one."
        raise InvalidRequest(problem.what, limit=problem.limit, remedy=remedy, param=problem.param) from None


def _is_shown_elsewhere(problem: Exception, prompt: str) -> bool:
    """Whether the prompt's box shows this error itself."""
    return isinstance(problem, InvalidRequest) and problem.param == "prompt" and (problem.fixable or not prompt)


def _params(values: Values) -> dict[str, Any]:
    seeded = values.seed_mode != RANDOM and any(p.name == "seed" for p in MODELS[values.model].options)
    return {**values.wanted, **({"seed": values.seed} if seeded else {})}


def _last_seed() -> tuple[int, str] | None:
    with suppress(HappyHorseError):
        return last_seed()
    return None
