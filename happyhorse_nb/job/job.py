"""A job: one request for a video, from the intent to the file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from happyhorse_nb.errors import JobError
from happyhorse_nb.job import display, outcome
from happyhorse_nb.models import Cost, Snapshot, Status, join_notes
from happyhorse_nb.settings import notebook_folder, process
from happyhorse_nb.store import Record

if TYPE_CHECKING:
    from happyhorse_nb.job.waiting import Waiting
    from happyhorse_nb.render import VideoOutput

Listener = Callable[[Snapshot], None]
#: A snapshot to deliver: what it is, whether only the time has moved on, and those who listened when it was published.
News = tuple[Snapshot, bool, tuple[object, ...]]


#: Seconds between two looks whether a job that is awaited has ended.
_LOOK = 0.1
#: Characters of one text in a note, and of all: a callback may raise what it likes at every change.
_LONGEST_TEXT, _LONGEST_NOTE = 200, 600

_Heard = Callable[[Snapshot, bool], None]


class Controls(Protocol):
    """What a job asks of the engine that runs it."""

    def stop(self, job: Job) -> None:
        """Watch it no longer."""

    def watch(self, job: Job) -> None:
        """See to it that somebody watches a job that has not ended. Raises `HappyHorseError` where nobody may."""

    def starred(self, job: Job) -> bool:
        """Whether a job has a star. Raises `LedgerError`."""

    def star(self, job: Job, on: bool) -> None:
        """Give a job a star, or take it back. Raises `LedgerError`."""

    def call_user(self, function: Callable[[], None]) -> None:
        """Run a user's function on a thread where it may take its time."""


