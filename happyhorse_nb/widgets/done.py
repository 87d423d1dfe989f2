"""The buttons of a done card. They live as long as the kernel does, in an output of their own, so that the card is an
ordinary saved one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.errors import HappyHorseError, InvalidRequest
from happyhorse_nb.models import MODELS, Snapshot
from happyhorse_nb.render.gallery import notice
from happyhorse_nb.render.player import copy_path
from happyhorse_nb.settings import current_account
from happyhorse_nb.widgets.panel import WIDGET_VIEW, Bundle, Place

if TYPE_CHECKING:
    from happyhorse_nb.job import Job
    from happyhorse_nb.widgets.form.results import Slot

#: What a finished 720P video can be made in.
_LARGER = "1080P"


class DoneRow:
    """*Make it in 1080P*, *Another seed*, *Edit*, *Copy path* and the star, for one job.

    All widgets of the row are made here, on the main thread. ``below`` is the place under the video: what a button
    makes is shown there, with ``show_card`` into a place of its own; at its end ``kept`` gives what is saved of it.
    """

    def __init__(
        self,
        job: Job,
        *,
        below: Place,
        show_card: Callable[[Job, Callable[[], Slot]], None],
        kept: Callable[[Job], str],
    ) -> None:
        import ipywidgets as widgets

        self._job, self._below, self._show_card, self._kept = job, below, show_card, kept
        self._made: list[Job] = []
        self._busy: set[Any] = set()
        snapshot = job.snapshot
        buttons = []
        if _can_be_larger(snapshot):
            seed = snapshot.params["seed"]
            buttons.append(self._button(_priced(job, f"Make it in {_LARGER}", resolution=_LARGER), self._larger(seed)))
        if snapshot.model in MODELS:
            # Of a task that was taken up by its id nobody knows what was asked for.
            buttons.append(self._button(_priced(job, "Another seed"), self._another))
            buttons.append(self._button("Edit", self._edit))
        self._path = widgets.HTML(_dom_classes=("hh-path",))
        self._star = self._button("☆", self._change_star)
        self._star.tooltip = "Give it a star"
        self._said = widgets.HTML(render.style())
        row = widgets.HBox([*buttons, self._path, self._star], _dom_classes=("hh-actions-row",))
        self._form = widgets.VBox()
        self._cards = widgets.VBox(_dom_classes=("hh-ui", "hh-below"))
        self._box = widgets.VBox([row, self._said, self._form], _dom_classes=("hh-ui", "hh-actions"))

    def bundle(self, snapshot: Snapshot, *, starred: bool = False) -> Bundle:
        """The MIME bundle that shows the row for the job as it is at its end."""
        self._path.value = copy_path(snapshot)
        self._draw_star(starred)
        return _view(self._box)

    def _button(self, words: str, act: Callable[[Any], None]) -> Any:
        import ipywidgets as widgets

        button = widgets.Button(description=words, _dom_classes=("hh-button",))
        button.on_click(lambda pressed: self._obey(pressed, act))
        return button

    def _obey(self, button: Any, act: Callable[[Any], None]) -> None:
        # Two clicks on one button are one wish: the second may wait in the kernel's queue already.
        if button in self._busy:
            return
        self._busy.add(button)
        said = ""
        try:
            act(button)
        except HappyHorseError as problem:
            said = notice(str(problem), "bad")
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            said = notice(f"{type(problem).__name__}: {problem}", "bad")
        if said or not button.disabled:
            self._busy.discard(button)
        self._said.value = render.style() + said

    def _larger(self, seed: int) -> Callable[[Any], None]:
        def larger(button: Any) -> None:
            from happyhorse_nb.api import remade
            from happyhorse_nb.job.display import members

            self._check_money()
            # The price stands on the button: the press is the answer.
            [made] = members(remade(self._job, resolution=_LARGER, seed=seed, yes=True))
            self._add(made)
            # Pressed again it would only show the same once more.
            button.disabled = True

        return larger

    def _another(self, button: Any) -> None:
        from happyhorse_nb.api import again

        self._check_money()
        made = again(self._job, yes=True)
        button.disabled = True

        def heard(snapshot: Snapshot) -> None:
            if snapshot.status.ended:
                button.disabled = False
                self._busy.discard(button)

        made.subscribe(heard)
        self._add(made)
        heard(made.snapshot)

    def _edit(self, _button: Any) -> None:
        from happyhorse_nb.widgets.form import edit

        self._form.children = (edit(self._job).box,)

    def _change_star(self, _button: Any) -> None:
        on = not self._job.starred
        self._job.star(on)
        self._draw_star(on)

    def _draw_star(self, on: bool) -> None:
        self._star.description = "★" if on else "☆"
        self._star.tooltip = "Remove its star" if on else "Give it a star"

    def _check_money(self) -> None:
        """A card says what it cost; a press never spends another kind of money than that."""
        now = self._job.snapshot
        if current_account().sandbox != now.sandbox:
            was, uses = ("play", "real") if now.sandbox else ("real", "play")
            raise InvalidRequest(
                f"this video was made with {was} money, and this kernel now uses {uses} money. "
                f"To buy it with that: %happyhorse again {now.short_id}",
                param="again",
            )

    def _add(self, made: Job) -> None:
        from happyhorse_nb.widgets.form.results import Slot

        slots: list[Slot] = []

        def place() -> Slot:
            slots.append(Slot())
            return slots[-1]

        if made not in self._made:
            self._made.append(made)
        self._show_card(made, place)
        self._cards.children = (*self._cards.children, *(slot.widget for slot in slots))
        self._below.change(_view(self._cards))
        made.subscribe(lambda snapshot: self._keep() if snapshot.status.ended else None)
        self._keep()

    def _keep(self) -> None:
        """Once all have ended they become ordinary outputs, which are saved with the notebook."""
        if all(job.snapshot.status.ended for job in self._made):
            html = "".join(self._kept(job) for job in self._made)
            self._below.change({"text/html": html, "text/plain": ""})
            self._cards.children = ()


def _view(widget: Any) -> Bundle:
    # Beside the view there is nothing for where widgets do not run: there is nobody to click.
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/html": "", "text/plain": "", WIDGET_VIEW: view}


def _can_be_larger(snapshot: Snapshot) -> bool:
    """Whether the same film can be had in 1080P: with the seed of this one, where it is known."""
    model = MODELS.get(snapshot.model)
    choices = [param.choices for param in model.options if param.name == "resolution"] if model else []
    known = snapshot.params.get("seed") is not None and snapshot.params.get("resolution") == "720P"
    return known and any(_LARGER in some for some in choices)


def _priced(job: Job, words: str, **changes: Any) -> str:
    from happyhorse_nb.api import price

    cost = price(job, **changes)
    return words if cost is None else f"{words}, {cost}"


def kept(job: Job, *, static: Callable[[Job], Bundle], embed_limit: float, start: Path) -> str:
    """What is saved of a job that a button has made: its card, and its video where there is one."""
    html = str(static(job)["text/html"])
    if job.snapshot.path is not None:
        html += render.video(job.snapshot, embed_limit=embed_limit, start=start).data["text/html"]
    return html
