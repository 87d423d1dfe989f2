"""When to ask about a task next, and how far it is likely to be. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from happyhorse_nb.models import Progress, Status
from happyhorse_nb.polling.forecast import Forecast, Survivor
from happyhorse_nb.polling.hold import USUAL as USUAL_HOLD


@dataclass(frozen=True)
class State:
    """A task that is not known to have ended; ``age`` is the seconds since it was accepted.

    ``queued`` is its age when it was last seen `pending`, 0 if never; ``pending`` whether it was in the last read.
    """

    age: float
    queued: float = 0.0
    pending: bool = False


#: The tasks that it may be, each with its chance.
Seen = Sequence[tuple[float, Survivor]]

#: No two reads are closer than this: the network takes about as long.
_MIN_GAP = 0.25
#: Nor further apart than this, for somebody looks at the card.
_MAX_GAP = 60.0
#: Being `pending` for this part of the typical time is normal: it is part of what earlier tasks took.
_USUAL_QUEUE = 0.25
#: The chance that a `pending` task has not begun; some servers may say nothing else until the end.
_TRUST = 0.8
#: Most steps towards the gap, and how near to the price is near enough.
_STEPS, _CLOSE = 20, 1e-3
#: The lowest rate (per second) to divide by.
_HARDLY_EVER = 1e-12


def next_gap(estimate: Forecast, state: State, price: float, max_gap: float | None = None) -> float:
    """Seconds from a read that found the task running to the next one.

    At most half the task's age or one second, whichever is more, for some tasks fail within seconds and some servers
    are fast; at most ``max_gap``, if given.
    """
    longest = min(max(1.0, state.age / 2), _MAX_GAP, max_gap or _MAX_GAP)
    possible = seen(estimate, state)
    if _unseen(possible, longest)[0] <= price:
        return longest
    # The root of the current rate is a start; Newton's method settles in a few steps on this convex function.
    rate = sum(share * task.hazard for share, task in possible)
    gap = min(longest, math.sqrt(2 * price / max(rate, _HARDLY_EVER)))
    for _ in range(_STEPS):
        wait, ends = _unseen(possible, gap)
        if abs(wait - price) <= _CLOSE * price:
            break
        gap = min(longest, gap - (wait - price) / ends)
    return max(gap, min(_MIN_GAP, longest))


def hazard(estimate: Forecast, state: State) -> float:
    """The rate (per second) at which a task in this state ends."""
    return sum(share * estimate.hazard(age) for share, age in ages(estimate, state))


def seen(estimate: Forecast, state: State) -> Seen:
    """The tasks that one found in this state may be, each with its chance."""
    return [(share, estimate.at(age)) for share, age in ages(estimate, state)]


def urgency(found: Seen, gap: float) -> float:
    """The seconds of waiting, on average, that a read saves ``gap`` seconds after one that found this."""
    return _unseen(found, gap)[0]


def ages(estimate: Forecast, state: State) -> list[tuple[float, float]]:
    """For how many seconds the task has been worked on: each possible age with its chance.

    Unusually long `pending` time does not count, as the task had not begun; unless the word means nothing.
    """
    late = state.queued - _USUAL_QUEUE * estimate.median
    if late <= 0:
        return [(1.0, state.age)]
    worked = max(0.0, state.age - late)
    return [(_TRUST, worked), (1 - _TRUST, state.age)] if state.pending else [(1.0, worked)]


def _unseen(possible: Seen, gap: float) -> tuple[float, float]:
    """`Survivor.unseen`, averaged over the tasks that it may be."""
    wait = ends = 0.0
    for share, task in possible:
        waits, ended = task.unseen(gap)
        wait += share * waits
        ends += share * ended
    return wait, ends


#: Seconds of waiting that one request is worth while there is plenty: a task that is about due, with nothing else
#: known, is then read about once a second.
PATIENCE = 0.0125
#: Most reads a minute. They take about a fifth of one core, and the user's cells share the interpreter with them.
MOST_LOOKS = 30_000


def price(hazards: Iterable[float], requests_per_minute: float) -> float:
    """Seconds of waiting that one request is worth, for watched tasks that end at these rates (per second).

    ``requests_per_minute`` is what reads may take; at most `MOST_LOOKS` are used. At a price p a task with the rate h
    is read sqrt(h / 2p) times a second. This solves for the p at which all of them together take what there is.
    """
    allowed = min(requests_per_minute, MOST_LOOKS) / 60
    wanted = sum(math.sqrt(hazard) for hazard in hazards)
    return max(PATIENCE, (wanted / allowed) ** 2 / 2)


def bar(price: float, free: float) -> float:
    """How urgent (seconds) a due read has to be to leave; ``free`` is the part of the minute's requests left, to 1.

    While there is plenty, any due read leaves. When requests run short, a read that is due for another reason (an early
    one of a new task) does not take the request that a task about to end needs.
    """
    return max(0.0, price - PATIENCE) * max(0.0, 1 - 2 * free)


#: What a progress bar approaches while its task runs, and how far the estimate alone takes it.
_ALMOST, _BY_ESTIMATE = 0.99, 0.98
#: No card says that nothing is left while its task runs.
_LEAST_LEFT = 0.5
#: A bar that is further ahead of the estimate goes without seconds left.
_APART = 0.1
_NOTHING = Progress()


def progress(estimate: Forecast, state: State, *, before: Progress = _NOTHING) -> Progress:
    """How far a task is. The bar is never full before the end, never stands still and never goes back.

    ``left`` is the median of the seconds left, and in proportion to the rest of the bar. For a task that takes longer
    than expected the bar can only creep while more and more seconds are to be expected: then ``left`` is None.
    """
    age = state.age
    # The likeliest age; a median over all would say no more.
    _, worked = ages(estimate, state)[0]
    left = max(estimate.left(worked), _LEAST_LEFT)
    # Even where the estimate was wrong it creeps on, ever slower.
    since = max(age - before.elapsed, 0.0)
    crept = before.fraction + (_ALMOST - before.fraction) * -math.expm1(-since / (3 * max(age, estimate.median)))
    told = age / (age + left)
    fraction = max(min(told, _BY_ESTIMATE), crept)
    if fraction - told > _APART:
        return Progress(fraction=fraction, elapsed=age)
    return Progress(fraction=fraction, elapsed=age, left=max(age / fraction - age, _LEAST_LEFT) if age else left)


#: The greatest age (seconds) of a task that is taken up: an older one has ended, or the wall clock is wrong.
_OLDEST = 3600.0


class Timing:
    """Applies the forecast to one task. ``clock`` is a steady clock in seconds, which nobody sets."""

    def __init__(self, forecast: Forecast, clock: Callable[[], float]) -> None:
        self.forecast = forecast
        self.clock = clock
        self._began: float | None = None
        #: The task's age when it was last seen `pending`, and whether it was in the last read.
        self._queued, self._pending = 0.0, False
        #: The state that the last read found; and the tasks that it may be, once asked for.
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
        """The server has just said this state."""
        self._pending = status == Status.PENDING
        if self._pending:
            self._queued = self.age
        self._last, self._seen = self._state, None

    def gap(self, price: float, longest: float | None = None) -> float:
        """Seconds until the next read, where one request is worth ``price`` seconds of waiting."""
        return next_gap(self.forecast, self._state, price, longest)

    @property
    def hazard(self) -> float:
        """The rate (per second) at which the task ends."""
        return hazard(self.forecast, self._state)

    def urgency(self, *, held: bool) -> float:
        """The seconds of waiting, on average, that a read saves now; with ``held`` the server will hold it open."""
        gap = max(0.0, self.age - self._last.age)
        if self._seen is None:
            # Computed once for each read: for many waiting tasks it is asked twice a second.
            self._seen = seen(self.forecast, self._last)
        # A held read also saves what would gather meanwhile; but no more, as others wait too.
        return urgency(self._seen, gap + USUAL_HOLD if held else gap)

    def progress(self, before: Progress) -> Progress:
        """The progress now, after what was shown ``before``."""
        return progress(self.forecast, self._state, before=before)

    @property
    def left(self) -> float:
        """Median of the seconds until the video is there."""
        return self.forecast.left(self.age)

    @property
    def _state(self) -> State:
        return State(self.age, self._queued, self._pending)
