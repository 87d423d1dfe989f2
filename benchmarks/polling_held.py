"""E: the tasks of workload A on a server that holds ``?wait=true`` open, and on one that takes no notice of it.

Every read asks for it while `Hold` says so; where one was held, the next follows at once.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from happyhorse_nb.polling import PATIENCE, Hold, State, next_gap
from polling_alone import Found
from polling_tasks import Kind

#: Seconds for which the server holds a read (the API's documents: about 30), and that a request and its answer take.
HELD, TRIP = 30.0, 0.1
#: At most so many seconds until an end is noticed, and so many requests for a job.
LATE, REQUESTS = 0.3, 15


def held(kind: Kind, *, seconds: float) -> tuple[Found, Hold]:
    """What is found where the server holds reads for so many seconds, 0 for not at all; and what is known of it then.

    Here the delay ends when the answer is there, and the polls are all requests for a job, its submit too.
    """
    hold = Hold()
    found = [_job(kind, takes, hold, seconds) for takes in kind.times]
    delays: Sequence[float] = [delay for delay, _ in found]
    requests = statistics.fmean(count for _, count in found)
    return Found(statistics.fmean(delays), statistics.quantiles(delays, n=20)[-1], requests), hold


def _job(kind: Kind, takes: float, hold: Hold, seconds: float) -> tuple[float, int]:
    age, requests, at_once = 0.0, 1, False
    while True:
        if not at_once:
            age += next_gap(kind.estimate, State(age), PATIENCE)
        asks = hold.asks
        requests += 1
        arrives = age + TRIP / 2
        if asks and arrives < takes:
            arrives = min(takes, arrives + seconds)
        answered = arrives + TRIP / 2
        at_once = asks and hold.answered(answered - age, news=arrives >= takes)
        age = answered
        if arrives >= takes:
            return answered - takes, requests
