"""The first frame in the form: chosen or named, shown, and checked at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import ConfigError, InvalidRequest, sentence
from happyhorse_nb.inputs.check import weight
from happyhorse_nb.inputs.load import files, variables
from happyhorse_nb.models import Fit, ImageLimits
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import on_this_machine, process
from happyhorse_nb.widgets.form.values import Picture
from happyhorse_nb.widgets.live import Work
from happyhorse_nb.widgets.output import button, reason

_NOTHING = "No first frame yet", "Choose a file, or name a path, URL or variable."
_CHECKING = "checking…"
#: Bytes that most servers accept in one message (Tornado's ``websocket_max_message_size``).
_AT_ONCE = 10 * 1024 * 1024
_INSTEAD = (
    "put it beside the notebook and name its path below. JupyterLab, started by happyhorse-nb lab, takes larger ones."
)
_INTERRUPTED = "first frame was not looked at: that was interrupted", "Choose it again, or type its name anew."
_CHANGED = "The picture has changed since it was shown; nothing was sent. Press again to use the new one"
#: The ways to fit too long a shape: cut the ends off, or add bars.
_EDGES: tuple[Fit, Fit] = ("crop", "pad")
#: The words on the buttons.
_WAYS: dict[Fit, str] = {True: "Make it fit", "crop": "Crop to fit", "pad": "Pad to fit"}


@dataclass(frozen=True)
class Checked:
    """A checked first frame, or why it cannot be sent and how it would look made to fit: by ``pad`` and ``crop`` where
    these differ, else by True."""

    frame: images.FirstFrame | None = None
    problem: InvalidRequest | None = None
    fitted: Mapping[Fit, images.FirstFrame] = field(default_factory=dict)

    def load(self, *_: Any, **__: Any) -> images.FirstFrame:
        """The result again, for `prepare` in place of `images.load`."""
        if self.frame is None:
            raise self.problem or _refusal(*_NOTHING)
        return self.frame


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
        #: Name and size of the file that the page has announced and not sent yet.
        self._coming = ""
        self._title = widgets.HTML('<span class="hh-label" aria-hidden="true">First frame</span>')
        self._preview = widgets.HTML(html.preview(None))
        self._verdict = widgets.HTML(html.verdict(_told(Checked())))
        self._name = widgets.HTML()
        self._fits = {how: button(words, partial(self._fitted, how)) for how, words in _WAYS.items()}
        self._undo = button("Undo", self._undone)
        self._change = widgets.HBox([*self._fits.values(), self._undo], _dom_classes=("hh-change",))
        self._upload = self._chooser()
        self._next_upload: Any = None
        self._text = widgets.Combobox(
            value=source if isinstance(source, str) else "",
            description="First frame",
            placeholder="or a path, URL or variable",
            _dom_classes=("hh-control", "hh-source"),
        )
        self.box = widgets.VBox(self._parts(), _dom_classes=("hh-left",))
        self._text.observe(self._typed, "value")
        self._offer()
        self.ask()

    def _chooser(self) -> Any:
        import ipywidgets as widgets

        classes = ("hh-button", "hh-upload")
        chooser = widgets.FileUpload(accept="image/*", description="Choose a file", _dom_classes=classes)
        chooser.observe(self._chosen, "value")
        chooser.observe(self._unreadable, "error")
        return chooser

    def _parts(self) -> list[Any]:
        return [self._title, self._preview, self._name, self._verdict, self._change, self._upload, self._text]

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
            self._note, self._coming = note, ""
            return self._restart("" if empty else _CHECKING)

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
        # A chooser whose file was lost sends no other one, so a new one is made; now, since none can be made while the
        # page asks for the state of all widgets.
        if self._next_upload is None:
            self._next_upload = self._chooser()
        told = f"{name[:80]} ({weight(size)})"
        stays = f" If this line stays, the file is too large for this server: {_INSTEAD}" if size > _AT_ONCE else ""

        def wait() -> None:
            self._coming = told
            self._restart(f"{told} is on its way…{stays}")
            self._preview.value = html.preview(None)

        self._guard(wait)
        self._on_change()

    def connected(self) -> None:
        """The page was loaded or connected anew: a file that was on its way is lost."""
        told = self._coming
        if not told:
            return

        def begin_anew() -> int:
            self._coming = ""
            self.source, self.fit = "", self._wanted_fit
            self._silently("")
            self._upload, self._next_upload = self._next_upload, None
            self.box.children = self._parts()
            return self._restart("")

        why = f"first frame {told} has not arrived: the connection broke off, as it does where a file is too large for "
        self._show(self._guard(begin_anew), _wrong(f"{why}the server", f"Choose it again, or {_INSTEAD}"))

    def _restart(self, words: str) -> int:
        """Discard the last check, show these words instead, and return the number of the next check."""
        self._number += 1
        self.checked = _wrong(words) if words else Checked()
        self._name.value = ""
        self._verdict.value = html.verdict(words)
        self._offer_changes()
        return self._number

    def _check(self, number: int, source: str | Picture, fit: Fit) -> None:
        checked = self._load(source, fit=fit)
        self._show(number, checked)
        if checked.problem is not None and checked.problem.fixable and number == self._number:
            crop, pad = (self._load(source, fit=how).frame for how in _EDGES)
            if crop is not None and pad is not None:
                ways: dict[Fit, images.FirstFrame]
                ways = {True: pad} if pad.digest == crop.digest else {"crop": crop, "pad": pad}
                self._show(number, Checked(checked.frame, checked.problem, ways))

    def _load(self, source: str | Picture, *, fit: Fit) -> Checked:
        value = source if isinstance(source, str) else source.value
        try:
            local = on_this_machine()
        except ConfigError:
            # Shown by the check of the whole request.
            local = False
        try:
            return Checked(images.load(value, limits=self._limits, namespace=self._namespace, fit=fit, local=local))
        except InvalidRequest as problem:
            return Checked(problem=problem)
        except Exception as problem:  # noqa: BLE001  # an object of the user's may raise anything
            return _wrong(f"first frame cannot be checked: {type(problem).__name__}: {problem}")

    def _show(self, number: int, checked: Checked) -> None:
        def show() -> bool:
            if number != self._number:
                return False
            self.checked = checked
            frame = checked.frame or next(iter(checked.fitted.values()), None)
            self._preview.value = html.preview(
                frame.thumbnail if frame else None,
                url=frame.url or "" if frame else "",
                label=frame.label if frame else "",
            )
            self._name.value = "" if isinstance(self.source, str) else html.picked(self.source.name)
            self._verdict.value = _verdict(checked, self._note)
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
        def fit() -> tuple[int, images.FirstFrame] | None:
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

    def _chosen(self, change: Mapping[str, Any]) -> None:
        picked = _uploaded(change["new"])
        if picked is None:
            return
        self.source, self.fit = picked, self._wanted_fit
        self._silently("")
        # Emptied, so that the same file can be chosen again and its bytes are held once.
        chooser = change["owner"]
        if isinstance(change["new"], Mapping):
            # In ipywidgets 7 the value is made from these, and cannot be set.
            chooser.data, chooser.metadata = [], []
            chooser.set_trait("value", {})
        else:
            chooser.value = ()
        self.ask()

    def _unreadable(self, change: Mapping[str, Any]) -> None:
        def stop() -> int:
            self._coming = ""
            return self._restart("")

        if change["new"]:
            why = "first frame cannot be read: the browser could not open the file"
            self._show(self._guard(stop), _wrong(why, "Choose it again, or name its path."))

    def _typed(self, change: Mapping[str, Any]) -> None:
        self.source, self.fit = change["new"], self._wanted_fit
        self._offer()
        self.ask()

    def _silently(self, text: str) -> None:
        self._text.unobserve(self._typed, "value")
        self._text.value = text
        self._text.observe(self._typed, "value")

    def _offer(self) -> None:
        offers = tuple(dict.fromkeys([*files(self._text.value), *variables(self._namespace, self._hidden)]))[:200]
        if offers != tuple(self._text.options):
            self._text.options = offers


def _wrong(what: str, remedy: str = "") -> Checked:
    return Checked(problem=_refusal(what, remedy))


def _refusal(what: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(what, remedy=remedy, param="image")


def told(problem: Exception) -> str:
    """The error, without its remedy where the form has a button for that."""
    return sentence(problem.why) if isinstance(problem, InvalidRequest) and problem.fixable else reason(problem)


def _told(checked: Checked) -> str:
    words = told(checked.problem or _refusal(*_NOTHING))
    if checked.fitted:
        words += f" It can be made to fit: {', or '.join(frame.done for frame in checked.fitted.values())}."
    return words[:1].upper() + words[1:]


def _verdict(checked: Checked, note: str) -> str:
    frame = checked.frame
    if frame is None:
        return html.verdict(_told(checked), "no" if checked.problem else "")
    if note:
        return html.verdict(f"{note} ({frame.info or frame.label}).", "warn")
    if frame.info is None:
        return html.verdict(f"{frame.label}: an address, which the server fetches and checks", "ok")
    if frame.note:
        return html.verdict(f"{frame.info}: {frame.done}", "ok")
    return html.verdict(f"{frame.info}: fine", "ok")


def _uploaded(value: Any) -> Picture | None:
    """The chosen file: ipywidgets 8 gives a tuple of files, 7 a mapping by name."""
    if isinstance(value, Mapping):
        return next((Picture(name, bytes(file["content"])) for name, file in value.items()), None)
    return next((Picture(str(file["name"]), bytes(file["content"])) for file in value), None)
