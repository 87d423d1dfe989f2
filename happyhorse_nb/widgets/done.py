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
#: The star's words and its tooltip, off and on.
_STARS = ("☆", "Give it a star"), ("★", "Remove its star")


class DoneRow:
    """*Make it in 1080P*, *Another seed*, *Edit*, *Copy path* and the star, for one job.

    Made once the job has ended: a running card does not wait for what it may never need. The jobs that the buttons make
    are shown by ``show`` in ``below``, the output under the video: live at first, as ordinary outputs once all have
    ended.
    """

    def __init__(
        self,
        job: Job,
        *,
        below: Output,
        embed_limit: float,
        start: Path,
        show: Callable[..., object],
        starred: bool = False,
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
        path = make("HTML", copy_path(snapshot), _dom_classes=("hh-path",))
        words, tooltip = _STARS[starred]
        self._star = self._button(words, self._change_star, tooltip=tooltip)
        self._message = make("HTML", render.style())
        row = make("HBox", [*buttons, path, self._star], _dom_classes=("hh-actions-row",))
        self._box = make("VBox", [row, self._message], _dom_classes=("hh-ui", "hh-actions"))
        #: The live cards below, once there are some.
        self._cards: Any = None

    @property
    def bundle(self) -> MimeBundle:
        """The MIME bundle that shows the row."""
        return view(self._box)

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

        row, message, *_ = self._box.children
        self._box.children = (row, message, edit(self._job).box)

    def _change_star(self, _pressed: Any) -> None:
        on = not self._job.starred
        self._job.star(on)
        self._star.description, self._star.tooltip = _STARS[on]

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
        if self._cards is None:
            self._cards = self._make("VBox", _dom_classes=("hh-ui", "hh-below"))
        outputs = WidgetOutputs()
        self._show(made, embed_limit=self._embed_limit, outputs=outputs, buttons=False)
        self._cards.children = (*self._cards.children, *outputs.widgets)
        self._below.change(view(self._cards))
        made.subscribe(lambda snapshot: self._save() if snapshot.status.ended else None)
        self._save()

    def _save(self) -> None:
        """Replace the cards by ordinary outputs, which are saved with the notebook, once all jobs have ended."""
        from happyhorse_nb.job.pictures import pictures, seen

        if not all(job.snapshot.status.ended for job in self._made):
            return
        html = ""
        for job in self._made:
            now = seen(job.snapshot)
            html += render.card(now, pictures(job), now=time.time())
            if now.path is not None:
                video = render.video(now, embed_limit=self._embed_limit, start=self._start)
                html += video.data["text/html"]
        self._below.change({"text/html": html, "text/plain": ""})
        self._cards.children = ()


def _can_be_larger(snapshot: Snapshot) -> bool:
    """Whether the same video can be made in 1080P: it needs the seed."""
    model = MODELS.get(snapshot.model)
    choices = [param.choices for param in model.options if param.name == "resolution"] if model else []
    known = snapshot.params.get("seed") is not None and snapshot.params.get("resolution") == "720P"
    return known and any(_LARGER in some for some in choices)
