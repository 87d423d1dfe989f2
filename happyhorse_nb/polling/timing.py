"""One task in time: how old it is, when to read it next, and how far it is. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

from happyhorse_nb.models import Progress, Status
from happyhorse_nb.polling.forecast import Forecast
from happyhorse_nb.polling.hold import USUAL as USUAL_HOLD
from happyhorse_nb.polling.schedule import Seen, State, hazard, next_gap, progress, seen, urgency

#: Seconds that a task is old at most when it is taken up: by then it has ended, or the wall clock is wrong.
_OLDEST = 3600.0


class Timing:
    """What the forecast says of one task. ``clock`` is a steady clock in seconds, which nobody sets back or forward."""

    def __init__(self, forecast: Forecast, clock: Callable[[], float]) -> None:
        self.forecast = forecast
        self.clock = clock
        self._began: float | None = None
        #: The task's age when it was last seen `pending`, and whether that is the last that was heard.
        self._queued, self._pending = 0.0, False
        #: The state that the last read found; and all that the task may be then, once that is asked for.
        self._last = State(0.0)
        self._seen: Seen | None = None

    def begin(self, age: float = 0.0) -> None:
        """The server accepted the task so many seconds ago."""
        self._began = self.clock() - min(max(age, 0.0), _OLDEST)

    @property
    def age(self) -> float:
        """Seconds since the task was accepted; 0 before that."""
        return 0.0 if self._began is None else self.clock() - self._began

    def heard(self, status: Status) -> None:
        """The server has just said that the task is in this state."""
        self._pending = status == Status.PENDING
        if self._pending:
            self._queued = self.age
        self._last, self._seen = self._state, None

    def gap(self, price: float, longest: float | None = None) -> float:
        """Seconds until the next read, where one request is worth ``price`` seconds of waiting."""
        return next_gap(self.forecast, self._state, price, longest)

    @property
    def hazard(self) -> float:
        """The rate (per second) at which the task ends now."""
        return hazard(self.forecast, self._state)

    def urgency(self, *, held: bool) -> float:
        """The seconds of waiting, on average, that a read now saves; with ``held`` the server will hold it open."""
        gap = max(0.0, self.age - self._last.age)
        if self._seen is None:
            # The same until the next read: of many that wait, this is asked twice a second.
            self._seen = seen(self.forecast, self._last)
        # A held read also saves what would gather meanwhile. No more than that: others wait for their turn as well.
        return urgency(self._seen, gap + USUAL_HOLD if held else gap)

    def progress(self, before: Progress) -> Progress:
        """How far the task is, given what was said ``before``."""
        return progress(self.forecast, self._state, before=before)

    @property
    def left(self) -> float:
        """Median of the seconds until the video is there."""
        return self.forecast.left(self.age)

    @property
    def _state(self) -> State:
        return State(self.age, self._queued, self._pending)
