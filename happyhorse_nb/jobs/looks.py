"""When one job's task is looked at, and how far it is: what is known of it, brought to the pure policy."""

from __future__ import annotations

import time
from collections.abc import Callable

from happyhorse_nb import polling
from happyhorse_nb.jobs.track import Track
from happyhorse_nb.models import Progress, Snapshot, Status


class Looks:
    """The looks at one task. ``estimates`` says how long such tasks take, ``price`` what a request is worth now."""

    def __init__(
        self,
        track: Track,
        estimates: Callable[[Snapshot], polling.Forecast],
        *,
        price: Callable[[], float],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._track = track
        self._price = price
        self._estimates = estimates
        self._estimate: polling.Forecast | None = None
        self._wall, self._steady = wall, steady
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
        if read.status == Status.PENDING:
            self._queued = self._age
        self._last, self._seen = self._state, None

    def gap(self) -> float:
        """Seconds until the next look."""
        return polling.next_gap(self.estimate, self._state, self._price(), self._track.settings.max_poll_gap)

    @property
    def hazard(self) -> float:
        """The rate (per second) at which the task ends now; 0 where none is known to run, or the server will say it."""
        if self._track.held or not self._track.now.status.on_server:
            return 0.0
        return polling.hazard(self.estimate, self._state)

    def urgency(self, *, held: bool) -> float:
        """The seconds of waiting, on average, that a look now saves; with ``held`` the server will hold it open."""
        gap = max(0.0, self._age - self._last.age)
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
            return arrival.progress(self._age)
        return polling.progress(self.estimate, self._state, before=snapshot.progress)

    @property
    def _age(self) -> float:
        submitted = self._track.now.submitted
        if submitted is None:
            return 0.0
        # By the wall's clock, for a task may be older than this process, and that clock runs on while the machine
        # sleeps. It may be set back: no task grows younger by that.
        age, now = max(0.0, self._wall() - submitted), self._steady()
        if self._began is None:
            self._began = now - age
        return max(age, now - self._began)

    @property
    def _state(self) -> polling.State:
        return polling.State(self._age, self._queued, self._track.now.status == Status.PENDING)
