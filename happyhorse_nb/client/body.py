"""The body of a paid request: JSON with a picture in it, written out piece by piece while it is sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from happyhorse_nb.client.flight import Flight

#: Bytes that become one piece; a multiple of three, so that only the last piece has padding. As text it is more than
#: the 64 KiB from which on aiohttp waits until the socket has taken a piece before it asks for the next one.
_PIECE = 72 * 1024
#: Bytes that are one piece all the same: the system takes them at once, however slow the line.
_AT_ONCE = 192 * 1024


@dataclass(frozen=True)
class Body:
    """JSON up to where the base64 of ``data`` begins, the bytes themselves, and the JSON behind them.

    A picture of 10 MB is never there as text: it would be in memory once for every step from bytes to a request.
    """

    head: bytes = field(repr=False)
    data: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes the pieces have together."""
        return len(self.head) + 4 * ((len(self.data) + 2) // 3) + len(self.tail)

    async def pieces(self, flight: Flight) -> AsyncIterator[bytes]:
        """All of it from the start, each time it is asked for; ``flight`` hears how far it has come."""
        if len(self.data) <= _AT_ONCE:
            # As one: each piece of its own is a write to the socket.
            flight.ends()
            yield self.head + base64.b64encode(self.data) + self.tail
            return
        flight.moves()
        yield self.head
        view = memoryview(self.data)
        for start in range(0, len(view), _PIECE):
            flight.moves()
            yield base64.b64encode(view[start : start + _PIECE])
        flight.ends()
        yield self.tail
