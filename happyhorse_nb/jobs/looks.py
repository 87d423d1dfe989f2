"""When one job's task is looked at, and how far it is: what is known of it, brought to the pure policy."""

from __future__ import annotations

import time
from collections.abc import Callable

from happyhorse_nb import polling
from happyhorse_nb.jobs.naps import always
from happyhorse_nb.jobs.track import Track
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
