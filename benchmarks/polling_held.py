"""E: the tasks of workload A on a server that holds ``?wait=true`` open, and on one that takes no notice of it.

Every read asks for it while `Hold` says so; where one was held, the next follows at once. Fifty such jobs at once share
one rate of requests, as in D.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence

import virtual_time
from happyhorse_nb import polling
from happyhorse_nb.limits.rate_limiter import Rate, RateLimiter
from happyhorse_nb.limits.scheduler import Scheduler
from happyhorse_nb.polling import PATIENCE, USUAL_HOLD, Hold, State, next_gap
from polling_alone import Found
from polling_crowd import JOBS, PER_MINUTE, Server
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


def crowd_held(kind: Kind) -> tuple[Found, float, int]:
    """Fifty tasks at a time: what is found, the longest (seconds) that any was not looked at, and requests refused."""
    found: list[tuple[float, int, float]] = []
    refused = 0
    for start in range(0, len(kind.times), JOBS):
        server = Server()
        found += virtual_time.run(_together(server, kind, kind.times[start : start + JOBS]))
        refused += server.refused
    delays = [delay for delay, _, _ in found]
    polls = statistics.fmean(count for _, count, _ in found)
    late = statistics.quantiles(delays, n=20)[-1]
    return Found(statistics.fmean(delays), late, polls), max(unseen for *_, unseen in found), refused


async def _together(server: Server, kind: Kind, times: Sequence[float]) -> list[tuple[float, int, float]]:
    limits = _Limits(kind, server)
    return list(await asyncio.gather(*(limits.job(takes) for takes in times)))


class _Limits:
    """What the jobs of one account share on a server that holds reads."""

    def __init__(self, kind: Kind, server: Server) -> None:
        self._estimate = kind.estimate
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._hold = Hold()
        rate = Rate(lambda: PER_MINUTE, self._loop.time)
        self._limiter = RateLimiter(rate, self._loop.time, hold=self._hold)
        self._scheduler = Scheduler(self._limiter)
        #: When each task was accepted whose end the server will not tell by itself.
        self._looked_at: dict[object, float] = {}
        self._loop.call_later(1.0, self._tick)

    async def job(self, takes: float) -> tuple[float, int, float]:
        await self._scheduler.take()
        await self._server.ask()
        began, me = self._loop.time(), object()
        last, polls, unseen, at_once = 0.0, 0, 0.0, False

        def urgency() -> float:
            gap = self._loop.time() - began - last
            return polling.urgency(polling.seen(self._estimate, State(last)), gap + USUAL_HOLD if at_once else gap)

        while True:
            self._looked_at[me] = began
            if not at_once:
                await asyncio.sleep(next_gap(self._estimate, State(last), self._scheduler.price))
            await self._scheduler.take(urgency)
            asked = self._loop.time()
            unseen, polls = max(unseen, asked - began - last), polls + 1
            over, at_once = await self._read(me, began + takes)
            last = self._loop.time() - began
            if over:
                return last - takes, polls, unseen

    async def _read(self, me: object, ends: float) -> tuple[bool, bool]:
        """Whether the answer says that the task is over, and whether the next read may follow at once."""
        asked, asks = self._loop.time(), self._hold.asks
        del self._looked_at[me]
        self._hold.open += asks
        assert await self._server.ask(), "the budget lets no more leave than are answered"
        if asks and self._loop.time() < ends:
            await asyncio.sleep(min(ends - self._loop.time(), HELD) + TRIP / 2)
        over = self._loop.time() >= ends
        self._hold.open -= asks
        return over, asks and self._hold.answered(self._loop.time() - asked, news=over)

    def _tick(self) -> None:
        now = self._loop.time()
        hazards = (polling.hazard(self._estimate, State(now - began)) for began in self._looked_at.values())
        self._scheduler.tick(polling.price(hazards, self._limiter.share))
        self._loop.call_later(1.0, self._tick)
