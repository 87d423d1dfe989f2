"""Fifty jobs at once under one rate of requests, in virtual time: the policy with the budget that all jobs share, and
fixed clocks, which know nothing of each other."""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

import virtual_time
from happyhorse_nb import polling
from happyhorse_nb.limits.rate_limiter import Rate, RateLimiter
from happyhorse_nb.limits.scheduler import Scheduler
from polling_alone import Found
from polling_tasks import Kind

JOBS, PER_MINUTE = 50, 100
#: The fixed clock (seconds) by which fifty jobs are looked at as often as they can be without a 429.
FASTEST = 30.01
#: Seconds that an answer takes.
_TRIP = 0.1


class Server:
    """Answers so many requests in any minute, and 429 to all others; a task's end is seen by a look after it."""

    def __init__(self) -> None:
        self.refused = 0
        self._sent: deque[float] = deque()

    async def ask(self) -> bool:
        """Whether a request was answered."""
        now = asyncio.get_running_loop().time()
        while self._sent and self._sent[0] <= now - 60.0:
            self._sent.popleft()
        answered = len(self._sent) < PER_MINUTE
        if answered:
            self._sent.append(now)
        else:
            self.refused += 1
        await asyncio.sleep(_TRIP)
        return answered


#: A job from its submit on: tells how late its end was noticed, and how often it has asked for it.
Job = Callable[[Server, float], Awaitable[tuple[float, int]]]


def crowd(kind: Kind, begin: Callable[[Kind], Job]) -> tuple[Found, int]:
    """What is found of all tasks, fifty at a time, and how many requests were refused."""
    refused = 0
    found: list[tuple[float, int]] = []
    for start in range(0, len(kind.times), JOBS):
        server = Server()
        found += virtual_time.run(_together(server, kind, begin, kind.times[start : start + JOBS]))
        refused += server.refused
    delays = [delay for delay, _ in found]
    polls = sum(count for _, count in found) / len(found)
    return Found(statistics.fmean(delays), statistics.quantiles(delays, n=20)[-1], polls), refused


async def _together(
    server: Server, kind: Kind, begin: Callable[[Kind], Job], times: Sequence[float]
) -> list[tuple[float, int]]:
    job = begin(kind)
    return list(await asyncio.gather(*(job(server, takes) for takes in times)))


def clocked(rule: Callable[[], Iterator[float]]) -> Callable[[Kind], Job]:
    """Jobs that look by a fixed rule, each for itself; one that is refused goes on as if nothing were."""

    async def job(server: Server, takes: float) -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        while not await server.ask():  # noqa: ASYNC110 - nobody will tell it that there is room
            await asyncio.sleep(1.0)
        began = loop.time()
        for number, age in enumerate(rule(), 1):
            await asyncio.sleep(began + age - loop.time())
            asked = loop.time() - began
            if await server.ask() and asked >= takes:
                return asked - takes, number
        raise AssertionError("a rule has no end")

    return lambda _: job


def shared(kind: Kind) -> Job:
    """Jobs as a kernel has them: the policy for each of them, and one price and one way out for all."""
    return _Limits(kind).job


class _Limits:
    """What the jobs of one account share; `happyhorse_nb.limits.account` has a ledger and a client besides."""

    def __init__(self, kind: Kind) -> None:
        self._estimate = kind.estimate
        self._loop = asyncio.get_running_loop()
        self._limiter = RateLimiter(Rate(lambda: PER_MINUTE, self._loop.time), self._loop.time)
        self._scheduler = Scheduler(self._limiter)
        #: When each task that runs was accepted.
        self._running: dict[object, float] = {}
        self._loop.call_later(1.0, self._tick)

    async def job(self, server: Server, takes: float) -> tuple[float, int]:
        await self._scheduler.take()
        await server.ask()
        began, last, polls, me = self._loop.time(), 0.0, 0, object()
        self._running[me] = began

        def age() -> float:
            return self._loop.time() - began

        def urgency() -> float:
            return polling.urgency(polling.seen(self._estimate, polling.State(last)), age() - last)

        while True:
            await asyncio.sleep(polling.next_gap(self._estimate, polling.State(age()), self._scheduler.price))
            await self._scheduler.take(urgency)
            asked = age()
            polls += 1
            if await server.ask():
                if asked >= takes:
                    del self._running[me]
                    return asked - takes, polls
                last = age()

    def _tick(self) -> None:
        now = self._loop.time()
        hazards = (polling.hazard(self._estimate, polling.State(now - began)) for began in self._running.values())
        self._scheduler.tick(polling.price(hazards, self._limiter.share))
        self._loop.call_later(1.0, self._tick)
