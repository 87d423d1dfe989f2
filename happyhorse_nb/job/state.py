"""A job's state behind `Job`: its row, its newest snapshot, and its listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from traceback import format_tb
from typing import TYPE_CHECKING

from happyhorse_nb.models import Snapshot, join_notes
from happyhorse_nb.settings import process
from happyhorse_nb.store import Record

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.waiting import Waiting

logger = logging.getLogger(__name__)

#: Called with each snapshot, and whether that happens in the cell that waits for the job.
Heard = Callable[[Snapshot, bool], None]
#: A snapshot to deliver: what it is, whether only the time has moved on, and who listened when it was published.
News = tuple[Snapshot, bool, tuple[object, ...]]

#: Most characters of one remark, and of a whole note: a callback may raise at every change.
_LONGEST_TEXT, _LONGEST_NOTE = 200, 600


def state_of(job: Job) -> JobState:
    """The state behind a job: for the engine, the waits and the widgets."""
    return job._state  # noqa: SLF001  # this is the way to it


class JobState:
    """Changed by the engine alone. Its lock is held for an instant, never while listeners are called."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.snapshot = record.snapshot
        #: Whether the user has been given the error that the job ended with.
        self.asked = False
        #: Whether it has ended, and all listeners have been called.
        self.over = record.snapshot.status.ended
        # One lock for all jobs: there may be thousands of them.
        self._guard = process.once("jobs", process.Guard)
        self._listeners: dict[object, tuple[Heard, bool]] = {}
        self._waiting: Waiting | None = None

    @property
    def followed(self) -> bool:
        """Whether somebody wants to hear how far the job is: a listener to ticks, or a thread that waits for it."""
        if self._waiting is not None:
            return True
        return bool(self._listeners) and any(ticks for _, ticks in list(self._listeners.values()))

    def bind(self, name: str) -> None:
        """Remember the variable that the job is bound to, for its card."""

        def bind() -> None:
            self.snapshot = replace(self.snapshot, name=name)

        self._guard(bind)

    def revive(self, record: Record) -> None:
        """Go on after a job was stopped: in the same object, so that whoever holds it sees how it goes on."""

        def revive() -> None:
            self.record = record
            self.snapshot = replace(record.snapshot, name=self.snapshot.name)
            self.over = False

        self._guard(revive)

    def publish(self, snapshot: Snapshot, *, tick: bool = False) -> None:
        """Deliver a new snapshot to the listeners; with ``tick`` only the time has moved on."""

        def publish() -> tuple[News, Waiting | None]:
            # The user's side may have set these two since the caller read the snapshot.
            name, note = self.snapshot.name, self.snapshot.note or snapshot.note
            own = (snapshot.name, snapshot.note) == (name, note)
            self.snapshot = snapshot if own else replace(snapshot, name=name, note=note)
            news = (self.snapshot, tick, tuple(self._listeners))
            if self._waiting is not None:
                self._waiting.put(self, news)
            return news, self._waiting

        news, waiting = self._guard(publish)
        if waiting is None:
            self.deliver(news, in_cell=False)
        if snapshot.status.ended:
            logger.info(
                "job %s ended: %s, task %s, %s", snapshot.id, snapshot.status, snapshot.task_id, snapshot.charge
            )
            self.over = True

    def deliver(self, news: News, *, in_cell: bool) -> None:
        """Call the listeners, on this thread. An error of one harms neither the job nor the others."""
        snapshot, tick, tokens = news
        for token in tokens:
            listener, ticks = self._listeners.get(token, (None, False))
            if listener is not None and (ticks or not tick):
                try:
                    listener(snapshot, in_cell)
                except Exception as problem:  # noqa: BLE001  # it is logged, and noted on the card
                    # Where it was raised, without its words: they may be those of a prompt.
                    where = "".join(format_tb(problem.__traceback__))
                    logger.error("job %s could not be shown: %s\n%s", snapshot.id, type(problem).__name__, where)
                    self.remark(f"it could not be shown: {type(problem).__name__}: {problem}")

    def divert(self, waiting: Waiting) -> bool:
        """Deliver snapshots to a waiting thread from now on. False when another one gets them already."""

        def divert() -> bool:
            if self._waiting is None and not waiting.over:
                self._waiting = waiting
            return self._waiting is waiting

        return self._guard(divert)

    def give_back(self, waiting: Waiting, applied: Callable[[], bool]) -> bool:
        """Deliver snapshots as usual again. False, and nothing changes, while ``waiting`` has some to apply: a new one
        would overtake them."""

        def give_back() -> bool:
            if self._waiting is waiting and applied():
                self._waiting = None
            return self._waiting is not waiting

        return self._guard(give_back)

    def listen(self, listener: Heard, *, ticks: bool) -> tuple[Callable[[], None], Snapshot]:
        """Call a listener from now on, with ``ticks`` also about once a second; returns what undoes it, and the latest
        snapshot before that."""
        token = object()

        def undo() -> None:
            self._listeners.pop(token, None)

        def listen() -> Snapshot:
            self._listeners[token] = (listener, ticks)
            return self.snapshot

        return undo, self._guard(listen)

    def remark(self, text: str) -> None:
        """Add some words to the job's note, once."""
        text = _short(text, _LONGEST_TEXT)

        def add() -> None:
            if text not in self.snapshot.note:
                note = _short(join_notes(self.snapshot.note, text), _LONGEST_NOTE)
                self.snapshot = replace(self.snapshot, note=note)

        self._guard(add)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
