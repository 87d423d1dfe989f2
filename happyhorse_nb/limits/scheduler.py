"""Which request leaves next: submits before reads, and the read first that saves most waiting. On the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from happyhorse_nb import polling
from happyhorse_nb.limits.rate_limiter import RateLimiter

#: Seconds after which waiting reads are sorted anew; how urgent they are changes slowly.
_STALE = 0.5

#: The seconds of waiting that a read saves if it leaves now; the greatest goes first.
Urgency = Callable[[], float]


@dataclass(eq=False)
class _Waiting:
    """A request that waits for its turn."""

    turn: asyncio.Future[None]
    urgency: Urgency | None


class Scheduler:
    """Lets all requests of an account through, one after the other."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter
        #: Seconds of waiting that are worth one request now.
        self.price = polling.PATIENCE
        self._submits: deque[_Waiting] = deque()
        #: Sorted, the most urgent last; and those that have come since.
        self._reads: list[_Waiting] = []
        self._new: list[_Waiting] = []
        self._sorted = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, urgency: Urgency | None = None) -> None:
        """Wait until one more request may leave; without an urgency it is a submit."""
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
        """Set what a request is worth, about once a second; reads that were not worth one may be now."""
        self.price = price
        if self._submits or self._reads or self._new:
            self.pump()

    def wake(self) -> None:
        """Let go all who were told to wait."""
        self.limiter.resume()
        self.pump()

    def pump(self) -> None:
        """Let go all who may go now; come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.limiter.wanted = len(self._submits) + len(self._reads) + len(self._new)
        later: list[float] = []
        for submit in (True, False):
            while self._submits if submit else self._reads or self._new:
                wait = self.limiter.wait(submit=submit)
                if wait > 0:
                    later.append(wait)
                    break
                first = self._next(submit)
                if first.turn.done():
                    # Cancelled just now, and about to be removed.
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
        """Whether a request may leave, or should be left to others that save more waiting."""
        bar = polling.bar(self.price, self.limiter.free)
        return urgency is None or bar <= 0 or urgency() >= bar

    def _next(self, submit: bool) -> _Waiting:
        if submit:
            return self._submits.popleft()
        now = asyncio.get_running_loop().time()
        if not self._reads or now - self._sorted > _STALE:
            self._reads += self._new
            self._new = []
            self._reads.sort(key=lambda waiting: waiting.urgency() if waiting.urgency is not None else 0.0)
            self._sorted = now
        return self._reads.pop()

    def _drop(self, mine: _Waiting) -> None:
        for line in (self._submits, self._reads, self._new):
            if mine in line:
                line.remove(mine)
                return
        # Its turn has come just now. The request counts but does not leave, which is the safe side.
