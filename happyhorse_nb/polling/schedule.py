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
    """A task that has not ended as far as is known; ``age`` is the seconds since it was accepted.

    ``queued`` is its age when it was last seen `pending`, 0 when it never was; ``pending`` whether that was also the
    last that was heard of it.
    """

    age: float
    queued: float = 0.0
    pending: bool = False


#: What a task may be, each with its chance.
Seen = Sequence[tuple[float, Survivor]]

#: No two looks closer than this, whatever is expected: the network takes about as long.
_MIN_GAP = 0.25
#: And none further apart than this: somebody looks at the card.
_MAX_GAP = 60.0
#: So much of the typical time may be spent `pending` without meaning anything: it is part of what tasks took before.
_USUAL_QUEUE = 0.25
#: How sure it is that a task seen `pending` has not begun; some servers may know no other word until the end.
_TRUST = 0.8
#: Steps at most, and how near to the price is near enough.
_STEPS, _CLOSE = 20, 1e-3
#: A rate (per second) too low to divide by.
_HARDLY_EVER = 1e-12


def next_gap(estimate: Forecast, state: State, price: float, max_gap: float | None = None) -> float:
    """Seconds from a look that found the task running to the next one.

    No gap is longer than half the task's age or one second, whichever is more: some tasks fail within seconds, and
    some servers are fast. Nor longer than ``max_gap``, where given.
    """
    longest = min(max(1.0, state.age / 2), _MAX_GAP, max_gap or _MAX_GAP)
    possible = seen(estimate, state)
    if _unseen(possible, longest)[0] <= price:
        return longest
    # The root of the rate now is a start; Newton's steps, on a function this convex, settle in a few.
    rate = sum(share * task.hazard for share, task in possible)
    gap = min(longest, math.sqrt(2 * price / max(rate, _HARDLY_EVER)))
    for _ in range(_STEPS):
        wait, ends = _unseen(possible, gap)
        if abs(wait - price) <= _CLOSE * price:
            break
        gap = min(longest, gap - (wait - price) / ends)
    return max(gap, min(_MIN_GAP, longest))


def hazard(estimate: Forecast, state: State) -> float:
    """The rate (per second) at which a task in this state ends now."""
    return sum(share * estimate.hazard(age) for share, age in ages(estimate, state))


def seen(estimate: Forecast, state: State) -> Seen:
    """What a look that found the task in this state has found: all that the task may be, each with its chance."""
    return [(share, estimate.at(age)) for share, age in ages(estimate, state)]


def urgency(found: Seen, gap: float) -> float:
    """The seconds of waiting, on average, that a look saves ``gap`` seconds after one that found this."""
    return _unseen(found, gap)[0]


def ages(estimate: Forecast, state: State) -> list[tuple[float, float]]:
    """How long the task has been worked on, in seconds: each possible age with its chance.

    What a task spent `pending` beyond the usual does not count, for it had not begun; unless the word means nothing.
    """
    late = state.queued - _USUAL_QUEUE * estimate.median
    if late <= 0:
        return [(1.0, state.age)]
    worked = max(0.0, state.age - late)
    return [(_TRUST, worked), (1 - _TRUST, state.age)] if state.pending else [(1.0, worked)]


def _unseen(possible: Seen, gap: float) -> tuple[float, float]:
    """`Survivor.unseen`, on average of all that the task may be."""
    wait = ends = 0.0
    for share, task in possible:
        waits, ended = task.unseen(gap)
        wait += share * waits
        ends += share * ended
    return wait, ends


#: Seconds of waiting that are worth one request when there is room for more: a task of which nothing is known but
#: that it is about due is then looked at about once a second.
PATIENCE = 0.0125
#: Looks a minute that the price allows for at most, whatever the account does. So many take about a fifth of one core,
#: and a user's cells have to share the interpreter with them.
MOST_LOOKS = 30_000


def price(hazards: Iterable[float], requests_per_minute: float) -> float:
    """Seconds of waiting that one request is worth, with watched tasks that end at these rates (per second).

    ``requests_per_minute`` are those that looks may take; of more than `MOST_LOOKS` no use is made. At a price p a task
    with the rate h is looked at sqrt(h / 2p) times a second (see `schedule`). All of them together take what there is
    at the p that this solves for: what is scarce has its price, and what is not, ours.
    """
    allowed = min(requests_per_minute, MOST_LOOKS) / 60
    wanted = sum(math.sqrt(hazard) for hazard in hazards)
    return max(PATIENCE, (wanted / allowed) ** 2 / 2)


def bar(price: float, free: float) -> float:
    """How urgent (seconds) a due look has to be to leave now; ``free`` is the part of the minute's requests left, to 1.

    While there is plenty, whatever is due leaves. When requests run short, a look that is due for another reason (a
    task just begun is looked at early) does not take the one that a task about to end needs.
    """
    return max(0.0, price - PATIENCE) * max(0.0, 1 - 2 * free)


#: What a bar comes near to while its task runs, and how far the estimate alone takes it.
_ALMOST, _BY_ESTIMATE = 0.99, 0.98
#: No card says that nothing is left while its task still runs.
_LEAST_LEFT = 0.5
#: By how much a bar may run ahead of the estimate before the two are told apart.
_APART = 0.1
_NOTHING = Progress()


def progress(estimate: Forecast, state: State, *, before: Progress = _NOTHING) -> Progress:
    """How far a task is. Never full before the end, never standing still, never going back.

    ``left`` is the median of the seconds left: as many tasks take longer as take less. Bar and words are one: what is
    left is to the age as the rest of the bar is to what is filled. A task that takes longer than was expected has a bar
    that can only creep, since none goes back, while more and more seconds are to be expected: then ``left`` is None.
    """
    age = state.age
    # The likeliest of the possible ages; a median of medians would say no more.
    _, worked = ages(estimate, state)[0]
    left = max(estimate.left(worked), _LEAST_LEFT)
    # Where the estimate was wrong it still creeps on, ever slower.
    since = max(age - before.elapsed, 0.0)
    crept = before.fraction + (_ALMOST - before.fraction) * -math.expm1(-since / (3 * max(age, estimate.median)))
    told = age / (age + left)
    fraction = max(min(told, _BY_ESTIMATE), crept)
    if fraction - told > _APART:
        return Progress(fraction=fraction, elapsed=age)
    return Progress(fraction=fraction, elapsed=age, left=max(age / fraction - age, _LEAST_LEFT) if age else left)


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
