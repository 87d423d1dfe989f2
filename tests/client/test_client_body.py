"""A first frame goes out byte for byte, again after a refusal, and is never in memory as a whole text."""

from __future__ import annotations

import asyncio
import base64
import io
import random
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb import Client
from happyhorse_nb.client.body import Body, Flight
from support.fake_server import KEY, Cut, Do, FakeServer, Say


def heavy(megabytes: float) -> bytes:
    """A PNG that cannot be packed, of about this size."""
    side = int((megabytes * 1024**2 / 3) ** 0.5)
    pixels = random.Random(7).randbytes(side * side * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(out, "PNG", compress_level=0)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 192 * 1024, 192 * 1024 + 1, 3 * 72 * 1024, 3 * 72 * 1024 + 1, 500_000])
async def test_the_pieces_are_the_whole_and_as_long_as_was_told(size: int) -> None:
    data = random.Random(size).randbytes(size)
    body = Body((b'{"a": "', b'"}'), (data,))
    for _ in range(2):
        whole = b"".join([piece async for piece in body.pieces(Flight())])
        assert whole == b'{"a": "' + base64.b64encode(data) + b'"}'
        assert len(whole) == body.size


async def test_a_heavy_first_frame_arrives_byte_for_byte_with_its_length_told(
    client: Client, fake_server: FakeServer
) -> None:
    picture = heavy(5)
    fake_server.script("submit", Say(429), Do())
    with pytest.raises(hh.RateLimited):
        await client.submit(picture, "p")
    await client.submit(picture, "p")
    for request in fake_server.of("submit"):
        assert "Transfer-Encoding" not in request.headers
        assert int(request.headers["Content-Length"]) == len(request.body)
        assert base64.b64decode(request.json["first_frame_image"].partition(",")[2]) == picture
        assert request.json["prompt"] == "p"


async def test_it_is_whole_at_the_address_without_the_suffix_too(client: Client, fake_server: FakeServer) -> None:
    picture = heavy(2)
    fake_server.without_suffix = True
    await client.submit(picture)
    first, second = fake_server.of("submit")
    assert first.body == second.body
    assert base64.b64decode(second.json["first_frame_image"].partition(",")[2]) == picture


@asynccontextmanager
async def hangs_up(after: int) -> AsyncIterator[str]:
    """A server that reads so many bytes of a request, then drops the connection without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(after)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("after", [1, 2000, 1_000_000])
async def test_a_connection_that_drops_in_the_middle_of_it_has_brought_no_request(after: int) -> None:
    async with hangs_up(after) as origin, Client(KEY, origin) as client:
        with pytest.raises(hh.NotSent, match="only a part of the request was sent") as caught:
            await client.submit(heavy(3), "p")
        assert caught.value.begun


async def test_a_server_that_hangs_up_before_it_has_read_all_of_it_is_asked_once(
    client: Client, fake_server: FakeServer
) -> None:
    fake_server.script("submit", Do(cut=Cut.BEFORE_READING))
    with pytest.raises(hh.NotSent):
        await client.submit(heavy(3), "p")
    assert fake_server.paid == 1


@asynccontextmanager
async def swallows() -> AsyncIterator[str]:
    """A server that reads a request and keeps nothing of it, then accepts."""
    answer = b'{"code": 0, "data": {"status": "pending", "task_id": "task-1"}}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        left = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while left:
            left -= len(await reader.read(min(left, 65536)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_sending_it_takes_little_memory_beside_its_bytes() -> None:
    picture = heavy(9.5)
    async with swallows() as origin, Client(KEY, origin) as client:
        await client.submit(heavy(0.5), "what is imported or made once is not counted")
        tracemalloc.start()
        try:
            await client.submit(picture, "p")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # The base64 alone, made at once, would be 4/3 of it. (Pixels are not counted here: Pillow's memory is its own.)
    assert peak < len(picture) / 3
