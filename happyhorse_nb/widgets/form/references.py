"""The references in the form: a strip of pictures, which the prompt calls character1, character2 … in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import Input
from happyhorse_nb.models import REFERENCES, Fit, ImageLimits, Role
from happyhorse_nb.render import form as html
from happyhorse_nb.settings import process
from happyhorse_nb.widgets.form.chooser import INSTEAD, Chooser
from happyhorse_nb.widgets.form.picture import CHECKING, Checked, NotReady, checked, pictures, told
from happyhorse_nb.widgets.form.values import Picture
from happyhorse_nb.widgets.live import Work
from happyhorse_nb.widgets.output import WidgetMaker, button, set_trait
from happyhorse_nb.widgets.tile import focus

_CHANGED = "A picture has changed since it was shown; nothing was sent. Press again to use the new one"

_INTERRUPTED = "it was not looked at: that was interrupted; remove it, and add it anew"


@dataclass(eq=False)
class _Reference:
    """A picture of the strip; ``seen`` is None until it is checked."""

    source: str | Picture
    seen: Checked | None = None

    @property
    def frame(self) -> Input | None:
        """The picture as it will be sent."""
        return self.seen.frame if self.seen is not None else None

    @property
    def name(self) -> str:
        return self.source if isinstance(self.source, str) else self.source.name


class ReferenceStrip:
    """The pictures with buttons to move and remove each, a verdict, a file chooser, and a text for a path, URL or
    variable, which adds it.

    ``work`` runs the slow checks; ``on_change`` is called after each change and each check.
    """

    def __init__(
        self,
        sources: Collection[str | Picture],
        *,
        fit: Fit,
        namespace: Mapping[str, Any],
        hidden: Collection[str],
        work: Callable[[Work], None],
        on_change: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self.fit: Fit = fit
        self._namespace, self._hidden = namespace, hidden
        self._work, self._on_change = work, on_change
        #: Held while traits are set, never during a check.
        self._guard = process.Guard()
        self._role = REFERENCES
        self._some = [_Reference(source) for source in sources]
        #: What is said of the last thing done, and what is on its way or lost.
        self._note, self._waiting, self._lost = "", "", ""
        self._title = widgets.HTML('<span class="hh-label" aria-hidden="true">References</span>')
        self._maker = WidgetMaker()
        self._slots: list[_Slot] = []
        self._tiles = widgets.Box((), _dom_classes=("hh-strip",))
        self._verdict = widgets.HTML()
        self._fits, self._undo = (
            button("Make them fit", partial(self._refit, True)),
            button("Leave them as they were", self._undone),
        )
        self._change = widgets.HBox([self._fits, self._undo], _dom_classes=("hh-change",))
        self._chooser = Chooser("Add pictures", several=True, on_files=self._chosen, on_unreadable=self._unreadable)
        # Added when it is entered, not at every letter.
        self._text = widgets.Combobox(
            description="Reference",
            placeholder="or a path, URL or variable",
            continuous_update=False,
            _dom_classes=("hh-control", "hh-source"),
        )
        parts = [self._title, self._tiles, self._verdict, self._change, self._chooser.box, self._text]
        self.box: Any = widgets.VBox(parts, _dom_classes=("hh-left",))
        self._text.observe(self._typed, "value")
        self._show()
        self._ask()

    @property
    def sources(self) -> tuple[str | Picture, ...]:
        """The pictures in their order."""
        return tuple(one.source for one in self._some)

    def use(self, role: Role) -> None:
        """Check by the limits of this role from now on."""
        if role != self._role:
            self._role, self._note = role, ""
            self._recheck()

    def given(self) -> list[Input]:
        """The checked pictures in their order. Raises `NotReady` where one is missing, wrong or not checked yet."""
        found = [one.frame for one in self._some if one.frame is not None]
        if self._waiting or self._lost or len(found) < len(self._some) or self._counted() or self._missing:
            raise NotReady
        return found

    def changed(self) -> bool:
        """Whether a file or variable holds another picture by now than the one shown; if so, show that."""
        for one in self._some:
            now, before = self._load(one.source, fit=self.fit).frame, one.frame
            if now is None or before is None or now.digest != before.digest:
                self._note = _CHANGED
                self._recheck()
                return True
        return False

    def coming(self, name: str, size: int) -> None:
        """The page is about to send pictures of so many bytes: nothing must be sent without them."""
        self._waiting, self._lost = self._chooser.announce(name, size), ""
        self._changed()

    def connected(self) -> None:
        """The page was loaded or connected anew: pictures that were on their way are lost."""
        if told := self._chooser.lost():
            why = "the connection broke off, as it does where files are too large for the server"
            self._waiting, self._lost = "", f"{told} has not arrived: {why}. Choose it again, or {INSTEAD}"
            self._changed()

    # What the user does

    def add(self, some: Collection[str | Picture]) -> None:
        """Add these at the end, as many as the model takes."""
        room = max(0, self._role.maximum - len(self._some))
        fresh = [_Reference(source) for source in some]
        left = len(fresh[room:])
        self._note = f"{left} left out: at most {self._role.maximum} are taken" if left else ""
        self._guard(lambda: self._some.extend(fresh[:room]))
        self._changed()
        self._ask()

    def _move(self, number: int, by: int) -> None:
        def move() -> bool:
            if not (number < len(self._some) and 0 <= number + by < len(self._some)):
                return False
            self._some.insert(number + by, self._some.pop(number))
            self._note = f"{self._some[number + by].name[:60]} is character{number + by + 1} now"
            return True

        if self._guard(move):
            self._changed()
            # To the button that moves it on, or back where it is at the end.
            slot = self._slots[number + by]
            onward, back = (slot.left, slot.right) if by < 0 else (slot.right, slot.left)
            focus(back if onward.disabled else onward)

    def _remove(self, number: int) -> None:
        def remove() -> bool:
            gone = self._some.pop(number) if number < len(self._some) else None
            self._note = f"{gone.name[:60]} is removed" if gone is not None else ""
            return gone is not None

        if self._guard(remove):
            self._changed()
            focus(self._slots[min(number, len(self._some) - 1)].remove if self._some else self._text)

    def _refit(self, fit: Fit) -> None:
        self.fit, self._note = fit, ""
        self._recheck()

    def _undone(self) -> None:
        self._refit(False)

    def _chosen(self, picked: list[Picture]) -> None:
        self._waiting = self._lost = ""
        self.add(picked)

    def _unreadable(self) -> None:
        self._waiting, self._lost = "", "The browser could not open a file. Choose it again, or name its path."
        self._changed()

    def _typed(self, change: Mapping[str, Any]) -> None:
        if source := change["new"].strip():
            self._text.value = ""
            self._lost = ""
            self.add([source])

    # Checks

    def _recheck(self) -> None:
        def forget() -> None:
            self._some = [_Reference(one.source) for one in self._some]

        self._guard(forget)
        self._changed()
        self._ask()

    def _ask(self) -> None:
        if not any(one.seen is None for one in self._some):
            return
        try:
            self._work(self._check)
        except KeyboardInterrupt:
            # Else it would say "checking" for ever.
            for one in self._some:
                one.seen = one.seen or Checked(problem=InvalidRequest(_INTERRUPTED, param=self._role.option))
            self._changed()
            raise

    def _check(self) -> None:
        """Check what is not checked yet."""
        while one := next((one for one in self._some if one.seen is None), None):
            fit = self.fit
            seen = self._load(one.source, fit=fit)
            if seen.problem is not None and seen.problem.fixable and not fit:
                made = self._load(one.source, fit=True).frame
                seen = Checked(problem=seen.problem, fitted={True: made} if made is not None else {})
            one.seen = seen
            self._changed()

    def _load(self, source: str | Picture, *, fit: Fit) -> Checked:
        limits = self._role.image or ImageLimits()
        return checked(source, fit=fit, limits=limits, namespace=self._namespace, role=self._role)

    @property
    def _missing(self) -> bool:
        return len(self._some) < self._role.minimum

    def _counted(self) -> str:
        """What is wrong with their number; empty for nothing."""
        over = len(self._some) - self._role.maximum
        return (
            f"{len(self._some)} are given, and at most {self._role.maximum} are taken: remove {over}"
            if over > 0
            else ""
        )

    # What is shown

    def _changed(self) -> None:
        self._guard(self._show)
        self._on_change()

    def _show(self) -> None:
        while len(self._slots) < len(self._some):
            self._slots.append(_Slot(len(self._slots), self._maker, move=self._move, remove=self._remove))
        for number, one in enumerate(self._some):
            self._slots[number].show(one, last=number == len(self._some) - 1)
        # The same ones at the same places, so that the page keeps them, and the focus.
        set_trait(self._tiles, "children", tuple(slot.box for slot in self._slots[: len(self._some)]))
        set_trait(self._verdict, "value", "".join(html.verdict(text, tone) for text, tone in self._lines()))
        fits = any(one.seen is not None and one.seen.fitted for one in self._some)
        undo = bool(self.fit and any(one.frame is not None and one.frame.note for one in self._some))
        for part, on in ((self._fits, fits), (self._undo, undo), (self._change, fits or undo)):
            set_trait(part.layout, "display", None if on else "none")
        offers = pictures(self._text.value, self._namespace, self._hidden)
        if offers != tuple(self._text.options):
            self._text.options = offers

    def _lines(self) -> list[tuple[str, str]]:
        """The lines below the pictures, each with its tone."""
        if self._waiting or self._lost:
            return [(self._waiting or self._lost, "no" if self._lost else "")]
        few, most = self._role.minimum, self._role.maximum
        if not self._some:
            side = self._role.image.min_side if self._role.image is not None else 0
            want = f"{few} to {most}" if few else f"Optional: up to {most}"
            return [(f"{want} pictures, each side at least {side} pixels", "")]
        lines = [(self._note, "warn" if self._note == _CHANGED else "")] if self._note else []
        if counted := self._counted():
            lines.append((counted, "no"))
        for number, one in enumerate(self._some, 1):
            if one.seen is None:
                lines.append((f"character{number}: {CHECKING}", ""))
            elif one.frame is None:
                lines.append((f"character{number}, {one.name[:60]}: {_wrong(one.seen)}", "no"))
            elif one.frame.note:
                lines.append((f"character{number}: {one.frame.done}", "ok"))
        if not any(tone for _, tone in lines) and all(one.frame for one in self._some):
            count = len(self._some)
            lines.append((f"{count} picture{'' if count == 1 else 's'}: fine", "ok"))
        return lines


def _wrong(seen: Checked) -> str:
    words = told(seen.problem) if isinstance(seen.problem, InvalidRequest) else ""
    if seen.fitted:
        words += f" It can be made to fit: {', '.join(frame.done for frame in seen.fitted.values())}."
    return words


class _Slot:
    """One place of the strip, with the buttons that move and remove the picture in it."""

    def __init__(
        self, number: int, make: WidgetMaker, *, move: Callable[[int, int], None], remove: Callable[[int], None]
    ) -> None:
        self._number = number
        name = f"character{number + 1}"
        self._face = make.html()
        self.left = make.button(f"Move {name} left", lambda: move(number, -1), "hh-tool", "hh-to-left")
        self.right = make.button(f"Move {name} right", lambda: move(number, 1), "hh-tool", "hh-to-right")
        self.remove = make.button(f"Remove {name}", lambda: remove(number), "hh-tool", "hh-remove")
        self.left.disabled = number == 0
        tools = make.box([self.left, self.right, self.remove], "hh-tools")
        self.box = make.box([self._face, tools], "hh-reference")

    def show(self, one: _Reference, *, last: bool) -> None:
        """Show this picture."""
        seen = one.seen
        frame = one.frame or (next(iter(seen.fitted.values()), None) if seen is not None else None)
        face = html.reference(
            frame.thumbnail if frame is not None else None,
            url=(frame.url or "") if frame is not None else "",
            name=f"character{self._number + 1}",
            label=one.name,
            bad=seen is not None and seen.frame is None,
        )
        set_trait(self._face, "value", face)
        set_trait(self.right, "disabled", last)
