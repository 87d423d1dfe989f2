"""How far a paid request has come, and how long it may stand still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Seconds that each step of a paid request may take; with them it ends, however dead or slow the line is.

    ``connect``: until there is a connection, through proxy and TLS. ``stall``: in which not one piece of the upload
    gets on; a line of 2 kB/s is not given up. ``answer``: from the last byte's leaving to the whole head of the answer,
    however it dribbles; the outcome is not known then, so it is generous. ``rest``: for the answer's body.
    """

    connect: float = 60.0
    stall: float = 60.0
    answer: float = 120.0
    rest: float = 30.0


class Flight:
    """One paid request on its way. Lives on the loop that sends it.

    ``left``: a byte of it may have left. ``whole``: the server may have all of it, or has begun to answer. Before that
    it cannot have accepted anything: the length that it was told has not come, and what has come is no JSON.
    """

    def __init__(self) -> None:
        self.left = self.whole = False
        self._patience = Patience()
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def watched(self, patience: Patience) -> AsyncIterator[None]:
        """Send it within, from the start. Raises TimeoutError where it stands still for too long."""
        self.left = self.whole = False
        self._patience = patience
        try:
            async with asyncio.timeout(patience.connect) as self._limit:
                yield
        finally:
            self._limit = None

    def moves(self) -> None:
        """A piece of it is on its way, and more are to come."""
        self._within(self._patience.stall)

    def ends(self) -> None:
        """Its last byte leaves now."""
        self._within(self._patience.answer)
        self.whole = True

    def answered(self) -> None:
        """The head of the answer is here, also of one that does not wait for all of the request."""
        self.whole = True
        if self._limit is not None:
            self._limit.reschedule(self._now() + self._patience.rest)

    def _within(self, seconds: float) -> None:
        # What is still sent once the answer has begun gives that no more time.
        if self._limit is not None and not self.whole:
            self._limit.reschedule(self._now() + seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
