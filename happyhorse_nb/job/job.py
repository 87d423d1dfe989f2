"""A job: one request for a video, from the intent to the file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from happyhorse_nb.errors import JobError
from happyhorse_nb.job import display, outcome
from happyhorse_nb.job.state import JobState
from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.settings import notebook_folder, process
from happyhorse_nb.store import Record

if TYPE_CHECKING:
    from happyhorse_nb.render import VideoOutput

Listener = Callable[[Snapshot], None]
#: Seconds between two checks whether a job that is awaited has ended.
_GAP = 0.1


class Controls(Protocol):
    """What a job asks of the engine."""

    def stop(self, job: Job) -> None:
        """See `Job.stop`."""

    def watch(self, job: Job) -> None:
        """See `Job.watch`."""

    def starred(self, job: Job) -> bool:
        """See `Job.starred`."""

    def star(self, job: Job, on: bool) -> None:
        """See `Job.star`."""

    def call_user(self, function: Callable[[], None]) -> None:
        """Run a user's function on a thread where it may take its time."""


class Job:
    """One video on its way, or made. `generate` makes them; `jobs` finds them again.

    ``id`` is ours (a text), ``task_id`` the server's (None until it gave one), ``status`` a `Status`, ``path`` the
    absolute `Path` of the MP4 (None until it is there), ``cost`` a `Cost` in USD, ``error`` the `JobError` it ended
    with (None while it runs and when it is done), ``snapshot`` all of it, frozen. Jobs of the same id are equal. As the
    last value of a cell it shows itself.
    """

    def __init__(self, record: Record, controls: Controls) -> None:
        self._state = JobState(record)
        self._controls = controls

    def __repr__(self) -> str:
        return f"<Job {self.snapshot.short_id}: {self.status}>"

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if process.is_a(other, Job) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def id(self) -> str:
        """Our own id."""
        return self.snapshot.id

    @property
    def thumbnail(self) -> bytes | None:
        """A small JPEG of the first frame, None where it is not known."""
        return self._state.record.thumbnail

    @property
    def task_id(self) -> str | None:
        """The server's id, None until it is known."""
        return self.snapshot.task_id

    @property
    def snapshot(self) -> Snapshot:
        """All that is known now, frozen."""
        return self._state.snapshot

    @property
    def status(self) -> Status:
        """Where the job stands; ``str(job.status)`` is the plain word."""
        return self.snapshot.status

    @property
    def model(self) -> str:
        """The model's id, such as ``happyhorse-1.0-i2v``."""
        return self.snapshot.model

    @property
    def prompt(self) -> str:
        """The prompt that is sent, its ``{name}``s replaced; empty without one."""
        return self.snapshot.prompt

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that are sent, such as ``{"duration": 5, "seed": 7}`` (s); the server chooses the others."""
        return dict(self.snapshot.params)

    @property
    def seed(self) -> int | None:
        """The seed that was asked for or drawn; None where the job was made elsewhere."""
        return self.snapshot.params.get("seed")

    @property
    def path(self) -> Path | None:
        """The absolute path of the MP4, None until it is on disk."""
        return self.snapshot.path

    @property
    def cost(self) -> Cost | None:
        """The bill in USD once it is known ($0.00 where nothing is charged), before that an estimate; ``float()`` takes
        both."""
        return self.snapshot.charge

    @property
    def error(self) -> JobError | None:
        """The error that the job ended with, None while it runs and when it is done."""
        problem = outcome.error_of(self.snapshot, self)
        self._state.asked |= problem is not None
        return problem

    @property
    def starred(self) -> bool:
        """Whether the job has a star, as the ledger has it now. Raises `LedgerError`."""
        return self._controls.starred(self)

    def star(self, on: bool = True) -> None:
        """Give the job a star, or take it back, in the ledger. Raises `LedgerError`."""
        self._controls.star(self, on)

    def done(self) -> bool:
        """Whether the job has ended, with a video or without."""
        return self._state.over

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
                # Short pauses let an interrupt through, and no event of this loop has to be set from another thread.
                while not self.done():
                    await asyncio.sleep(_GAP)
                    line.look()
            finally:
                line.end()
        return self._outcome()

    def watch(self) -> None:
        """Go on with a job that has not ended and that nobody here watches. Whoever waits for it calls this.

        Raises `JobNotFound` for another account's job, `MissingKey` and `ConfigError` where no account is in use.
        """
        if not self.done():
            self._controls.watch(self)

    def stop(self) -> None:
        """Watch the job no longer; one that is still queued is never sent. Raises `LedgerError`.

        A task that the server has goes on there, and can be taken up again by its id.
        """
        self._controls.stop(self)

    def on_change(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback(snapshot)`` at every change of state, and now if the job has ended; returns what undoes it.

        It runs on a thread for callbacks, or in the cell that waits for the job.
        """

        def careful(snapshot: Snapshot) -> None:
            try:
                callback(snapshot)
            except BaseException as problem:  # noqa: BLE001  # a user's code may raise anything, sys.exit() too
                self._state.remark(f"an on_change callback raised {type(problem).__name__}: {problem}")

        def hand_over(snapshot: Snapshot, in_cell: bool) -> None:
            if in_cell:
                careful(snapshot)
            else:
                self._controls.call_user(lambda: careful(snapshot))

        undo, now = self._state.listen(hand_over, ticks=False)
        if now.status.ended:
            hand_over(now, False)
        return undo

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Like `on_change`, and about once a second while the job runs; for widgets: the listener must be quick."""
        return self._state.listen(lambda snapshot, _: listener(snapshot), ticks=True)[0]

    def _ipython_display_(self) -> None:
        display.present(self)

    def _outcome(self) -> VideoOutput:
        from happyhorse_nb.job.pictures import seen
        from happyhorse_nb.render import video
        from happyhorse_nb.settings.config import embed_limit

        problem = self.error
        if problem is not None:
            raise problem
        return video(seen(self.snapshot), embed_limit=embed_limit(), start=notebook_folder())
