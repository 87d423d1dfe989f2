"""Writing a file beside the event loop, while the next bytes of it are on their way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import BinaryIO

from happyhorse_nb.client.aside import at_disk
from happyhorse_nb.settings import bring_to_disk

#: Bytes that are written at once. Fewer would cost more in handing over than in writing.
_BATCH = 4 * 1024 * 1024
#: Seconds after which fewer are, so that what came over a slow line is on disk when it is cut.
_SOON = 0.25


class Behind:
    """Takes what comes for a file, and has a thread write it; at most two batches are in memory.

    Raises OSError, for what was handed over before, at any later call. ``sync`` waits until the file behind a
    descriptor is on the disk.
    """

    def __init__(self, file: BinaryIO, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._file = file
        self._sync = sync
        self._pieces: list[bytes] = []
        self._size = 0
        self._since = time.monotonic()
        self._writing: asyncio.Future[None] | None = None

    async def put(self, piece: bytes) -> bool:
        """Add a piece. Says whether a batch was handed over with it."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size < _BATCH and time.monotonic() - self._since < _SOON:
            return False
        await self._hand_over()
        return True

    async def end(self, *, sync: bool = False) -> None:
        """Wait until all of it is written; with ``sync``, until it is on the disk itself."""
        await self._written()
        if self._pieces or sync:
            pieces, self._pieces = self._pieces, []
            await at_disk(self._write, pieces, sync)

    async def _hand_over(self) -> None:
        await self._written()
        pieces, self._pieces, self._size, self._since = self._pieces, [], 0, time.monotonic()
        self._writing = asyncio.ensure_future(at_disk(self._write, pieces))

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def _write(self, pieces: list[bytes], sync: bool = False) -> None:
        self._file.writelines(pieces)
        self._file.flush()
        if sync:
            bring_to_disk(self._file.fileno(), self._sync)
