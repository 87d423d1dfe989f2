"""The buttons of a done card. They live as long as the kernel does, in an output of their own, so that the card is an
ordinary saved one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb import render
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import MODELS, Snapshot
from happyhorse_nb.render.gallery import notice
from happyhorse_nb.render.player import copy_path
from happyhorse_nb.settings import current_account
from happyhorse_nb.widgets.output import MimeBundle, Output, WidgetMaker, WidgetOutputs, reason, view

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

#: What a finished 720P video can be made in.
_LARGER = "1080P"


class DoneRow:
    """*Make it in 1080P*, *Another seed*, *Edit*, *Copy path* and the star, for one job.

    All widgets of the row are made here, on the main thread. ``below`` is the output under the video: what a button
    makes is shown there by ``show``, live at first, and as ordinary outputs once all of it has ended.
    """

    def __init__(
        self, job: Job, *, below: Output, embed_limit: float, start: Path, show: Callable[..., object]
    ) -> None:
        self._job, self._below, self._embed_limit, self._start, self._show = job, below, embed_limit, start, show
        self._made: list[Job] = []
        self._make = make = WidgetMaker()
        self._busy: set[Any] = set()
        snapshot = job.snapshot
        buttons = []
        if _can_be_larger(snapshot):
            buttons.append(self._button(self._priced(f"Make it in {_LARGER}", resolution=_LARGER), self._make_larger))
        if snapshot.model in MODELS:
            # Of a task that was taken up by its id nobody knows what was asked for.
            buttons.append(self._button(self._priced("Another seed"), self._make_another))
            buttons.append(self._button("Edit", self._edit))
        self._path = make("HTML", _dom_classes=("hh-path",))
        self._star = self._button("☆", self._change_star)
        self._said = make("HTML", render.style())
        row = make("HBox", [*buttons, self._path, self._star], _dom_classes=("hh-actions-row",))
        self._form = make("VBox")
        self._cards = make("VBox", _dom_classes=("hh-ui", "hh-below"))
        self._box = make("VBox", [row, self._said, self._form], _dom_classes=("hh-ui", "hh-actions"))

    def bundle(self, snapshot: Snapshot, *, starred: bool = False) -> MimeBundle:
        """The MIME bundle that shows the row for the job as it is at its end."""
        self._path.value = copy_path(snapshot)
        self._draw_star(starred)
        return view(self._box)

    def _button(self, words: str, act: Callable[[Any], None]) -> Any:
        made = self._make.button(words, lambda: self._obey(made, act))
        return made

    def _obey(self, pressed: Any, act: Callable[[Any], None]) -> None:
        # Two clicks on one button are one wish: the second may wait in the kernel's queue already.
        if pressed in self._busy:
            return
        self._busy.add(pressed)
        said = ""
        try:
            act(pressed)
        except Exception as problem:  # noqa: BLE001  # nobody sees what a widget's callback raises
            said = notice(reason(problem), "bad")
        if said or not pressed.disabled:
            self._busy.discard(pressed)
        self._said.value = render.style() + said

    def _make_larger(self, pressed: Any) -> None:
        # On first use, as everywhere here: the extension imports this module, and must stay light.
        from happyhorse_nb.api import remade

        self._check_money()
        # The price stands on the button: the press is the answer.
        made: Any = remade(self._job, resolution=_LARGER, seed=self._job.seed, yes=True)
        self._add(made)
        # Pressed again it would only show the same once more.
        pressed.disabled = True

    def _make_another(self, pressed: Any) -> None:
        from happyhorse_nb.api import again

        self._check_money()
        made = again(self._job, yes=True)
        pressed.disabled = True

        def heard(snapshot: Snapshot) -> None:
            if snapshot.status.ended:
                pressed.disabled = False
                self._busy.discard(pressed)

        made.subscribe(heard)
        self._add(made)
        heard(made.snapshot)

    def _edit(self, _pressed: Any) -> None:
        from happyhorse_nb.widgets.form import edit

        self._form.children = (edit(self._job).box,)

    def _change_star(self, _pressed: Any) -> None:
        on = not self._job.starred
        self._job.star(on)
        self._draw_star(on)

    def _draw_star(self, on: bool) -> None:
        self._star.description = "★" if on else "☆"
        self._star.tooltip = "Remove its star" if on else "Give it a star"

    def _priced(self, words: str, **changes: Any) -> str:
        from happyhorse_nb.api import price

        cost = price(self._job, **changes)
        return words if cost is None else f"{words}, {cost}"

    def _check_money(self) -> None:
        """A card says what it cost; a press never spends another kind of money than that."""
        now = self._job.snapshot
        if current_account().sandbox != now.sandbox:
            was, uses = ("play", "real") if now.sandbox else ("real", "play")
            raise InvalidRequest(
                f"this video was made with {was} money, and in use now is {uses} money",
                remedy=f"To buy it with that: `%happyhorse again {now.short_id}`",
                param="again",
            )

    def _add(self, made: Job) -> None:
        if made not in self._made:
            self._made.append(made)
        outputs = WidgetOutputs()
        self._show(made, embed_limit=self._embed_limit, outputs=outputs, buttons=False)
        self._cards.children = (*self._cards.children, *outputs.widgets)
        self._below.change(view(self._cards))
        made.subscribe(lambda snapshot: self._save() if snapshot.status.ended else None)
        self._save()

    def _save(self) -> None:
        """Once all have ended they become ordinary outputs, which are saved with the notebook."""
        if not all(job.snapshot.status.ended for job in self._made):
            return
        html = ""
        for job in self._made:
            html += render.card(job.snapshot, job.thumbnail, now=time.time())
            if job.snapshot.path is not None:
                video = render.video(job.snapshot, embed_limit=self._embed_limit, start=self._start)
                html += video.data["text/html"]
        self._below.change({"text/html": html, "text/plain": ""})
        self._cards.children = ()


def _can_be_larger(snapshot: Snapshot) -> bool:
    """Whether the same film can be had in 1080P: with the seed of this one, where it is known."""
    model = MODELS.get(snapshot.model)
    choices = [param.choices for param in model.options if param.name == "resolution"] if model else []
    known = snapshot.params.get("seed") is not None and snapshot.params.get("resolution") == "720P"
    return known and any(_LARGER in some for some in choices)
