"""The body of a paid request: JSON with a picture in it, written out piece by piece while it is sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

#: Bytes that become one piece; a multiple of three, so that only the last piece has padding. A piece of this size takes
#: a fraction of a millisecond, and a socket takes it at once.
_PIECE = 192 * 1024


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

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it from the start, each time it is asked for."""
        if len(self.data) <= _PIECE:
            # As one: each piece of its own is a write to the socket.
            yield self.head + base64.b64encode(self.data) + self.tail
            return
        yield self.head
        view = memoryview(self.data)
        for start in range(0, len(view), _PIECE):
            yield base64.b64encode(view[start : start + _PIECE])
        yield self.tail
