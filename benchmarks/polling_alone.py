"""One job alone: when each rule looks at a task, how late it sees the end, and how often it has asked by then."""

from __future__ import annotations

import itertools
import math
import statistics
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from happyhorse_nb.polling import Forecast, State, next_gap
from polling_tasks import Kind

#: Seconds between two looks, as the field has them.
CLOCKS = (0.5, 1.0, 2.0, 3.0, 5.0, 6.0, 10.0, 15.0, 20.0)


@dataclass(frozen=True)
class Found:
    """Of many tasks: seconds until the end was noticed, mean and 95th percentile, and looks at a task, mean."""

    mean: float
    late: float
    polls: float


def policy(estimate: Forecast, price: float) -> Iterator[float]:
    """The ages at which the policy looks at a task."""
    age = 0.0
    while True:
        age += next_gap(estimate, State(age), price)
        yield age


def clock(period: float) -> Iterator[float]:
    """The ages at which a fixed clock looks."""
    return (period * number for number in itertools.count(1))


def doubling() -> Iterator[float]:
    """1 s, then twice as long each time, at most 10 s."""
    return itertools.accumulate(itertools.chain([1.0, 2.0, 4.0, 8.0], itertools.repeat(10.0)))


def look(kinds: Iterable[Kind], rule: Callable[[Kind], Iterator[float]]) -> Found:
    """What a rule finds, which makes the ages for a kind of tasks."""
    delays: list[float] = []
    polls = 0
    for kind in kinds:
        ages = _until(rule(kind), max(kind.times))
        for time in kind.times:
            place = bisect_left(ages, time)
            delays.append(ages[place] - time)
            polls += place + 1
    return Found(statistics.fmean(delays), statistics.quantiles(delays, n=20)[-1], polls / len(delays))


def as_often(kinds: Sequence[Kind], polls: float) -> tuple[float, Found]:
    """The fixed clock (its period in seconds) that looks that often, and what it finds."""
    low, high = 0.01, 600.0
    for _ in range(40):
        middle = math.sqrt(low * high)
        found = look(kinds, lambda _, period=middle: clock(period))  # type: ignore[misc]
        low, high = (middle, high) if found.polls > polls else (low, middle)
    return high, look(kinds, lambda _: clock(high))


def at_polls(kinds: Sequence[Kind], polls: float) -> tuple[float, Found]:
    """The price (seconds of waiting) at which the policy looks about that often, and what it finds."""
    low, high = 1e-4, 10.0
    for _ in range(20):
        middle = math.sqrt(low * high)
        found = look(kinds, lambda kind, price=middle: policy(kind.estimate, price))  # type: ignore[misc]
        low, high = (middle, high) if found.polls > polls else (low, middle)
    return high, look(kinds, lambda kind: policy(kind.estimate, high))


def _until(ages: Iterator[float], end: float) -> list[float]:
    found: list[float] = []
    while not found or found[-1] < end:
        found.append(next(ages))
    return found
