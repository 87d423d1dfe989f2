"""Reading a task until it has ended, through drops, 429 and server errors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from happyhorse_nb import polling
from happyhorse_nb.client.poll import held
from happyhorse_nb.engine.loop import always
from happyhorse_nb.engine.track import Track
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    NotFound,
    RateLimited,
    Redirected,
    ServerError,
    TransportError,
)
from happyhorse_nb.job import outcome
from happyhorse_nb.models import Progress, Snapshot, Status

#: Seconds that a task is old at most when it is taken up: by then it has ended, or the wall's clock is wrong.
_OLDEST = 3600.0


class Looks:
    """The looks at one task. ``estimates`` says how long such tasks take, ``price`` what a request is worth now.

    Its age counts by ``steady``, a clock that nobody sets. The clock on the ``wall`` only tells how old one is that was
    accepted before it was taken up here.
    """

    def __init__(
        self,
        track: Track,
        estimates: Callable[[Snapshot], polling.Forecast],
        *,
        price: Callable[[], float],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = always,
    ) -> None:
        self._track = track
        self._price = price
        self._estimates = estimates
        self._estimate: polling.Forecast | None = None
        self._wall, self._steady = wall, steady
        #: Whether the task was accepted before; what it does now is not known until it was looked at.
        self._taken_up = track.now.submitted is not None
        self._heard = False
        #: When the task was accepted, by the steady clock.
        self._began: float | None = None
        self._queued = 0.0
        #: The state that the last look has found; and all that the task may be then, once that is asked for.
        self._last = polling.State(0.0)
        self._seen: polling.Seen | None = None

    @property
    def estimate(self) -> polling.Forecast:
        """How long the task takes; the same from when it was first looked at."""
        if self._estimate is None:
            found = self._estimates(self._track.now)
            if not self._track.now.status.on_server:
                return found
            self._estimate = found
        return self._estimate

    def heard(self, read: Snapshot) -> None:
        """The server has just said this of the task."""
        self._heard = True
        if read.status == Status.PENDING:
            self._queued = self.age
        self._last, self._seen = self._state, None

    def gap(self) -> float:
        """Seconds until the next look."""
        if self._taken_up and not self._heard:
            return 0.0
        return polling.next_gap(self.estimate, self._state, self._price(), self._track.settings.max_poll_gap)

    @property
    def hazard(self) -> float:
        """The rate (per second) at which the task ends now; 0 where none is known to run, or the server will say it."""
        if self._track.held or not self._track.now.status.on_server:
            return 0.0
        return polling.hazard(self.estimate, self._state)

    def urgency(self, *, held: bool) -> float:
        """The seconds of waiting, on average, that a look now saves; with ``held`` the server will hold it open."""
        gap = max(0.0, self.age - self._last.age)
        if self._seen is None:
            # The same until the next look: of many that wait this is asked twice a second.
            self._seen = polling.seen(self.estimate, self._last)
        # One that is held saves what would gather meanwhile too. No more: others wait for their turn as well.
        return polling.urgency(self._seen, gap + polling.USUAL_HOLD if held else gap)

    def progress(self, snapshot: Snapshot) -> Progress:
        """How far the job is."""
        if snapshot.submitted is None:
            left = snapshot.progress.left if snapshot.place else None
            return Progress(elapsed=max(0.0, self._wall() - snapshot.created), left=left)
        arrival = self._track.arrival
        if arrival is not None:
            # The video itself comes now: counting is better than any estimate.
            return arrival.progress(self.age)
        return polling.progress(self.estimate, self._state, before=snapshot.progress)

    @property
    def age(self) -> float:
        """Seconds since the task was accepted; 0 before that."""
        submitted = self._track.now.submitted
        if submitted is None:
            return 0.0
        now = self._steady()
        if self._began is None:
            before = self._wall() - submitted if self._taken_up else 0.0
            self._began = now - min(max(before, 0.0), _OLDEST)
        return now - self._began

    @property
    def _state(self) -> polling.State:
        return polling.State(self.age, self._queued, self._track.now.status == Status.PENDING)


class Reads:
    """The reads of one task. Each is a request whose turn has come."""

    def __init__(self, track: Track, task_id: str) -> None:
        self._track = track
        self._task_id = task_id
        # Nothing is answered now, with the parameter or without: one request a look is enough.
        self._troubled = False
        #: Whether the next one may follow at once.
        self.at_once = False

    async def read(self) -> Snapshot:
        """What the server says. Raises what `Client.read` raises, and `Stopped`."""
        self.at_once = False
        hold = self._track.office.hold
        # Who sets the longest gap between two looks wants looks, not a promise.
        if self._troubled or not hold.asks or self._track.settings.max_poll_gap is not None:
            return await self._plain()
        began = time.monotonic()
        self._track.held = True
        try:
            work = self._track.until_woken(self._track.client.read(self._task_id, hold=True))
            found, failed = await held(hold, work)
        finally:
            self._track.held = False
        if found is not None:
            news = found.status != self._track.now.status
            self.at_once = hold.answered(time.monotonic() - began, news=news)
            return found
        self._troubled = failed
        await self._track.turn(lambda: math.inf)
        found = await self._plain()
        if failed:
            hold.failed()
        return found

    async def _plain(self) -> Snapshot:
        found = await self._track.unless_stopped(self._track.client.read(self._task_id))
        self._troubled = False
        return found


_TROUBLE = "The server cannot be reached now; trying again."
#: Tries in vain of which nothing need be said.
_SAID = 2
_MISSING = "The server says that it does not know this task; it is asked again before that is believed."


async def watch(track: Track, looks: Looks) -> bool:
    """Read until the video is there; ``looks`` says when. False when it ended here.

    Raises `Stopped`.
    """
    task_id = track.now.task_id
    assert task_id is not None, "a watched job has a task"
    reads = Reads(track, task_id)
    began, tries, wait = time.monotonic(), 0, 0.0
    # Compared by value here and everywhere: after a user's importlib.reload there are two classes of states.
    while track.now.status != Status.DOWNLOADING:
        left = track.settings.deadline - (time.monotonic() - began)
        if left <= 0:
            minutes = max(1, round(track.settings.deadline / 60))
            await track.end(
                outcome.stopped(track.now, f"The task has not ended after {minutes} min; it still runs on the server.")
            )
            return False
        # What is in doubt is looked at as soon as may be.
        gap = 0.0 if reads.at_once or track.in_doubt else looks.gap()
        await track.pause(min(left, max(wait, gap)))
        await track.turn(lambda: looks.urgency(held=reads.at_once))
        try:
            read = await reads.read()
        except (NotFound, RateLimited, ServerError, TransportError) as problem:
            if isinstance(problem, NotFound) and track.gone():
                await track.end(outcome.expired(track.now, by_id=not track.job.record.request))
                return False
            tries += 1
            wait, why = _trouble(track, problem, tries)
            track.change(replace(track.now, message=why))
        except APIError as problem:
            await track.end(outcome.stopped(track.now, outcome.parked(problem)))
            return False
        else:
            tries, wait = 0, 0.0
            track.known()
            now = _merged(track, read, looks.age)
            if read.status == Status.FAILED:
                await track.end(outcome.failed(now))
                return False
            track.change(now)
            looks.heard(read)
    return True


def _trouble(track: Track, problem: HappyHorseError, tries: int) -> tuple[float, str]:
    """For how many seconds not to ask again, after so many tries that failed; and what the card says of it."""
    said = "" if tries <= _SAID else _words(problem)
    if not isinstance(problem, RateLimited):
        return track.backoff(tries), said
    # It is said to the account, whichever of its jobs has asked: there the rest of a long wait is waited.
    wait = track.told(problem, tries)
    track.office.pace.allowance.refused(wait)
    return min(wait, polling.TRIED_AFTER), track.told_to_wait() or said


def _words(problem: HappyHorseError) -> str:
    if isinstance(problem, NotFound):
        return _MISSING
    # What sends on says where to, and that is for the user to judge.
    return outcome.capital(str(problem)) if isinstance(problem, Redirected) else _TROUBLE


def _merged(track: Track, read: Snapshot, age: float) -> Snapshot:
    now = track.now.merged(read)
    if now.took is None and not read.status.on_server:
        # By a clock that nobody sets: what tasks took says when the next ones are looked at.
        return replace(now, took=age)
    return now