class Job:
    """One video on its way, or made. `generate` makes them; `jobs` finds them again.

    ``id`` is ours (a text), ``task_id`` the server's (None until it gave one), ``status`` a `Status`, ``path`` the
    absolute `Path` of the MP4 (None until it is there), ``cost`` a `Cost` in USD, ``error`` the `JobError` it ended
    with (None while it runs and when it is done), ``snapshot`` all of it, frozen. Two of the same id are equal. As the
    last value of a cell it shows itself.
    """

    def __init__(self, record: Record, controls: Controls) -> None:
        self.record = record
        self.thumbnail = record.thumbnail
        #: Whether anybody has been given the error that it ended with.
        self.asked = False
        self._controls = controls
        self._snapshot = record.snapshot
        # One for all jobs: it is held for an instant, and there may be thousands of them.
        self._guard = process.once("jobs", process.Guard)
        self._listeners: dict[object, tuple[_Heard, bool]] = {}
        self._waiting: Waiting | None = None
        #: Whether it has ended, and all who listen have been told.
        self._over = self._snapshot.status.ended

    def __repr__(self) -> str:
        return f"<Job {self._snapshot.short_id}: {self.status}>"

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if process.is_a(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def id(self) -> str:
        """Our own id."""
        return self._snapshot.id

    @property
    def task_id(self) -> str | None:
        """The server's id, None until it is known."""
        return self._snapshot.task_id

    @property
    def snapshot(self) -> Snapshot:
        """All that is known now, frozen."""
        return self._snapshot

    @property
    def status(self) -> Status:
        """Where the job stands; ``str(job.status)`` is the plain word."""
        return self._snapshot.status

    @property
    def model(self) -> str:
        """The model's id, such as ``happyhorse-1.0-i2v``."""
        return self._snapshot.model

    @property
    def prompt(self) -> str:
        """The prompt as it is sent, its ``{name}``s replaced; empty where there is none."""
        return self._snapshot.prompt

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that are sent, such as ``{"duration": 5, "seed": 7}`` (s); the server chooses the others."""
        return dict(self._snapshot.params)

    @property
    def seed(self) -> int | None:
        """The seed it is made with, asked for or drawn; None where it was made elsewhere."""
        return self._snapshot.params.get("seed")

    @property
    def path(self) -> Path | None:
        """The absolute path of the MP4, None until it is on disk."""
        return self._snapshot.path

    @property
    def cost(self) -> Cost | None:
        """The bill in USD once it is known ($0.00 where nothing is charged), before that an estimate.

        ``float(job.cost)`` works for both.
        """
        return self._snapshot.charge

    @property
    def error(self) -> JobError | None:
        """The error that the job ended with, None while it runs and when it is done."""
        problem = outcome.error_of(self._snapshot, self)
        self.asked = self.asked or problem is not None
        return problem

    @property
    def starred(self) -> bool:
        """Whether the job has a star, as the ledger has it now. Raises `LedgerError`."""
        return self._controls.starred(self)

    def star(self, on: bool = True) -> None:
        """Give the job a star, or take it back; kept in the ledger. Raises `LedgerError`."""
        self._controls.star(self, on)

    def done(self) -> bool:
        """Whether the job has ended, with a video or without."""
        return self._over

    def result(self, timeout: float | None = None) -> VideoOutput:
        """Wait for the video and return it; in a notebook it shows itself, ``.path`` is its file.

        ``timeout`` is in seconds. Raises the job's `JobError`, which holds the job, `WaitTimeout`, and what
        `watch` raises. An interrupt ends the waiting at once; the job goes on, whatever ends the waiting.
        """
        from happyhorse_nb.job.waiting import wait

        wait([self], timeout=timeout)
        return self._outcome()

    def __await__(self) -> Generator[Any, None, VideoOutput]:
        return self._arrive().__await__()

    async def _arrive(self) -> VideoOutput:
        from happyhorse_nb.job.waiting import follow, in_one_line

        self.watch()
        with in_one_line([self]):
            line = follow([self])
            try:
                # An event of this loop would have to be set from another thread; and pauses let an interrupt through.
                while not self.done():
                    await asyncio.sleep(_LOOK)
                    line.look()
            finally:
                line.end()
        return self._outcome()

    def watch(self) -> None:
        """Go on with the job, if it has not ended and nobody here watches it; called by whoever waits for it.

        Raises, for a job that nobody here watches yet, `JobNotFound` where it is of another account than the one in
        use, `MissingKey` and `ConfigError` where none is.
        """
        if not self.done():
            self._controls.watch(self)

    def stop(self) -> None:
        """Watch the job no longer. A task that the server has goes on there, and can be taken up again by its id.

        A job that is still queued is taken out and never sent. Raises `LedgerError`.
        """
        self._controls.stop(self)

    @property
    def followed(self) -> bool:
        """Whether somebody wants to hear how far it is."""
        # Asked of every job once a second, most of which nobody looks at.
        # Whoever waits shows it too.
        if self._waiting is not None:
            return True
        return bool(self._listeners) and any(ticks for _, ticks in list(self._listeners.values()))

    def on_change(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback(snapshot)`` at every change of state, and now if the job has ended; returns what undoes it.

        It runs on a thread of its own, or, while a cell waits for the job, in that cell.
        """

        def careful(snapshot: Snapshot) -> None:
            try:
                callback(snapshot)
            except BaseException as problem:  # noqa: BLE001  # a user's code may raise anything, sys.exit() too
                self.remark(f"an on_change callback raised {type(problem).__name__}: {problem}")

        def hand_over(snapshot: Snapshot, in_cell: bool) -> None:
            if in_cell:
                careful(snapshot)
            else:
                self._controls.call_user(lambda: careful(snapshot))

        undo, now = self._listen(hand_over, ticks=False)
        if now.status.ended:
            hand_over(now, False)
        return undo

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Like `on_change`, also about once a second while the job runs; for widgets, which must be quick."""
        return self._listen(lambda snapshot, _: listener(snapshot), ticks=True)[0]

    def _ipython_display_(self) -> None:
        display.present(self)

    def bind(self, name: str) -> None:
        """Remember the variable that the job is bound to, for its card."""

        def bind() -> None:
            self._snapshot = replace(self._snapshot, name=name)

        self._guard(bind)

    def revive(self, record: Record) -> None:
        """Go on after an end that was none: the same object, so that whoever holds it sees how it goes on."""

        def revive() -> None:
            self.record = record
            self._snapshot = replace(record.snapshot, name=self._snapshot.name)
            self._over = False

        self._guard(revive)

    def publish(self, snapshot: Snapshot, *, tick: bool = False) -> None:
        """Tell the listeners a new snapshot; called by the engine, on the owned thread."""

        def publish() -> News | None:
            # What the user's side has set meanwhile is not overwritten by what the loop started from.
            name, note = self._snapshot.name, self._snapshot.note or snapshot.note
            own = (snapshot.name, snapshot.note) == (name, note)
            self._snapshot = snapshot if own else replace(snapshot, name=name, note=note)
            news = (self._snapshot, tick, tuple(self._listeners))
            if self._waiting is None:
                return news
            self._waiting.put(self, news)
            return None

        news = self._guard(publish)
        if news is not None:
            self.deliver(news, in_cell=False)
        if snapshot.status.ended:
            self._over = True

    def deliver(self, news: News, *, in_cell: bool) -> None:
        """Call the listeners, on this thread. None of them can harm the job or the other ones."""
        snapshot, tick, tokens = news
        for token in tokens:
            listener, ticks = self._listeners.get(token, (None, False))
            if listener is not None and (ticks or not tick):
                try:
                    listener(snapshot, in_cell)
                except Exception as problem:  # noqa: BLE001  # see above; what is wrong is shown with the job
                    self.remark(f"it could not be shown: {type(problem).__name__}: {problem}")

    def divert(self, waiting: Waiting) -> bool:
        """Let a waiting thread have the snapshots. False when another one has them already."""

        def divert() -> bool:
            if self._waiting is None and not waiting.over:
                self._waiting = waiting
            return self._waiting is waiting

        return self._guard(divert)

    def give_back(self, waiting: Waiting, applied: Callable[[], bool]) -> bool:
        """Deliver the snapshots as usual again, if ``waiting`` has them; False, and nothing changes, while not all are
        ``applied``.

        Else a snapshot that comes now would be delivered before those that came earlier.
        """

        def give_back() -> bool:
            if self._waiting is waiting and applied():
                self._waiting = None
            return self._waiting is not waiting

        return self._guard(give_back)

    def _outcome(self) -> VideoOutput:
        from happyhorse_nb.render import video
        from happyhorse_nb.settings.config import embed_limit

        problem = self.error
        if problem is not None:
            raise problem
        return video(self._snapshot, embed_limit=embed_limit(), start=notebook_folder())

    def _listen(self, listener: _Heard, *, ticks: bool) -> tuple[Callable[[], None], Snapshot]:
        """What undoes it, and the snapshot after which the listener hears every one."""
        token = object()

        def undo() -> None:
            self._listeners.pop(token, None)

        def listen() -> Snapshot:
            self._listeners[token] = (listener, ticks)
            return self._snapshot

        return undo, self._guard(listen)

    def remark(self, text: str) -> None:
        """Add a few words to the job's note."""
        text = _short(text, _LONGEST_TEXT)

        def add() -> None:
            if text not in self._snapshot.note:
                note = _short(join_notes(self._snapshot.note, text), _LONGEST_NOTE)
                self._snapshot = replace(self._snapshot, note=note)

        self._guard(add)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
