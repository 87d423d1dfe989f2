"""The life of one job on the owned loop: wait for a place, submit once, watch, fetch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from happyhorse_nb.images import FirstFrame
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.fetch import fetch
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.looks import Looks
from happyhorse_nb.jobs.queue import Queue
from happyhorse_nb.jobs.submit import submit
from happyhorse_nb.jobs.track import Stopped, Track, Unwritten, ended
from happyhorse_nb.jobs.watch import watch
from happyhorse_nb.models import Snapshot


class Lifecycle:
    """Takes one job from where it stands to its end, publishing every change: ledger first, then listeners."""

    def __init__(self, track: Track, frame: FirstFrame | None, *, queue: Queue, looks: Looks) -> None:
        self._track = track
        self._frame = frame
        self._queue = queue
        self.looks = looks
        #: The task it runs in.
        self.task: asyncio.Task[Any] | None = None

    @property
    def job(self) -> Job:
        """The job."""
        return self._track.job

    def stop(self) -> None:
        """Watch no longer, at the next moment at which that is safe. Called on the owned loop."""
        self._track.stop()

    def wake(self) -> None:
        """Ask at once."""
        self._track.wake()

    async def run(self) -> None:
        """Go to the end. Every way out but a cancellation publishes an end."""
        self.task = asyncio.current_task()
        try:
            try:
                if await self._send() and await watch(self._track, self.looks):
                    # The video is made: its place is free for the next task while the file comes down.
                    self._queue.leave(self.job.id)
                    await fetch(self._track)
            except Stopped:
                self._track.publish(self._stopped_by_user())
        except Unwritten as trouble:
            self._track.give_up(outcome.unwritten(trouble.snapshot, trouble.problem))
        finally:
            self._queue.leave(self.job.id)

    def tick(self) -> None:
        """Publish how far it is, about once a second."""
        snapshot = self._track.now
        if snapshot.status.running:
            self._track.quietly(replace(snapshot, progress=self.looks.progress(snapshot)), tick=True)

    def starts_in(self, seconds: float) -> None:
        """Publish about when a queued job starts."""
        snapshot = self._track.now
        self._track.quietly(replace(snapshot, progress=replace(snapshot.progress, left=seconds)), tick=True)

    @property
    def seconds_left(self) -> float:
        """About how long the place of this job stays taken."""
        return self._track.now.progress.left or self.looks.estimate.median

    async def _send(self) -> bool:
        """Submit, unless that was done before. False when the job ended here."""
        if self._track.now.task_id is not None:
            self._queue.take(self.job.id)
            return True
        frame, self._frame = self._frame, None
        assert frame is not None, "a job without a task has its first frame"
        await self._track.unless_stopped(self._queue.enter(self.job.id, self._moved))
        return await submit(self._track, frame)

    def _stopped_by_user(self) -> Snapshot:
        now = self._track.now
        if now.task_id is None:
            return ended(outcome.taken_out(now))
        return ended(outcome.stopped(now, "Not watched any more, as you asked; the task goes on at the server."))

    def _moved(self, place: int | None) -> None:
        self._track.quietly(replace(self._track.now, place=place))
