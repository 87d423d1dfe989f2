"""The life of one job on the owned loop: wait for a place, submit once, watch, fetch."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.client import Client
from happyhorse_nb.errors import (
    APIError,
    DownloadError,
    LedgerError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    TransportError,
)
from happyhorse_nb.images import FirstFrame
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.pace import Pace
from happyhorse_nb.jobs.queue import Queue
from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.settings import video_name
from happyhorse_nb.settings.config import Settings

T = TypeVar("T")
#: Seconds for which a request that never left is tried again, and a video that cannot be fetched.
_PATIENCE_UNSENT = 60.0
_PATIENCE_VIDEO = 30.0
#: A link that was turned down is read anew this often.
_FRESH_LINKS = 2


class _Stopped(Exception):
    """The user asked to watch no longer."""


class Lifecycle:
    """Takes one job from where it stands to its end, publishing every change: ledger first, then listeners."""

    def __init__(
        self,
        job: Job,
        client: Client,
        frame: FirstFrame | None,
        *,
        queue: Queue,
        pace: Pace,
        settings: Settings,
        write: Callable[[Snapshot], None],
        history: list[float],
    ) -> None:
        self.job = job
        self._client = client
        self._frame = frame
        self._queue = queue
        self._pace = pace
        self._settings = settings
        self._write = write
        typical = polling.TYPICAL_SANDBOX if job.snapshot.sandbox else polling.TYPICAL
        self.estimate = polling.forecast(history, typical=typical)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Watch no longer, at the next moment at which that is safe. Called on the owned loop."""
        self._stop.set()

    async def run(self) -> None:
        """Go to the end. Every way out but a cancellation publishes an end."""
        try:
            try:
                if await self._send() and await self._watch():
                    # The video is made: its place is free for the next task while the file comes down.
                    self._queue.leave(self.job.id)
                    await self._fetch()
            except _Stopped:
                self._publish(self._stopped_by_user())
        except LedgerError as problem:
            self.job.publish(self._ended(outcome.stopped(self._now, outcome.sentence(str(problem)))))
        finally:
            self._queue.leave(self.job.id)

    def tick(self) -> None:
        """Publish how far it is, about once a second."""
        snapshot = self._now
        if snapshot.status.running:
            self.job.publish(replace(snapshot, progress=self._progress(snapshot)), tick=True)

    @property
    def seconds_left(self) -> float:
        """About how long the place of this job stays taken."""
        return self._now.progress.left or self.estimate.median

    async def _send(self) -> bool:
        """Submit, unless that was done before. False when the job ended here."""
        if self._now.task_id is not None:
            self._queue.take(self.job.id)
            return True
        await self._or_stop(self._queue.enter(self.job.id, self._moved))
        started, tries = time.monotonic(), 0
        while True:
            await self._or_stop(self._pace.take())
            # On disk before the request leaves: a kernel killed right after it leaves no task that nobody knows of.
            self._publish(replace(self._now, status=Status.SUBMITTING, message="", remedy="", place=None))
            try:
                accepted = await self._submit()
            except RateLimited as limited:
                wait = limited.retry_after if limited.retry_after is not None else 5.0
                why = "The account runs as many tasks as it may, or asks too often"
            except NotSent as problem:
                tries += 1
                wait = _backoff(tries)
                why = outcome.sentence(str(problem)[:1].upper() + str(problem)[1:]).rstrip(".")
                if time.monotonic() - started + wait > _PATIENCE_UNSENT:
                    self._end(outcome.refused(self._now, problem))
                    return False
            except OutcomeUnknown as problem:
                self._end(outcome.unknown(self._now, problem.snapshot.message))
                return False
            except APIError as problem:
                self._end(outcome.refused(self._now, problem))
                return False
            else:
                self._publish(replace(self._now.merged(accepted), task_id=accepted.task_id, submitted=time.time()))
                return True
            why = f"{why}; nothing was charged, it is sent again in {max(1, round(wait))} s."
            self._publish(replace(self._now, status=Status.QUEUED, message=why))
            await self._pause(wait)

    async def _submit(self) -> Snapshot:
        """The paid request, once. Nothing here may cut it short: its outcome would not be known."""
        now = self._now
        frame, self._frame = self._frame, None
        assert frame is not None, "a job without a task has its first frame"
        try:
            return await self._client.submit(frame, now.prompt or None, model=now.model, **now.params)
        except (RateLimited, NotSent):
            self._frame = frame
            raise

    async def _watch(self) -> bool:
        """Read until the task has ended, through drops, 429 and server errors. False when the job ended here."""
        task_id = self._now.task_id
        assert task_id is not None, "a watched job has a task"
        began, tries, wait = time.monotonic(), 0, 0.0
        while self._now.status is not Status.DOWNLOADING:
            if time.monotonic() - began > self._settings.deadline:
                minutes = round(self._settings.deadline / 60)
                self._end(outcome.stopped(self._now, f"The task has not ended after {minutes} min; it goes on."))
                return False
            await self._pause(max(wait, self._gap()))
            await self._pace.take()
            try:
                read = await self._client.read(task_id)
            except NotFound:
                self._end(outcome.expired(self._now))
                return False
            except (RateLimited, ServerError, TransportError) as problem:
                tries += 1
                told = problem.retry_after if isinstance(problem, RateLimited) else None
                wait = told if told is not None else _backoff(tries)
                self._say("The server cannot be reached now; trying again." if tries > 2 else "")
            except APIError as problem:
                self._end(outcome.stopped(self._now, outcome.parked(problem)))
                return False
            else:
                tries, wait = 0, 0.0
                if read.status is Status.FAILED:
                    self._end(outcome.failed(self._now.merged(read)))
                    return False
                self._change(self._now.merged(read))
        return True

    async def _fetch(self) -> None:
        """Bring the video to disk; only then is the job done."""
        links = 0
        while True:
            target = self._target()
            try:
                read = self._now if self._now.video_url else await self._fresh()
                info = await self._or_stop(
                    self._client.download(read, target, patience=_PATIENCE_VIDEO)
                )
            except (DownloadError, APIError, TransportError) as problem:
                links += 1
                if isinstance(problem, DownloadError) and problem.refused and links <= _FRESH_LINKS:
                    self._quietly(replace(self._now, video_url=None))
                    await self._pause(_backoff(links))
                    continue
                why = f"The video is ready and paid for, but {_lower(str(problem))}"
                self._end(outcome.stopped(self._now, outcome.sentence(why)))
                return
            now = self._now
            took = now.took if now.took is not None else time.time() - (now.submitted or now.created)
            made = replace(
                now,
                status=Status.DONE,
                path=target,
                size=target.stat().st_size,
                width=info.width,
                height=info.height,
                took=took,
                video_url=None,
                message="",
                remedy="",
            )
            self._end(made)
            return

    async def _fresh(self) -> Snapshot:
        """The task read again, for a link that works."""
        assert self._now.task_id is not None, "a finished task has an id"
        await self._pace.take()
        read = await self._client.read(self._now.task_id)
        self._quietly(self._now.merged(read))
        return self._now

    def _target(self) -> Path:
        """A file that does not exist yet: the one asked for, else one named for its date, prompt and task."""
        now, wished = self._now, self.job.record.target
        file = wished if wished.suffix == ".mp4" else wished / video_name(now.created, now.prompt, now.short_id)
        for number in range(2, 1000):
            if not file.exists():
                break
            file = file.with_name(f"{file.stem.removesuffix(f' ({number - 1})')} ({number}).mp4")
        return file

    def _stopped_by_user(self) -> Snapshot:
        now = self._now
        if now.task_id is None:
            return self._ended(outcome.taken_out(now))
        return self._ended(outcome.stopped(now, "Not watched any more, as you asked; the task goes on at the server."))

    def _gap(self) -> float:
        return polling.next_gap(
            self.estimate,
            self._age(self._now),
            watched=len(self._queue.running),
            max_gap=self._settings.max_poll_gap,
        )

    def _progress(self, snapshot: Snapshot) -> Progress:
        if snapshot.submitted is None:
            left = snapshot.progress.left if snapshot.place else None
            return Progress(elapsed=time.time() - snapshot.created, left=left)
        return polling.progress(self.estimate, self._age(snapshot), before=snapshot.progress)

    def _age(self, snapshot: Snapshot) -> float:
        return max(0.0, time.time() - (snapshot.submitted or time.time()))

    def _moved(self, place: int | None) -> None:
        self._quietly(replace(self._now, place=place))

    def _say(self, message: str) -> None:
        self._change(replace(self._now, message=message))

    def _change(self, snapshot: Snapshot) -> None:
        """Publish, if it says anything new; most looks at a task find what was known."""
        if snapshot != self._now:
            self._publish(snapshot)

    def _end(self, snapshot: Snapshot) -> None:
        self._publish(self._ended(snapshot))

    def _ended(self, snapshot: Snapshot) -> Snapshot:
        elapsed = time.time() - (snapshot.submitted or snapshot.created)
        full = 1.0 if snapshot.status is Status.DONE else snapshot.progress.fraction
        return replace(
            snapshot, ended=time.time(), place=None, progress=Progress(fraction=full, elapsed=elapsed, left=None)
        )

    def _publish(self, snapshot: Snapshot) -> None:
        self._write(snapshot)
        self.job.publish(snapshot)

    def _quietly(self, snapshot: Snapshot) -> None:
        """A change that is nothing to remember: a place in the queue, a link."""
        self.job.publish(snapshot)

    async def _pause(self, seconds: float) -> None:
        await self._or_stop(asyncio.sleep(seconds))

    async def _or_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, unless the user asks to stop first; then it is cancelled and `_Stopped` raised."""
        doing = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise _Stopped
        finally:
            asked.cancel()
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})

    @property
    def _now(self) -> Snapshot:
        return self.job.snapshot


def _backoff(tries: int) -> float:
    """Seconds before the next try: 1, 2, 4 … 30, each a little shorter by chance so that many jobs do not march."""
    return float(min(30.0, 2.0 ** (tries - 1)) * random.uniform(0.7, 1.0))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
