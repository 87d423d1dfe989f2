"""The body of a paid request, and how much of it has left."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


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


#: Bytes that become one piece; a multiple of three, so that only the last piece has padding. As text it is more than
#: the 64 KiB from which on aiohttp waits until the socket has taken a piece before it asks for the next one.
_PIECE = 72 * 1024
#: Bytes that are one piece all the same: the system takes them at once, however slow the line.
_AT_ONCE = 192 * 1024


@dataclass(frozen=True)
class Body:
    """JSON in pieces, between two of which the base64 of the bytes in ``data`` stands.

    A picture of 10 MB is never there as text: it would be in memory once for every step from bytes to a request.
    """

    json: tuple[bytes, ...] = field(repr=False)
    data: tuple[bytes, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes the pieces have together."""
        return sum(map(len, self.json)) + sum(4 * ((len(data) + 2) // 3) for data in self.data)

    async def pieces(self, flight: Flight) -> AsyncIterator[bytes]:
        """All of it from the start, each time it is asked for; ``flight`` hears how far it has come."""
        *heads, tail = self.json
        if sum(map(len, self.data)) <= _AT_ONCE:
            # As one: each piece of its own is a write to the socket.
            flight.ends()
            whole = (head + base64.b64encode(data) for head, data in zip(heads, self.data, strict=True))
            yield b"".join(whole) + tail
            return
        for head, data in zip(heads, self.data, strict=True):
            flight.moves()
            yield head
            view = memoryview(data)
            for start in range(0, len(view), _PIECE):
                flight.moves()
                yield base64.b64encode(view[start : start + _PIECE])
        flight.ends()
        yield tail
