"""A server that cannot be reached is said to be so with the address that was tried, and nothing else of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client
from support.fake_server import KEY, refused_origin
from support.tls import contexts


@asynccontextmanager
async def secure(tls: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that nobody here trusts."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def said(origin: str) -> str:
    async with Client(KEY, origin) as client:
        with pytest.raises(hh.NotSent) as caught:
            await client.read("task-1")
    assert KEY not in str(caught.value)
    assert "task-1" not in str(caught.value)
    return str(caught.value)


async def test_a_refused_connection_names_the_address_that_was_tried() -> None:
    origin = refused_origin()
    assert await said(origin) == f"nothing was sent: {origin.removeprefix('http://')} refuses the connection"


async def test_a_certificate_of_an_authority_that_is_not_known_is_called_that_with_the_remedy() -> None:
    async with secure(contexts("localhost")[0]) as port:
        words = await said(f"https://localhost:{port}")
    assert f"the certificate of localhost:{port} is not trusted: self" in words
    assert "set SSL_CERT_FILE to the file with its certificate before Python starts" in words
