"""How long a task takes, forecast from how long others took. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

_ROOT_2 = math.sqrt(2.0)
_ROOT_2_PI = math.sqrt(2.0 * math.pi)
#: Of ages: the logarithm of none.
_INSTANT = 1e-9
#: A share of tasks too small to divide by; with it a task older than any number of seconds still has an estimate.
_NOBODY = 1e-300
#: Of an age, a gap in which nothing changes.
_STEADY = 1e-6


@dataclass(frozen=True)
class Lognormal:
    """``share`` of all tasks, their times lognormal: ``median`` in seconds, ``sigma`` of the logarithm."""

    share: float
    median: float
    sigma: float

    def alive(self, age: float) -> float:
        """The share of all tasks that are of this part and still run at that age."""
        return self.share * _above(self._z(age))

    def density(self, age: float) -> float:
        """The rate (per second, of all tasks) at which those of this part end at that age."""
        age = max(age, _INSTANT)
        return self.share * math.exp(-0.5 * self._z(age) ** 2) / (age * self.sigma * _ROOT_2_PI)

    def rest(self, age: float) -> tuple[float, float]:
        """`alive` at that age, and its integral from there on."""
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
    """How long a task takes: the ``parts`` of those that give a video, and ``early``, the few that fail at once."""

    parts: Sequence[Lognormal]
    early: Lognormal

    @cached_property
    def median(self) -> float:
        """Half of the tasks that give a video take longer than so many seconds."""
        return self.left(0.0)

    def alive(self, age: float) -> float:
        """The share of tasks that still run at that age."""
        return self.early.alive(age) + sum(part.alive(age) for part in self.parts)

    def rest(self, age: float) -> tuple[float, float]:
        """`alive` at that age, and its integral from there on: for how many seconds, on average, a task runs on."""
        alive, beyond = self.early.rest(age)
        for part in self.parts:
            more, longer = part.rest(age)
            alive += more
            beyond += longer
        return alive, beyond

    def hazard(self, age: float) -> float:
        """The rate (per second) at which a task of this age, still running, ends now."""
        return self.density(age) / max(self.alive(age), _NOBODY)

    def density(self, age: float) -> float:
        """The rate (per second, of all tasks) at which tasks end at that age."""
        return self.early.density(age) + sum(part.density(age) for part in self.parts)

    def at(self, age: float) -> Survivor:
        """A task of this age that still runs."""
        return Survivor(self, age)

    def left(self, age: float) -> float:
        """Median of the seconds until the video is there, for a task of this age, still running."""

        def alive(at: float) -> float:
            return sum(part.alive(at) for part in self.parts)

        half = alive(age) / 2
        return _where(lambda gap: alive(age + gap) <= half, first=max(age, 1.0))


class Survivor:
    """A task of a certain ``age`` that still runs: what is to be expected of it is asked for several gaps."""

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
        """If nobody looks for ``gap`` seconds: for how many of them its end goes unseen, on average, and the chance
        that it ends in them.

        The first is the integral of the second over the gap, which lognormals have in closed form.
        """
        if gap < _STEADY * self.age and self._alive > _NOBODY:
            # Years old: the rate is the same all along, and the numbers below differ by less than their rounding.
            ends = self.hazard * gap
            return (gap * ends / 2 if ends < _STEADY else gap + math.expm1(-ends) / self.hazard), -math.expm1(-ends)
        alive, beyond = self._forecast.rest(self.age + gap)
        # Of a great age the difference of two numbers that are all but equal may have the wrong sign.
        wait = min(gap, max(0.0, gap - (self._beyond - beyond) / self._alive))
        return wait, 1.0 - alive / self._alive


def _where(reached: Callable[[float], bool], *, first: float) -> float:
    """Where something comes true and stays so, to one part in a thousand."""
    low, high = 0.0, first
    while not reached(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _above(z: float) -> float:
    """The share of a normal distribution above ``z`` sigmas. By erfc, which is exact far out where 1 - cdf is 0."""
    return 0.5 * math.erfc(z / _ROOT_2)


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
