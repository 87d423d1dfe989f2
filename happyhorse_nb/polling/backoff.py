"""How long to leave a server alone that is in trouble."""

from __future__ import annotations

import random


def backoff(tries: int, *, longest: float, first: float = 1.0) -> float:
    """Seconds after so many failures in a row: 1, 2, 4 … up to ``longest``, each a little shorter by chance.

    By chance, so that many who wait do not march in step.
    """
    return float(min(longest, first * 2.0 ** min(tries - 1, 16)) * random.uniform(0.7, 1.0))  # noqa: S311  # no secret
