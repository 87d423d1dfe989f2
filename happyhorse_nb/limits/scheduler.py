"""Whose request is the next to leave: submits before reads, and of the reads the one that shortens waiting most.

Lives on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from happyhorse_nb import polling
from happyhorse_nb.limits.rate_limiter import RateLimiter

#: Seconds after which the order of the reads that wait is made anew: how urgent they are changes slowly.
_STALE = 0.5

#: How much waiting a read saves if it leaves now; the one with the most is the next.
Urgency = Callable[[], float]


@dataclass(eq=False)
class _Waiting:
    """A request that waits for its turn."""

    turn: asyncio.Future[None]
    urgency: Urgency | None


class Scheduler:
    """The one way out for all requests of an account."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter
        #: Seconds of waiting that are worth one request now.
        self.price = polling.PATIENCE
        self._submits: deque[_Waiting] = deque()
        #: Sorted, the most urgent last; and those that came since.
        self._reads: list[_Waiting] = []
        self._new: list[_Waiting] = []
        self._sorted = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, urgency: Urgency | None = None) -> None:
        """Wait until one more request may leave; a submit where nothing is said of how urgent it is."""
        ahead = bool(self._submits) or (urgency is not None and bool(self._reads or self._new))
        if not ahead and self.limiter.wait(submit=urgency is None) <= 0 and self._worth(urgency):
            self.limiter.take(submit=urgency is None)
            return
        mine = _Waiting(asyncio.get_running_loop().create_future(), urgency)
        (self._submits if urgency is None else self._new).append(mine)
        self.pump()
        try:
            await mine.turn
        except asyncio.CancelledError:
            self._drop(mine)
            raise

    def tick(self, price: float) -> None:
        """About once a second: what a request is worth now. Whoever had better not leave before may leave then."""
        self.price = price
        if self._submits or self._reads or self._new:
            self.pump()

    def wake(self) -> None:
        """Let go who was told to wait."""
        self.limiter.resume()
        self.pump()

    def pump(self) -> None:
        """Let go who may go now; come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.limiter.wanted = len(self._submits) + len(self._reads) + len(self._new)
        later: list[float] = []
        for submit in (True, False):
            while self._waits(submit):
                wait = self.limiter.wait(submit=submit)
                if wait > 0:
                    later.append(wait)
                    break
                first = self._next(submit)
                if first.turn.done():
                    # Cancelled at this instant, and about to be taken out.
                    continue
                if not self._worth(first.urgency):
                    self._reads.append(first)
                    later.append(_STALE)
                    break
                self.limiter.take(submit=submit)
                first.turn.set_result(None)
        if later:
            self._timer = asyncio.get_running_loop().call_later(min(later), self.pump)

    def _worth(self, urgency: Urgency | None) -> bool:
        """Whether a request may leave now, or had better leave what there is to others that will save more waiting."""
        bar = polling.bar(self.price, self.limiter.free)
        return urgency is None or bar <= 0 or urgency() >= bar

    def _waits(self, submit: bool) -> bool:
        return bool(self._submits if submit else self._reads or self._new)

    def _next(self, submit: bool) -> _Waiting:
        if submit:
            return self._submits.popleft()
        now = asyncio.get_running_loop().time()
        if not self._reads or now - self._sorted > _STALE:
            self._reads += self._new
            self._new = []
            self._reads.sort(key=_urgency)
            self._sorted = now
        return self._reads.pop()

    def _drop(self, mine: _Waiting) -> None:
        for line in (self._submits, self._reads, self._new):
            if mine in line:
                line.remove(mine)
                return
        # Its turn had come at that instant. The request is counted, and does not leave: the safe side.


def _urgency(waiting: _Waiting) -> float:
    return waiting.urgency() if waiting.urgency is not None else 0.0
