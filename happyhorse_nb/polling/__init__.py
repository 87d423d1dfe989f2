"""When to ask next, how far a task is, and what a request is worth: one estimate for all of it.

Pure: it has no clock and does no I/O. Seconds throughout; ages count from when a task was accepted.
"""

from happyhorse_nb.polling.backoff import TRIED_AFTER, Missing, backoff
from happyhorse_nb.polling.estimate import TYPICAL, TYPICAL_SANDBOX, forecast
from happyhorse_nb.polling.forecast import Forecast, Lognormal
from happyhorse_nb.polling.hold import USUAL as USUAL_HOLD
from happyhorse_nb.polling.hold import Hold
from happyhorse_nb.polling.progress import progress
from happyhorse_nb.polling.room import MOST_LOOKS, PATIENCE, bar, price
from happyhorse_nb.polling.schedule import Seen, hazard, next_gap, seen, urgency
from happyhorse_nb.polling.state import State

__all__ = [
    "MOST_LOOKS",
    "PATIENCE",
    "TRIED_AFTER",
    "TYPICAL",
    "TYPICAL_SANDBOX",
    "USUAL_HOLD",
    "Forecast",
    "Hold",
    "Lognormal",
    "Missing",
    "Seen",
    "State",
    "backoff",
    "bar",
    "forecast",
    "hazard",
    "next_gap",
    "price",
    "progress",
    "seen",
    "urgency",
]
