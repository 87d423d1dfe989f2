"""When to look next.

Each look costs ``price``: the seconds of somebody's waiting that are worth one request (see `room`). Looking often
costs requests, looking rarely lets a finished video lie. Where the hazard rate h is constant, the wait that gathers
unseen in a gap g is h g² / 2 a look, and the sum of both is least where that equals the price: g = sqrt(2 price / h).
For a rate that changes slowly this is the classical rule for inspections (Barlow, Hunter and Proschan 1963, "Optimum
checking procedures"; Keller 1974, "Optimum checking schedules for systems subject to random failure").

A task's rate does not change slowly: at twenty seconds it is nearly nothing, and the root asks for a gap that leads
far into the time in which tasks end. So the same balance is kept without the root: look when the wait that has
gathered unseen, on average, is worth the price. With a constant rate this is the root to the letter; with ours its
cost lies within one per cent of the optimum that dynamic programming finds (``benchmarks/polling.py``), for a few
evaluations of a closed form.

The same number, for a look that is due, is its urgency: the waiting that the request would save. Where there are more
looks than requests, the most urgent go first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from happyhorse_nb.polling.forecast import Forecast, Survivor
from happyhorse_nb.polling.state import State

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
