"""What a request is worth while all jobs share one rate of requests."""

from __future__ import annotations

import math
from collections.abc import Iterable

#: Seconds of waiting that are worth one request when there is room for more: a task of which nothing is known but
#: that it is about due is then looked at about once a second.
PATIENCE = 0.0125
#: Looks a minute that the price allows for at most, whatever the account does. So many take about a fifth of one core,
#: and a user's cells have to share the interpreter with them.
MOST_LOOKS = 30_000


def price(hazards: Iterable[float], requests_per_minute: float) -> float:
    """Seconds of waiting that one request is worth, with watched tasks that end at these rates (per second).

    ``requests_per_minute`` are those that looks may take; of more than `MOST_LOOKS` no use is made. At a price p a task
    with the rate h is looked at sqrt(h / 2p) times a second (see `schedule`). All of them together take what there is
    at the p that this solves for: what is scarce has its price, and what is not, ours.
    """
    allowed = min(requests_per_minute, MOST_LOOKS) / 60
    wanted = sum(math.sqrt(hazard) for hazard in hazards)
    return max(PATIENCE, (wanted / allowed) ** 2 / 2)


def bar(price: float, free: float) -> float:
    """How urgent (seconds) a due look has to be to leave now; ``free`` is the part of the minute's requests left, to 1.

    While there is plenty, whatever is due leaves. When requests run short, a look that is due for another reason (a
    task just begun is looked at early) does not take the one that a task about to end needs.
    """
    return max(0.0, price - PATIENCE) * max(0.0, 1 - 2 * free)
