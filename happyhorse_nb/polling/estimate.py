"""An estimate of how long a task takes, from how long such tasks took before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from happyhorse_nb.polling.forecast import Forecast, Lognormal

#: How long a generation takes where nothing is known: the API's documents say 1 to 5 minutes.
TYPICAL = 120.0
#: The embedded sandbox takes about this long unless told otherwise.
TYPICAL_SANDBOX = 10.0

#: Moderation answers within seconds, whatever the task.
_EARLY = Lognormal(0.08, 4.0, 0.5)
#: Sigma of the logarithm where nothing is known. It has two parts: tasks of one kind differ among themselves, and the
#: typical time of a kind differs from that of all.
_SIGMA = 0.45
_WITHIN = 0.25
_BETWEEN = math.sqrt(_SIGMA**2 - _WITHIN**2)
#: How many observations the prior counts for: of where the median lies, and of how wide the times scatter.
_MEAN_COUNT = (_WITHIN / _BETWEEN) ** 2
_SIGMA_COUNT = 2.0
#: A share that is taken from no experience at all: what nobody has foreseen. It is so wide that however old a task
#: becomes, the estimate goes on: with the age it becomes all that is left, and looks become rarer.
_UNFORESEEN = 0.02
_UNFORESEEN_MEDIAN, _UNFORESEEN_SIGMA = 2.0, 2.0
#: Times (seconds) that no task takes: a ledger that has one of them was written by something else.
_SHORTEST, _LONGEST = 1e-3, 1e7
#: The quantiles by which a distribution of sigma is represented, each for an equal share.
_NODES = (1 / 6, 3 / 6, 5 / 6)
_NORMAL = NormalDist()


def forecast(history: Sequence[float], *, typical: float = TYPICAL) -> Forecast:
    """An estimate from how long (seconds) tasks of the same kind took, from ``typical`` where there is no history.

    The logarithms of the times are taken as normal with unknown mean and variance, and the usual conjugate prior
    (normal and inverse gamma; Gelman et al., "Bayesian Data Analysis", 3.3). What it predicts is wider than what was
    seen, the more so the less was seen: a Student's t of the logarithm, here as a few lognormals of equal shares.
    """
    logs = [math.log(seconds) for seconds in history if _SHORTEST <= seconds <= _LONGEST]
    count = len(logs)
    if not count:
        return _mixed(typical, [_SIGMA])
    prior = math.log(typical)
    mean = sum(logs) / count
    weight = _MEAN_COUNT + count
    centre = (_MEAN_COUNT * prior + sum(logs)) / weight
    squares = (
        _SIGMA_COUNT * _WITHIN**2
        + sum((value - mean) ** 2 for value in logs)
        + (mean - prior) ** 2 * _MEAN_COUNT * count / weight
    )
    # Of each possible variance: that of one more time is larger by what is not known of the mean.
    sigmas = [math.sqrt(squares / _chi_square(node, _SIGMA_COUNT + count) * (1 + 1 / weight)) for node in _NODES]
    return _mixed(math.exp(centre), sigmas)


def _mixed(median: float, sigmas: Sequence[float]) -> Forecast:
    foreseen = 1 - _EARLY.share - _UNFORESEEN
    parts = [Lognormal(foreseen / len(sigmas), median, sigma) for sigma in sigmas]
    wide = Lognormal(_UNFORESEEN, _UNFORESEEN_MEDIAN * median, _UNFORESEEN_SIGMA)
    return Forecast((*parts, wide), _EARLY)


def _chi_square(quantile: float, freedom: float) -> float:
    """A quantile of the chi-square distribution, by Wilson and Hilferty (1931), good to a few per cent."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + _NORMAL.inv_cdf(quantile) * math.sqrt(spread)) ** 3
