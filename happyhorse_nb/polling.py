"""When to ask next, and how far a task is: one estimate for both. Pure; it has no clock of its own.

The time a task takes is taken as lognormal, with a small share that fails early (moderation answers within seconds).
The best instants to look for an event whose hazard rate is h(t), at a price of c per look, lie about sqrt(2 c / h(t))
apart (Barlow, Hunter and Proschan 1963; Keller 1974). Seconds throughout; ages count from when the task was accepted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from happyhorse_nb.models import Progress

#: How long a generation takes where nothing is known: the API's documents say 1 to 5 minutes.
TYPICAL = 120.0
#: The embedded sandbox takes about this long unless told otherwise.
TYPICAL_SANDBOX = 10.0
#: Price of a look in second-squared: looks about 2 s apart when a task of typical length is due.
_PRICE = 0.04
#: How many observations the prior counts for.
_PRIOR_WEIGHT = 3.0
_PRIOR_SIGMA = 0.45
_MIN_SIGMA = 0.08
_EARLY_SHARE, _EARLY_MEDIAN, _EARLY_SIGMA = 0.08, 4.0, 0.5
#: No two looks closer than this, and none further apart than this.
_MIN_GAP, _MAX_GAP = 0.25, 20.0
#: What a bar comes near to while its task runs.
_ALMOST = 0.99
_NORMAL = NormalDist()
_NOTHING = Progress()


@dataclass(frozen=True)
class Forecast:
    """How long tasks of a kind take: ``median`` in seconds, ``sigma`` of its logarithm."""

    median: float = TYPICAL
    sigma: float = _PRIOR_SIGMA

    def hazard(self, age: float) -> float:
        """The rate (per second) at which a task of this age, still running, ends now."""
        alive = self._alive(age)
        if alive < 1e-9:
            # Far beyond anything expected: the estimate was wrong, so the rate falls as the age grows.
            return 1 / max(age, 1.0)
        return self._density(age) / alive

    def left(self, age: float) -> float:
        """Median of the seconds left for a task of this age, still running."""
        z = math.log(max(age, 1e-3) / self.median) / self.sigma
        alive = _NORMAL.cdf(-z)
        if alive < 1e-6:
            return max(0.1 * age, 1.0)
        return max(self.median * math.exp(-self.sigma * _NORMAL.inv_cdf(alive / 2)) - age, 0.5)

    def _alive(self, age: float) -> float:
        share = _EARLY_SHARE * _survival(age, _EARLY_MEDIAN, _EARLY_SIGMA)
        return share + (1 - _EARLY_SHARE) * _survival(age, self.median, self.sigma)

    def _density(self, age: float) -> float:
        share = _EARLY_SHARE * _density(age, _EARLY_MEDIAN, _EARLY_SIGMA)
        return share + (1 - _EARLY_SHARE) * _density(age, self.median, self.sigma)


def forecast(history: Sequence[float], *, typical: float = TYPICAL) -> Forecast:
    """An estimate from how long (seconds) such tasks took before; from ``typical`` where there is no history."""
    logs = [math.log(seconds) for seconds in history if seconds > 0]
    prior = math.log(typical)
    count = len(logs)
    mean = (sum(logs) + _PRIOR_WEIGHT * prior) / (count + _PRIOR_WEIGHT) if count < 3 else sum(logs) / count
    squares = sum((value - mean) ** 2 for value in logs)
    sigma = math.sqrt((squares + _PRIOR_WEIGHT * _PRIOR_SIGMA**2) / (count + _PRIOR_WEIGHT))
    return Forecast(math.exp(mean), max(sigma, _MIN_SIGMA))


def next_gap(estimate: Forecast, age: float, *, watched: int = 1, max_gap: float | None = None) -> float:
    """Seconds to wait before the next look at a task of this age, with ``watched`` tasks sharing the request rate.

    Early on no gap is longer than half the age or one second, whichever is more: some tasks fail within seconds, and
    some servers are fast.
    """
    gap = math.sqrt(2 * _PRICE * max(1, watched) / max(estimate.hazard(age), 1e-9))
    gap = min(gap, max(1.0, age / 2), _MAX_GAP, max_gap or _MAX_GAP)
    return max(gap, min(_MIN_GAP, max_gap or _MIN_GAP))


def progress(estimate: Forecast, age: float, *, before: Progress = _NOTHING) -> Progress:
    """How far a task of this age is. Never full before the end, never standing still, never going back."""
    left = estimate.left(age)
    # Where the estimate was wrong it still creeps on, ever slower.
    since = max(age - before.elapsed, 0.0)
    crept = before.fraction + (_ALMOST - before.fraction) * -math.expm1(-since / (3 * max(age, estimate.median)))
    return Progress(fraction=max(min(age / (age + left), 0.98), crept), elapsed=age, left=left)


def _survival(age: float, median: float, sigma: float) -> float:
    return _NORMAL.cdf(-math.log(max(age, 1e-6) / median) / sigma)


def _density(age: float, median: float, sigma: float) -> float:
    age = max(age, 1e-6)
    return _NORMAL.pdf(math.log(age / median) / sigma) / (age * sigma)
