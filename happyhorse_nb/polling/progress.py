"""How far a task is, for the card's bar: from the same estimate that says when to look."""

from __future__ import annotations

import math

from happyhorse_nb.models import Progress
from happyhorse_nb.polling.forecast import Forecast
from happyhorse_nb.polling.schedule import ages
from happyhorse_nb.polling.state import State

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
