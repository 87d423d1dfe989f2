"""The body of a request that is sent once, and how much of it has left."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Patience:
    """The most seconds that each step of a paid request may take, so that it ends however dead or slow the line is.

    ``connect``: until there is a connection, through proxy and TLS. ``stall``: without any progress of the upload.
    ``answer``: from the last byte's leaving to the whole head of the answer; generous, as the outcome is not known
    after it. ``rest``: for the answer's body.
    """

    connect: float = 60.0
    stall: float = 60.0
    answer: float = 120.0
    rest: float = 30.0


class Flight:
    """One paid request on its way, on the loop that sends it.

    ``left``: a byte of it may have left. ``whole``: the server may have all of it, or has begun to answer. Before that
    it cannot have accepted anything, as what has come is shorter than its stated length, and no JSON.
    """

    def __init__(self) -> None:
        self.left = self.whole = False
        self._patience = Patience()
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def watched(self, patience: Patience) -> AsyncIterator[None]:
        """Send the request within this block. Raises TimeoutError where a step takes too long."""
        self.left = self.whole = False
        self._patience = patience
        try:
            async with asyncio.timeout(patience.connect) as self._limit:
                yield
        finally:
            self._limit = None

    def moves(self) -> None:
        """A piece leaves, and more follow."""
        self._within(self._patience.stall)

    def ends(self) -> None:
        """The last byte leaves."""
        self._within(self._patience.answer)
        self.whole = True

    def answered(self) -> None:
        """The head of the answer is here, perhaps before all of the request has left."""
        self.whole = True
        if self._limit is not None:
            self._limit.reschedule(self._now() + self._patience.rest)

    def _within(self, seconds: float) -> None:
        # What is still sent after the answer has begun does not extend its time.
        if self._limit is not None and not self.whole:
            self._limit.reschedule(self._now() + seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Load(Protocol):
    """What a request carries."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    @property
    def media_type(self) -> str:
        """Its ``Content-Type``."""

    def pieces(self, flight: Flight) -> AsyncIterator[bytes]:
        """All of it from its start; ``flight`` is told how far it has come."""


#: Bytes in one piece; a multiple of three, so that only the last piece has padding. Its base64 exceeds the 64 KiB from
#: which on aiohttp waits for the socket before it asks for the next piece.
_PIECE = 72 * 1024
#: Up to so many bytes go in one piece, which the system takes at once however slow the line is.
_AT_ONCE = 192 * 1024


@dataclass(frozen=True)
class Body:
    """JSON in pieces, with the base64 of one of ``data`` after each piece but the last.

    So a picture of 10 MB is never in memory as text, once for each step to a request.
    """

    json: tuple[bytes, ...] = field(repr=False)
    data: tuple[bytes, ...] = field(repr=False)

    @property
    def media_type(self) -> str:
        """Its ``Content-Type``."""
        return "application/json"

    @property
    def size(self) -> int:
        """Length of the whole body in bytes."""
        return sum(map(len, self.json)) + sum(4 * ((len(data) + 2) // 3) for data in self.data)

    async def pieces(self, flight: Flight) -> AsyncIterator[bytes]:
        """The whole body from its start; ``flight`` is told how far it has come."""
        *heads, tail = self.json
        if sum(map(len, self.data)) <= _AT_ONCE:
            # In one piece, as each is a write to the socket.
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
