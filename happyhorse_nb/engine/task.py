"""The life of one job on the owned loop: wait for a place, submit once, watch, fetch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from happyhorse_nb.client.threads import aside
from happyhorse_nb.engine.fetch import fetch
from happyhorse_nb.engine.submit import NoRoom, Unanswered, heard_late, submit
from happyhorse_nb.engine.track import Elsewhere, Stopped, Track, Unwritten, ended
from happyhorse_nb.engine.watch import Looks, watch
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import FirstFrame, inspect
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.limits.account import Office
from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.store import Frames, Record


def resting(record: Record, frames: Frames) -> FirstFrame:
    """A row's first frame as far as the row says; nothing is read."""
    if record.frame.partition(":")[0].lower() in ("http", "https"):
        return FirstFrame(record.frame_label, url=record.frame)
    return FirstFrame(record.frame_label, file=frames.path(record.frame), known=record.frame)


def complete(frame: FirstFrame) -> FirstFrame:
    """The same with what it is, as it is sent. Slow: it may read the disk. Raises `InvalidRequest` when it is gone."""
    return frame if frame.url is not None or frame.info is not None else replace(frame, info=inspect(frame.read()))


class Lifecycle:
    """Takes one job from where it stands to its end, publishing every change: ledger first, then listeners.

    While the job waits in the queue this is all there is of it: no task, and no bytes of its first frame.
    """

    def __init__(self, track: Track, frame: FirstFrame | None, looks: Looks) -> None:
        self._track = track
        self._frame = frame
        self.looks = looks
        self._queue = track.office.queue
        self._start: Callable[[], None] = _nothing
        #: Whether another kernel goes on with it.
        self.elsewhere = False
        #: Its paid request, where it ended before that was answered.
        self.unanswered: asyncio.Task[Snapshot] | None = None
        #: The task it runs in.
        self.task: asyncio.Task[Any] | None = None

    @property
    def job(self) -> Job:
        """The job."""
        return self._track.job

    @property
    def office(self) -> Office:
        """Through which it goes."""
        return self._track.office

    @property
    def in_mid_air(self) -> bool:
        """Whether its paid request is on its way, or about to leave."""
        return self._track.claiming or self.job.status == Status.SUBMITTING

    def begin(self, start: Callable[[], None]) -> None:
        """Call ``start``, which is to run it, as soon as it has a place."""
        self._start = start
        if self._track.now.task_id is not None:
            self._queue.take(self.job.id)
            start()
        else:
            self._queue.enter(self.job.id, self._track.now.created, start, self._moved)

    def stop(self) -> None:
        """Watch no longer, at the next moment at which that is safe."""
        self._track.stop()
        if self.task is None and self._queue.leave(self.job.id):
            # It says so itself.
            self._start()

    def wake(self) -> None:
        """Ask at once."""
        self._track.wake()

    async def run(self) -> bool:
        """Go to the end. False when it waits again: the server takes no more now.

        Every other way out publishes an end, but a cancellation and `elsewhere`.
        """
        self.task = asyncio.current_task()
        over = True
        try:
            try:
                if await self._send() and await watch(self._track, self.looks):
                    # The video is made: its place is free for the next task while the file comes down.
                    self._queue.leave(self.job.id)
                    await fetch(self._track)
            except Stopped:
                await self._track.publish(self._stopped_by_user())
            except NoRoom:
                over = False
            except Elsewhere:
                self.elsewhere = True
            except Unanswered as request:
                self.unanswered = request.sending
                await self._track.end(outcome.unknown(self._track.now, outcome.NO_ANSWER))
        except Unwritten as trouble:
            self._track.give_up(outcome.unwritten(trouble.snapshot, trouble.problem))
        finally:
            self.task = None
            if over:
                self._queue.leave(self.job.id)
        return over

    async def hear_late(self, sending: asyncio.Task[Snapshot]) -> None:
        """Note what the server still says of a request whose job was stopped."""
        await heard_late(self._track, sending)

    def tick(self) -> None:
        """Publish how far it is, about once a second."""
        snapshot = self._track.now
        if snapshot.status.running:
            self._track.quietly(replace(snapshot, progress=self.looks.progress(snapshot)), tick=True)

    def say_wait(self) -> None:
        """Publish until when the server wants nothing, where the job waits for that."""
        self._track.say_wait()

    def starts_in(self, seconds: float) -> None:
        """Publish about when a queued job starts."""
        snapshot = self._track.now
        elapsed = max(0.0, time.time() - snapshot.created)
        self._track.quietly(replace(snapshot, progress=Progress(elapsed=elapsed, left=seconds)), tick=True)

    @property
    def seconds_left(self) -> float:
        """About how long the place of this job stays taken."""
        left = self._track.now.progress.left
        return self.looks.estimate.left(self.looks.age) if left is None else left

    async def _send(self) -> bool:
        """Submit, unless that was done before. False when the job ended here."""
        self._track.check()
        if self._track.now.task_id is not None:
            return True
        assert self._frame is not None, "a job without a task has its first frame"
        frame = self._frame
        try:
            if frame.info is None:
                frame = await self._track.unless_stopped(aside(complete, frame))
        except InvalidRequest as problem:
            await self._track.end(outcome.refused(self._track.now, problem))
            return False
        return await submit(self._track, frame)

    def _stopped_by_user(self) -> Snapshot:
        now = self._track.now
        if now.task_id is None:
            return ended(outcome.cancelled(now))
        return ended(outcome.stopped_by_user(now))

    def _moved(self, place: int | None) -> None:
        self._track.quietly(replace(self._track.now, place=place))


def _nothing() -> None:
    """Until it has begun."""
