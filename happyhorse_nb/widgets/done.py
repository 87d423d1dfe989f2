"""The buttons of a done card. They need the kernel, so they have an output of their own, and the card stays an ordinary
saved one."""

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

#: The resolution that a finished 720P video can be made in.
_LARGER = "1080P"
_STAR = "Give it a star"


class DoneRow:
    """*Make it in 1080P*, *Another seed*, *Edit*, *Copy path* and the star, for one job.

    All widgets are made at once, on the main thread. The jobs that the buttons make are shown by ``show`` in ``below``,
    the output under the video: live at first, as ordinary outputs once all have ended.
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
            # The request of a task that was taken up by its id is not known.
            buttons.append(self._button(self._priced("Another seed"), self._make_another))
            buttons.append(self._button("Edit", self._edit))
        self._path = make("HTML", _dom_classes=("hh-path",))
        self._star = self._button("☆", self._change_star, tooltip=_STAR)
        self._message = make("HTML", render.style())
        row = make("HBox", [*buttons, self._path, self._star], _dom_classes=("hh-actions-row",))
        self._form = make("VBox")
        self._cards = make("VBox", _dom_classes=("hh-ui", "hh-below"))
        self._box = make("VBox", [row, self._message, self._form], _dom_classes=("hh-ui", "hh-actions"))

    @property
    def bundle(self) -> MimeBundle:
        """The MIME bundle that shows the row."""
        return view(self._box)

    def open(self, snapshot: Snapshot, *, starred: bool) -> MimeBundle:
        """The same for a job that has ended already."""
        for widget, traits in self.final(snapshot):
            widget.set_trait("value", traits["value"])
        self._draw_star(starred)
        return self.bundle

    def final(self, snapshot: Snapshot) -> list[tuple[Any, dict[str, Any]]]:
        """The traits, by widget, that are known once the job has ended."""
        return [(self._path, {"value": copy_path(snapshot)})]

    def _button(self, words: str, act: Callable[[Any], None], **options: Any) -> Any:
        made = self._make.button(words, lambda: self._run_click(made, act), **options)
        return made

    def _run_click(self, pressed: Any, act: Callable[[Any], None]) -> None:
        # A double click counts once: the second may be in the kernel's queue already.
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
        self._message.value = render.style() + said

    def _make_larger(self, pressed: Any) -> None:
        from happyhorse_nb.api import remade

        self._check_money()
        # Without a question: the price stands on the button.
        made: Any = remade(self._job, resolution=_LARGER, seed=self._job.seed, yes=True)
        self._add(made)
        # Pressed again it would only show the same video again.
        pressed.disabled = True

    def _make_another(self, pressed: Any) -> None:
        from happyhorse_nb.api import again

        self._check_money()
        made = again(self._job, yes=True)
        pressed.disabled = True

        def release(snapshot: Snapshot) -> None:
            if snapshot.status.ended:
                pressed.disabled = False
                self._busy.discard(pressed)

        made.subscribe(release)
        self._add(made)
        release(made.snapshot)

    def _edit(self, _pressed: Any) -> None:
        from happyhorse_nb.widgets.form import edit

        self._form.children = (edit(self._job).box,)

    def _change_star(self, _pressed: Any) -> None:
        on = not self._job.starred
        self._job.star(on)
        self._draw_star(on)

    def _draw_star(self, on: bool) -> None:
        self._star.description = "★" if on else "☆"
        self._star.tooltip = "Remove its star" if on else _STAR

    def _priced(self, words: str, **changes: Any) -> str:
        from happyhorse_nb.api import price

        cost = price(self._job, **changes)
        return words if cost is None else f"{words}, {cost}"

    def _check_money(self) -> None:
        """Refuse to spend another kind of money, real or play money, than the card's video has cost."""
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
        """Replace the cards by ordinary outputs, which are saved with the notebook, once all jobs have ended."""
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
    """Whether the same video can be made in 1080P: it needs the seed."""
    model = MODELS.get(snapshot.model)
    choices = [param.choices for param in model.options if param.name == "resolution"] if model else []
    known = snapshot.params.get("seed") is not None and snapshot.params.get("resolution") == "720P"
    return known and any(_LARGER in some for some in choices)
