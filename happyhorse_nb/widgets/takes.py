"""The card of several takes: one panel while any of them runs, at the end their comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import notebook_folder
from happyhorse_nb.widgets.card import LiveCard
from happyhorse_nb.widgets.compare import ChoiceRow, Comparison, buttons_live
from happyhorse_nb.widgets.output import CellOutput, MimeBundle, NewOutput
from happyhorse_nb.widgets.panel import PanelState

if TYPE_CHECKING:
    from happyhorse_nb.job import Job

Snapshots = tuple[Snapshot, ...]


def show(takes: Sequence[Job], *, embed_limit: float, outputs: NewOutput = CellOutput) -> None:
    """Show the takes in the running cell. ``embed_limit`` is what their videos may weigh in the notebook, in MB.

    Where all have ended they are shown as ordinary outputs, and the buttons to choose one.
    """
    together = Together(takes)
    if not ended(together.snapshot):
        TakesCard(together, embed_limit=embed_limit, outputs=outputs).open()
        return
    outputs().put(_static(together, together.snapshot))
    done = together.done()
    if len(done) > 1:
        Comparison(done, embed_limit=embed_limit).open(outputs)
    elif done:
        outputs().put(render.video(done[0].snapshot, embed_limit=embed_limit, start=notebook_folder()).data)


class Together:
    """Several jobs as one subject of a card: how each of them stands, in order."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = tuple(jobs)

    @property
    def id(self) -> str:
        """The first one's; a message can name only one."""
        return self.jobs[0].id

    @property
    def snapshot(self) -> Snapshots:
        """How each stands now."""
        return tuple(job.snapshot for job in self.jobs)

    def done(self) -> list[Job]:
        """Those that have a video."""
        return [job for job in self.jobs if job.snapshot.status == Status.DONE]

    def stop(self) -> None:
        """Watch none of them any longer."""
        for job in self.jobs:
            if not job.snapshot.status.ended:
                job.stop()

    def subscribe(self, listener: Callable[[Snapshots], None], /) -> Callable[[], None]:
        """Call the listener with all of them when one has news."""
        undo = [job.subscribe(lambda _: listener(self.snapshot)) for job in self.jobs]

        def undo_all() -> None:
            for one in undo:
                one()

        return undo_all


def ended(snapshots: Snapshots) -> bool:
    """Whether all of them have ended."""
    return all(snapshot.status.ended for snapshot in snapshots)


class TakesCard(LiveCard[Snapshots]):
    """One card for all takes, and below it the comparison and the ``buttons`` that choose one (None: where somebody
    can click them)."""

    show_words = "Show videos"

    def __init__(
        self, together: Together, *, embed_limit: float, outputs: NewOutput = CellOutput, buttons: bool | None = None
    ) -> None:
        self._together = together
        super().__init__(together, embed_limit=embed_limit, outputs=outputs)
        self._comparison: Comparison | None = None
        self._row: ChoiceRow | None = None
        if buttons_live() if buttons is None else buttons:
            # Made now, on the main thread, and shown at the end.
            self._below = [outputs()]
            self._row = ChoiceRow(len(together.jobs), self._choose)

    def _ended(self, snapshot: Snapshots) -> bool:
        return ended(snapshot)

    def _finish(self, snapshot: Snapshots) -> None:
        done = self._together.done()
        if len(done) > 1:
            self._comparison = Comparison(done, embed_limit=self._embed_limit, start=self._start)
        super()._finish(snapshot)
        if self._comparison is not None and self._row is not None:
            self._row.offer(len(done))
            self._below[0].change(self._row.bundle)

    def _choose(self, number: int) -> None:
        if self._comparison is not None and self._row is not None:
            self._comparison.choose(number, self._row, self._below[0])

    def _state(self, snapshot: Snapshots) -> PanelState:
        queued = all(one.status == Status.QUEUED for one in snapshot if one.status.running)
        return PanelState(
            head=render.takes_head(snapshot, self._together.jobs[0].thumbnail),
            live=render.takes_live(snapshot, now=time.time()) + self._note,
            said=render.takes_spoken(snapshot),
            stop="Take out" if queued else "Stop watching",
        )

    def _line(self, snapshot: Snapshots) -> str:
        return render.takes_text(snapshot, now=time.time())

    def _placeholder(self, snapshot: Snapshots) -> str:
        return render.takes_placeholder(snapshot)

    def _static(self, snapshot: Snapshots) -> MimeBundle:
        return _static(self._together, snapshot)

    def _video(self, snapshot: Snapshots) -> render.VideoOutput | None:
        if self._comparison is not None:
            return render.VideoOutput(self._comparison.bundle())
        done = next((one for one in snapshot if one.status == Status.DONE), None)
        if done is None:
            return None
        return render.video(done, embed_limit=self._embed_limit, start=self._start, elsewhere=self._elsewhere)


def _static(together: Together, snapshots: Snapshots) -> MimeBundle:
    now = time.time()
    return {
        "text/html": render.takes_card(snapshots, together.jobs[0].thumbnail, now=now),
        "text/plain": render.takes_text(snapshots, now=now),
    }
