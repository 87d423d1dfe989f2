"""How long a task takes, as a distribution: a few lognormals, each with its share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

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
