"""Forecasts how long a task takes from how long others took. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

_ROOT_2 = math.sqrt(2.0)
_ROOT_2_PI = math.sqrt(2.0 * math.pi)
#: The youngest age whose logarithm is taken.
_INSTANT = 1e-9
#: The smallest share of tasks to divide by; so a task of any age has an estimate.
_NOBODY = 1e-300
#: In a gap shorter than this part of the age, the rate does not change.
_STEADY = 1e-6


@dataclass(frozen=True)
class Lognormal:
    """A ``share`` of all tasks, whose times are lognormal: ``median`` in seconds, ``sigma`` of the logarithm."""

    share: float
    median: float
    sigma: float

    def alive(self, age: float) -> float:
        """The share of all tasks that belong to this part and still run at that age."""
        return self.share * _above(self._z(age))

    def density(self, age: float) -> float:
        """The rate (per second, of all tasks) at which tasks of this part end at that age."""
        age = max(age, _INSTANT)
        return self.share * math.exp(-0.5 * self._z(age) ** 2) / (age * self.sigma * _ROOT_2_PI)

    def rest(self, age: float) -> tuple[float, float]:
        """`alive` at that age, and its integral from that age on."""
        z = self._z(age)
        alive = self.share * _above(z)
        return alive, self._seconds * _above(z - self.sigma) - age * alive

    @cached_property
    def _seconds(self) -> float:
        """The share, times the mean."""
        return self.share * self.median * math.exp(0.5 * self.sigma**2)

    def _z(self, age: float) -> float:
        return math.log(max(age, _INSTANT) / self.median) / self.sigma


@dataclass(frozen=True)
class Forecast:
    """How long a task takes: the ``parts`` of tasks that give a video, and ``early``, the few that fail at once."""

    parts: Sequence[Lognormal]
    early: Lognormal

    @cached_property
    def median(self) -> float:
        """Median of the seconds until a video is there."""
        return self.left(0.0)

    def alive(self, age: float) -> float:
        """The share of tasks that still run at that age."""
        return self.early.alive(age) + sum(part.alive(age) for part in self.parts)

    def rest(self, age: float) -> tuple[float, float]:
        """`alive` at that age, and its integral from that age on: the seconds that a task still runs, on average."""
        alive, beyond = self.early.rest(age)
        for part in self.parts:
            more, longer = part.rest(age)
            alive += more
            beyond += longer
        return alive, beyond

    def hazard(self, age: float) -> float:
        """The rate (per second) at which a task of this age that still runs ends."""
        return self.density(age) / max(self.alive(age), _NOBODY)

    def density(self, age: float) -> float:
        """The rate (per second, of all tasks) at which tasks end at that age."""
        return self.early.density(age) + sum(part.density(age) for part in self.parts)

    def at(self, age: float) -> Survivor:
        """A task of that age that still runs."""
        return Survivor(self, age)

    def left(self, age: float) -> float:
        """Median of the seconds until the video is there, for a task of this age that still runs."""

        def alive(at: float) -> float:
            return sum(part.alive(at) for part in self.parts)

        half = alive(age) / 2
        return _where(lambda gap: alive(age + gap) <= half, first=max(age, 1.0))


class Survivor:
    """A task of a certain ``age`` that still runs; computed once for questions about several gaps."""

    def __init__(self, forecast: Forecast, age: float) -> None:
        self.age = age
        self._forecast = forecast
        self._alive, self._beyond = forecast.rest(age)
        self._alive = max(self._alive, _NOBODY)

    @property
    def hazard(self) -> float:
        """The rate (per second) at which it ends now."""
        return self._forecast.density(self.age) / self._alive

    def unseen(self, gap: float) -> tuple[float, float]:
        """For a read in ``gap`` seconds: for how many of them, on average, the task has ended unseen, and the chance
        that it has ended.

        The first is the integral of the second over the gap, in closed form for lognormals.
        """
        if gap < _STEADY * self.age and self._alive > _NOBODY:
            # The rate is constant, and the numbers below would differ by less than their rounding.
            ends = self.hazard * gap
            return (gap * ends / 2 if ends < _STEADY else gap + math.expm1(-ends) / self.hazard), -math.expm1(-ends)
        alive, beyond = self._forecast.rest(self.age + gap)
        # At a great age the difference of two nearly equal numbers may have the wrong sign.
        wait = min(gap, max(0.0, gap - (self._beyond - beyond) / self._alive))
        return wait, 1.0 - alive / self._alive


def _where(reached: Callable[[float], bool], *, first: float) -> float:
    """Where a condition becomes true for good, to one part in a thousand."""
    low, high = 0.0, first
    while not reached(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _above(z: float) -> float:
    """The share of a normal distribution above ``z`` sigmas; by erfc, which is exact where 1 - cdf is 0."""
    return 0.5 * math.erfc(z / _ROOT_2)


#: Seconds that a task takes if nothing is known: Modellix's documents say 1 to 5 minutes for a video of 5 s.
TYPICAL = 120.0
#: The same for the embedded sandbox, unless it is told otherwise.
TYPICAL_SANDBOX = 10.0
#: Seconds for each second of video, in 1080P unless it is said: Alibaba's documents say 12 to 14 minutes for 15 s.
_A_SECOND, _IN_1080P = {"480P": 24.0, "720P": 24.0}, 52.0
#: A task is watched for so many times what such a task takes, and for at least so many seconds.
_TIMES, _LEAST = 4.0, 1800.0


def typical(params: Mapping[str, Any], *, sandbox: bool) -> float:
    """How many seconds a task with these parameters takes, as the documents have it."""
    seconds = float(params.get("duration") or 5)
    return TYPICAL_SANDBOX if sandbox else seconds * _A_SECOND.get(str(params.get("resolution")), _IN_1080P)


def deadline(estimate: Forecast) -> float:
    """For how many seconds a task is watched before it is left to itself."""
    return max(_LEAST, _TIMES * estimate.median)


#: Tasks that moderation fails, within seconds.
_EARLY = Lognormal(0.08, 4.0, 0.5)
#: Sigma of the logarithm if nothing is known. It has two parts: tasks of one kind differ, and the typical times of
#: kinds differ.
_SIGMA = 0.45
_WITHIN = 0.25
_BETWEEN = math.sqrt(_SIGMA**2 - _WITHIN**2)
#: For how many observations the prior counts: of the median, and of the scatter.
_MEAN_COUNT = (_WITHIN / _BETWEEN) ** 2
_SIGMA_COUNT = 2.0
#: A share of tasks that behave as nobody has foreseen. It is so wide that a task of any age has an estimate: the older
#: it becomes, the more this share counts, and the rarer reads become.
_UNFORESEEN = 0.02
_UNFORESEEN_MEDIAN, _UNFORESEEN_SIGMA = 2.0, 2.0
#: Other times (seconds) are no task's: something else has written the ledger.
_SHORTEST, _LONGEST = 1e-3, 1e7
#: Quantiles that represent the distribution of sigma, each with an equal share.
_NODES = (1 / 6, 3 / 6, 5 / 6)
_NORMAL = NormalDist()


def forecast(history: Sequence[float], *, typical: float = TYPICAL) -> Forecast:
    """An estimate from how long (seconds) tasks of the same kind took, from ``typical`` without a history.

    The logarithms of the times are taken as normal with unknown mean and variance, with the usual conjugate prior
    (normal and inverse gamma; Gelman et al., "Bayesian Data Analysis", 3.3). The prediction is a Student's t of the
    logarithm, wider the less was seen; here it is a mixture of a few lognormals.
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
    # For each possible variance, by the chi-square distribution as Wilson and Hilferty (1931) approximate it to a few
    # per cent; one more time varies more, by the uncertainty of the mean.
    freedom = _SIGMA_COUNT + count
    spread = 2 / (9 * freedom)
    quantiles = (freedom * (1 - spread + _NORMAL.inv_cdf(node) * math.sqrt(spread)) ** 3 for node in _NODES)
    sigmas = [math.sqrt(squares / quantile * (1 + 1 / weight)) for quantile in quantiles]
    return _mixed(math.exp(centre), sigmas)


def _mixed(median: float, sigmas: Sequence[float]) -> Forecast:
    foreseen = 1 - _EARLY.share - _UNFORESEEN
    parts = [Lognormal(foreseen / len(sigmas), median, sigma) for sigma in sigmas]
    wide = Lognormal(_UNFORESEEN, _UNFORESEEN_MEDIAN * median, _UNFORESEEN_SIGMA)
    return Forecast((*parts, wide), _EARLY)
