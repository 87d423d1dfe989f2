"""The first frame in the form: chosen or named, shown, and checked at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import ConfigError, InvalidRequest, sentence
from happyhorse_nb.inputs.load import files, variables
from happyhorse_nb.models import FIRST_FRAME, Fit, ImageLimits, Role
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import on_this_machine, process
from happyhorse_nb.widgets.form.chooser import INSTEAD, Chooser
from happyhorse_nb.widgets.form.values import Picture
from happyhorse_nb.widgets.live import Work
from happyhorse_nb.widgets.output import button, reason

_NOTHING = "No first frame yet", "Choose a file, or name a path, URL or variable."
CHECKING = "checking…"
_INTERRUPTED = "first frame was not looked at: that was interrupted", "Choose it again, or type its name anew."
_CHANGED = "The picture has changed since it was shown; nothing was sent. Press again to use the new one"
#: The ways to fit too long a shape: cut the ends off, or add bars.
_EDGES: tuple[Fit, Fit] = ("crop", "pad")
#: The words on the buttons.
_WAYS: dict[Fit, str] = {True: "Make it fit", "crop": "Crop to fit", "pad": "Pad to fit"}


@dataclass(frozen=True)
class Checked:
    """A checked picture, or why it cannot be sent, and how it would look made to fit: by ``pad`` and ``crop`` where
    these differ, else by True."""

    frame: images.Input | None = None
    problem: InvalidRequest | None = None
    fitted: Mapping[Fit, images.Input] = field(default_factory=dict)


class NotReady(Exception):
    """An input is missing, wrong, or not checked yet; its box says so."""


def checked(
    source: str | Picture, *, fit: Fit, limits: ImageLimits, namespace: Mapping[str, Any], role: Role = FIRST_FRAME
) -> Checked:
    """Load a picture and check it."""
    value = source if isinstance(source, str) else source.value
    try:
        local = on_this_machine()
    except ConfigError:
        # Shown by the check of the whole request.
        local = False
    try:
        return Checked(images.load(value, limits=limits, namespace=namespace, fit=fit, local=local, role=role))
    except InvalidRequest as problem:
        return Checked(problem=problem)
    except Exception as problem:  # noqa: BLE001  # an object of the user's may raise anything
        what = f"{role.words} cannot be checked: {type(problem).__name__}: {problem}"
        return Checked(problem=_refusal(what, role=role))


class FrameBox:
    """A preview, a verdict, buttons to make the picture fit and to undo that, a file chooser, and a text for a path,
    URL or variable.

    ``work`` runs the slow check; ``on_change`` is called after each change and each check.
    """

    def __init__(
        self,
        source: str | Picture,
        *,
        fit: Fit,
        limits: ImageLimits,
        namespace: Mapping[str, Any],
        hidden: Collection[str],
        work: Callable[[Work], None],
        on_change: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self.source, self.fit, self.checked = source, fit, Checked()
        self._limits, self._namespace, self._hidden = limits, namespace, hidden
        self._work, self._on_change = work, on_change
        #: Held while traits are set, never during a check.
        self._guard = process.Guard()
        self._number, self._wanted_fit, self._note = 0, fit, ""
        self._title = widgets.HTML('<span class="hh-label" aria-hidden="true">First frame</span>')
        self._preview = widgets.HTML(html.preview(None))
        self._verdict = widgets.HTML(html.verdict(_told(Checked())))
        self._name = widgets.HTML()
        self._fits = {how: button(words, partial(self._fitted, how)) for how, words in _WAYS.items()}
        self._undo = button("Undo", self._undone)
        self._change = widgets.HBox([*self._fits.values(), self._undo], _dom_classes=("hh-change",))
        self._chooser = Chooser("Choose a file", on_files=self._chosen, on_unreadable=self._unreadable)
        self._text = widgets.Combobox(
            value=source if isinstance(source, str) else "",
            description="First frame",
            placeholder="or a path, URL or variable",
            _dom_classes=("hh-control", "hh-source"),
        )
        parts = [self._title, self._preview, self._name, self._verdict, self._change, self._chooser.box, self._text]
        self.box = widgets.VBox(parts, _dom_classes=("hh-left",))
        self._text.observe(self._typed, "value")
        self._offer()
        self.ask()

    def given(self) -> images.Input:
        """The checked picture. Raises `NotReady` where there is none."""
        if self.checked.frame is None:
            raise NotReady
        return self.checked.frame

    def changed(self) -> bool:
        """Whether the file or variable holds another picture by now than the one shown; if so, show that."""
        if self.checked.frame is None:
            return False
        now = self._load(self.source, fit=self.fit).frame
        if now is not None and now.digest == self.checked.frame.digest:
            return False
        self.ask(note=_CHANGED)
        return True

    def ask(self, *, note: str = "") -> None:
        """Check the first frame again; ``note`` is shown with the verdict."""
        source, fit = self.source, self.fit
        empty = not source.strip() if isinstance(source, str) else False

        def begin() -> int:
            self._note = note
            self._chooser.forget()
            return self._restart("" if empty else CHECKING)

        number = self._guard(begin)
        if empty:
            self._show(number, Checked())
            return
        try:
            # The earlier picture must not be sent any more.
            self._on_change()
            self._work(lambda: self._check(number, source, fit))
        except KeyboardInterrupt:
            # Else it would say "checking" for ever.
            self._show(number, _wrong(*_INTERRUPTED))
            raise

    def coming(self, name: str, size: int) -> None:
        """The page is about to send a file of so many bytes: the picture shown now must not be sent any more."""
        words = self._chooser.announce(name, size)

        def wait() -> None:
            self._restart(words)
            self._preview.value = html.preview(None)

        self._guard(wait)
        self._on_change()

    def connected(self) -> None:
        """The page was loaded or connected anew: a file that was on its way is lost."""
        told = self._chooser.lost()
        if not told:
            return

        def begin_anew() -> int:
            self.source, self.fit = "", self._wanted_fit
            self._silently("")
            return self._restart("")

        why = f"first frame {told} has not arrived: the connection broke off, as it does where a file is too large for "
        self._show(self._guard(begin_anew), _wrong(f"{why}the server", f"Choose it again, or {INSTEAD}"))

    def _restart(self, words: str) -> int:
        """Discard the last check, show these words instead, and return the number of the next check."""
        self._number += 1
        self.checked = _wrong(words) if words else Checked()
        self._name.value = ""
        self._verdict.value = html.verdict(words)
        self._offer_changes()
        return self._number

    def _check(self, number: int, source: str | Picture, fit: Fit) -> None:
        seen = self._load(source, fit=fit)
        self._show(number, seen)
        if seen.problem is not None and seen.problem.fixable and number == self._number:
            crop, pad = (self._load(source, fit=how).frame for how in _EDGES)
            if crop is not None and pad is not None:
                ways: dict[Fit, images.Input]
                ways = {True: pad} if pad.digest == crop.digest else {"crop": crop, "pad": pad}
                self._show(number, Checked(seen.frame, seen.problem, ways))

    def _load(self, source: str | Picture, *, fit: Fit) -> Checked:
        return checked(source, fit=fit, limits=self._limits, namespace=self._namespace)

    def _show(self, number: int, seen: Checked) -> None:
        def show() -> bool:
            if number != self._number:
                return False
            self.checked = seen
            frame = seen.frame or next(iter(seen.fitted.values()), None)
            self._preview.value = html.preview(
                frame.thumbnail if frame else None,
                url=frame.url or "" if frame else "",
                label=frame.label if frame else "",
            )
            self._name.value = "" if isinstance(self.source, str) else html.picked(self.source.name)
            self._verdict.value = _verdict(seen, self._note)
            self._offer_changes()
            return True

        if self._guard(show):
            self._on_change()

    def _offer_changes(self) -> None:
        offered = {} if self.checked.frame else self.checked.fitted
        for how, way in self._fits.items():
            way.layout.display = None if how in offered else "none"
        undo = bool(self.fit and self.checked.frame and self.checked.frame.note)
        self._undo.layout.display = None if undo else "none"
        self._change.layout.display = None if offered or undo else "none"

    def _fitted(self, how: Fit) -> None:
        def fit() -> tuple[int, images.Input] | None:
            frame = self.checked.fitted.get(how)
            if frame is None:
                return None
            self.fit, self._note = how, ""
            self._number += 1
            return self._number, frame

        chosen = self._guard(fit)
        if chosen is not None:
            self._show(chosen[0], Checked(chosen[1]))

    def _undone(self) -> None:
        self.fit = False
        self.ask()

    def _chosen(self, picked: list[Picture]) -> None:
        self.source, self.fit = picked[0], self._wanted_fit
        self._silently("")
        self.ask()

    def _unreadable(self) -> None:
        why = "first frame cannot be read: the browser could not open the file"
        self._show(self._guard(lambda: self._restart("")), _wrong(why, "Choose it again, or name its path."))

    def _typed(self, change: Mapping[str, Any]) -> None:
        self.source, self.fit = change["new"], self._wanted_fit
        self._offer()
        self.ask()

    def _silently(self, text: str) -> None:
        self._text.unobserve(self._typed, "value")
        self._text.value = text
        self._text.observe(self._typed, "value")

    def _offer(self) -> None:
        offers = pictures(self._text.value, self._namespace, self._hidden)
        if offers != tuple(self._text.options):
            self._text.options = offers


def pictures(typed: str, namespace: Mapping[str, Any], hidden: Collection[str]) -> tuple[str, ...]:
    """The files and variables that may be meant by what is typed so far."""
    return tuple(dict.fromkeys([*files(typed), *variables(namespace, hidden)]))[:200]


def _wrong(what: str, remedy: str = "") -> Checked:
    return Checked(problem=_refusal(what, remedy))


def _refusal(what: str, remedy: str = "", role: Role = FIRST_FRAME) -> InvalidRequest:
    return InvalidRequest(what, remedy=remedy, param=role.option)


def told(problem: Exception) -> str:
    """The error, without its remedy where the form has a button for that."""
    return sentence(problem.why) if isinstance(problem, InvalidRequest) and problem.fixable else reason(problem)


def _told(seen: Checked) -> str:
    words = told(seen.problem or _refusal(*_NOTHING))
    if seen.fitted:
        words += f" It can be made to fit: {', or '.join(frame.done for frame in seen.fitted.values())}."
    return words[:1].upper() + words[1:]


def _verdict(seen: Checked, note: str) -> str:
    frame = seen.frame
    if frame is None:
        return html.verdict(_told(seen), "no" if seen.problem else "")
    if note:
        return html.verdict(f"{note} ({frame.info or frame.label}).", "warn")
    if frame.info is None:
        return html.verdict(f"{frame.label}: an address, which the server fetches and checks", "ok")
    if frame.note:
        return html.verdict(f"{frame.info}: {frame.done}", "ok")
    return html.verdict(f"{frame.info}: fine", "ok")
