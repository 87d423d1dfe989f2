"""The first frame in the form: chosen or named, seen, and judged at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from happyhorse_nb import images
from happyhorse_nb.errors import ConfigError, InvalidRequest
from happyhorse_nb.images.offers import files, variables
from happyhorse_nb.models import ImageLimits
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import on_this_machine
from happyhorse_nb.widgets.form.latest import Work
from happyhorse_nb.widgets.form.values import Picture

_NOTHING = "No first frame yet: choose a file, or name a path, URL or variable."
_LOOKING = "The first frame is being looked at."
_CHANGED = "This is another picture than was shown before; nothing was sent. Press Generate if it is to be this one"


@dataclass(frozen=True)
class Look:
    """What came of looking at a first frame: it, or why it cannot be sent; and what it would be, made to fit."""

    frame: images.FirstFrame | None = None
    problem: InvalidRequest | None = None
    fitted: images.FirstFrame | None = None

    def load(self, *_: Any, **__: Any) -> images.FirstFrame:
        """What `images.load` said when it was asked for the same."""
        if self.frame is None:
            raise self.problem or InvalidRequest(_NOTHING, param="image")
        return self.frame


class FrameBox:
    """A preview, a verdict, "Make it fit", a chooser, and a text that names a path, URL or variable.

    ``work`` runs the heavy part; ``on_change`` is called when there is something new to judge the request by.
    """

    def __init__(
        self,
        source: str | Picture,
        *,
        fit: bool,
        limits: ImageLimits,
        namespace: Mapping[str, Any],
        hidden: Collection[str],
        work: Callable[[Work], None],
        on_change: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self.source, self.fit, self.look = source, fit, Look()
        self._limits, self._namespace, self._hidden = limits, namespace, hidden
        self._work, self._on_change = work, on_change
        self._lock, self._asked, self._wanted_fit, self._note = RLock(), 0, fit, ""
        self._title = widgets.HTML('<span class="hh-label" aria-hidden="true">First frame</span>')
        self._preview = widgets.HTML(html.preview(None))
        self._verdict = widgets.HTML(html.verdict(_NOTHING))
        self._make_fit = widgets.Button(description="Make it fit")
        self._make_fit.add_class("hh-button")
        self._make_fit.layout.display = "none"
        self._upload = widgets.FileUpload(accept="image/*", multiple=False, description="Choose a file")
        self._upload.add_class("hh-button").add_class("hh-upload")
        self._text = widgets.Combobox(
            value=source if isinstance(source, str) else "",
            description="First frame",
            placeholder="or a path, URL or variable",
            options=(),
            ensure_option=False,
        )
        self._text.add_class("hh-control").add_class("hh-source")
        parts = [self._title, self._preview, self._verdict, self._make_fit, self._upload, self._text]
        self.box = widgets.VBox(parts)
        self.box.add_class("hh-left")
        self._upload.observe(self._chosen, "value")
        self._text.observe(self._typed, "value")
        self._make_fit.on_click(lambda _: self._fitted())
        self._offer()
        self.ask()

    def changed(self) -> bool:
        """Whether the file or variable holds another picture by now than the one that is shown; then shows that."""
        if self.look.frame is None:
            return False
        now = self._load(self.source, fit=self.fit).frame
        if now is not None and now.digest == self.look.frame.digest:
            return False
        self.ask(note=_CHANGED)
        return True

    def ask(self, *, note: str = "") -> None:
        """Look at the first frame anew; ``note`` is said with the verdict."""
        with self._lock:
            self._note = note
            self._asked += 1
            number, source, fit = self._asked, self.source, self.fit
            empty = not source.strip() if isinstance(source, str) else False
            self.look = Look() if empty else Look(problem=InvalidRequest(_LOOKING, param="image"))
        if empty:
            self._show(number, self.look)
        else:
            self._work(lambda: self._judge(number, source, fit))

    def _judge(self, number: int, source: str | Picture, fit: bool) -> None:
        look = self._load(source, fit=fit)
        self._show(number, look)
        if look.problem is not None and look.problem.fixable and number == self._asked:
            would = self._load(source, fit=True)
            self._show(number, Look(look.frame, look.problem, would.frame))

    def _load(self, source: str | Picture, *, fit: bool) -> Look:
        value = source if isinstance(source, str) else source.value
        try:
            local = on_this_machine()
        except ConfigError:
            # Said where the request as a whole is judged.
            local = False
        try:
            return Look(images.load(value, limits=self._limits, namespace=self._namespace, fit=fit, local=local))
        except InvalidRequest as problem:
            return Look(problem=problem)
        except Exception as problem:  # noqa: BLE001  # an object of the user's may raise anything when it is looked at
            what = f"first frame cannot be looked at: {type(problem).__name__}: {problem}"
            return Look(problem=InvalidRequest(what, param="image"))

    def _show(self, number: int, look: Look) -> None:
        with self._lock:
            if number != self._asked:
                return
            self.look = look
            frame = look.frame or look.fitted
            self._preview.value = html.preview(
                frame.thumbnail if frame else None,
                url=frame.url or "" if frame else "",
                label=frame.label if frame else "",
            )
            self._verdict.value = _verdict(look, self._note)
            self._make_fit.layout.display = None if look.frame is None and look.fitted is not None else "none"
        self._on_change()

    def _fitted(self) -> None:
        with self._lock:
            if self.look.fitted is None:
                return
            self.fit, self._note = True, ""
            self._asked += 1
            number, look = self._asked, Look(self.look.fitted)
        self._show(number, look)

    def _chosen(self, change: Mapping[str, Any]) -> None:
        picked = _uploaded(change["new"])
        if picked is None:
            return
        self.source, self.fit = picked, self._wanted_fit
        self._silently("")
        # Empty again: so the same file can be chosen once more, and its bytes are held once.
        if isinstance(change["new"], Mapping):
            # Of ipywidgets 7, where the value is made of these and cannot be set.
            self._upload.data, self._upload.metadata = [], []
            self._upload.set_trait("value", {})
        else:
            self._upload.value = ()
        self.ask()

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


def _verdict(look: Look, note: str) -> str:
    frame = look.frame
    if frame is None:
        if look.problem is None:
            return html.verdict(_NOTHING)
        words = str(look.problem)
        if words == _LOOKING:
            return html.verdict(words)
        if look.fitted is not None:
            words += f" It can be made to fit: {_done(look.fitted)}."
        return html.verdict(words[:1].upper() + words[1:], "no")
    if note:
        return html.verdict(f"{note} ({frame.info or frame.label}).", "warn")
    if frame.info is None:
        return html.verdict(f"{frame.label}: an address, which the server fetches and checks", "ok")
    if frame.note:
        return html.verdict(f"{frame.info}: {_done(frame)}", "ok")
    return html.verdict(f"{frame.info}: fine", "ok")


def _done(frame: images.FirstFrame) -> str:
    """What was done to it, where it is clear what to."""
    return frame.note.replace("first frame: ", "").replace("first frame ", "")


def _uploaded(value: Any) -> Picture | None:
    """The file that was chosen: ipywidgets 8 gives a tuple of files, 7 a mapping by their names."""
    if isinstance(value, Mapping):
        return next((Picture(name, bytes(file["content"])) for name, file in value.items()), None)
    return next((Picture(str(file["name"]), bytes(file["content"])) for file in value), None)
