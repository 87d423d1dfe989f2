"""A raw server on loopback that reads as slowly as a test likes, for what no HTTP server would do to a request."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

#: What a server says that has accepted a task.
ACCEPTED = {"code": 0, "message": "success", "data": {"task_id": "task-raw0001", "status": "pending"}}


class Line:
    """One connection, from the server's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.got = 0
        #: How many bytes of body are told; None until the head is there.
        self.told: int | None = None

    async def head(self) -> None:
        """Read the request's head."""
        raw = await self._reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", raw.lower())
        self.told = int(found[1]) if found else 0

    async def read(self, count: int | None = None, *, pace: float = 0.0) -> None:
        """Read so much of the body, or all of it, with pauses of so many seconds between the pieces."""
        assert self.told is not None, "the head comes first"
        until = self.told if count is None else self.got + count
        while self.got < until:
            piece = await self._reader.read(min(64 * 1024, until - self.got))
            if not piece:
                raise ConnectionResetError
            self.got += len(piece)
            await asyncio.sleep(pace)

    async def say(self, status: int, body: object = None, *, version: str = "1.1", more: str = "") -> None:
        """Answer."""
        raw = json.dumps(body if body is not None else {"code": status, "message": "Raw: as the test asked"}).encode()
        length = f"Content-Length: {len(raw)}\r\n" if version == "1.1" else ""
        await self.send(
            f"HTTP/{version} {status} X\r\nContent-Type: application/json\r\n{length}{more}\r\n".encode() + raw
        )

    async def send(self, raw: bytes) -> None:
        """Send just these bytes."""
        self._writer.write(raw)
        await self._writer.drain()

    async def gone(self) -> None:
        """Wait until the other end has hung up, reading nothing of what may still come."""
        while not self._writer.is_closing():
            # A dead peer is seen when something is written or read, and nothing is to be read here.
            sock = self._writer.get_extra_info("socket")
            state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if state != 1:
                return
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Hang up politely."""
        self._writer.close()

    def reset(self) -> None:
        """Hang up at once, and throw away what is on its way."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@asynccontextmanager
async def raw_server(answer: Callable[[Line], Awaitable[None]]) -> AsyncIterator[tuple[str, list[Line]]]:
    """Its origin, and the connections that have come. ``answer`` is called with each."""
    lines: list[Line] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        lines.append(Line(reader, writer))
        try:
            await answer(lines[-1])
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    door = socket.socket()
    # Small, so that what the server has not read is not far from its sender.
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    door.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=door, limit=64 * 1024)
    async with server:
        yield f"http://127.0.0.1:{door.getsockname()[1]}", lines
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
