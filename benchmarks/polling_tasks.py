"""Tasks that take as long as tasks take, and what is known of them: the workloads of the polling benchmark."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from happyhorse_nb.polling import Forecast, Lognormal, forecast

#: The share of tasks that fail early (moderation), the median of their seconds, and sigma of the logarithm.
EARLY = Lognormal(0.08, 4.0, 0.5)
#: Jobs that the ledger has of a kind, where there is a history.
_HISTORY = 20


@dataclass(frozen=True)
class Kind:
    """Tasks of one kind: what the policy knows of them, how they are really distributed, and how long each takes."""

    estimate: Forecast
    truth: Forecast
    times: Sequence[float]


def workload(name: str, *, tasks: int, histories: int, seed: int = 20261127) -> list[Kind]:
    """The kinds of tasks of workload A, B or C: ``tasks`` of them in all, and where there is a history that many of
    them, each drawn anew: how lucky one of twenty jobs was is no property of the policy."""
    chance = random.Random(seed)
    if name == "A":
        return [_kind(chance, 120.0, 0.45, tasks, known=False)]
    medians = {"B": [120.0], "C": [60.0, 240.0]}[name] * histories
    return [_kind(chance, median, 0.2, tasks // len(medians), known=True) for median in medians]


def _kind(chance: random.Random, median: float, sigma: float, tasks: int, *, known: bool) -> Kind:
    history = [_draw(chance, median, sigma) for _ in range(_HISTORY if known else 0)]
    times = [
        _draw(chance, EARLY.median, EARLY.sigma) if chance.random() < EARLY.share else _draw(chance, median, sigma)
        for _ in range(tasks)
    ]
    return Kind(forecast(history), Forecast([Lognormal(1 - EARLY.share, median, sigma)], EARLY), times)


def _draw(chance: random.Random, median: float, sigma: float) -> float:
    return chance.lognormvariate(math.log(median), sigma)
