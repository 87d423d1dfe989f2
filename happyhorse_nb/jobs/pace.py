"""One rate of requests for all jobs, as the account allows. Lives on the owned loop."""

from __future__ import annotations

from collections.abc import Callable

from aiolimiter import AsyncLimiter

_MINUTE = 60.0


class Pace:
    """Lets so many requests a minute through; ``per_minute`` is asked each time: a changed setting counts at once."""

    def __init__(self, per_minute: Callable[[], int]) -> None:
        self._per_minute = per_minute
        self._limiter: AsyncLimiter | None = None

    async def take(self) -> None:
        """Wait until one more request may leave."""
        rate = self._per_minute()
        if self._limiter is None or self._limiter.max_rate != rate:
            # Made here, inside the loop that uses it: a limiter belongs to one loop.
            self._limiter = AsyncLimiter(rate, _MINUTE)
        await self._limiter.acquire()
