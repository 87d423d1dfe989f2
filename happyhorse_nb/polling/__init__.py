"""When to ask next, how far a task is, and what a request is worth, from one estimate of how long tasks take.

Pure: no clock, no I/O. Seconds throughout; ages count from when a task was accepted.
"""

from happyhorse_nb.polling.forecast import TYPICAL, TYPICAL_SANDBOX, Forecast, Lognormal, deadline, forecast, typical
from happyhorse_nb.polling.hold import MISSING, TRIED_AFTER, Hold, backoff
from happyhorse_nb.polling.hold import USUAL as USUAL_HOLD
from happyhorse_nb.polling.schedule import (
    MOST_LOOKS,
    PATIENCE,
    State,
    Timing,
    bar,
    hazard,
    next_gap,
    price,
    progress,
    seen,
    urgency,
)

__all__ = [
    "MISSING",
    "MOST_LOOKS",
    "PATIENCE",
    "TRIED_AFTER",
    "TYPICAL",
    "TYPICAL_SANDBOX",
    "USUAL_HOLD",
    "Forecast",
    "Hold",
    "Lognormal",
    "State",
    "Timing",
    "backoff",
    "bar",
    "deadline",
    "forecast",
    "hazard",
    "next_gap",
    "price",
    "progress",
    "seen",
    "typical",
    "urgency",
]
