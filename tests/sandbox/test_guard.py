"""Whom the sandbox answers: only who asks for this machine by name, in whatever form the request is written."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.calls import Caller

PATH = "/api/v1/models"
HEAD = "Authorization: Bearer k\r\nConnection: close\r\n\r\n"


async def status(caller: Caller, request: str) -> int:
    """The status of the answer to a request that is sent byte for byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.origin.rpartition(":")[2]))
    try:
        writer.write(request.encode())
        line = (await reader.readline()).split()
    finally:
        writer.close()
    return int(line[1])


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:65535"])
async def test_this_machine_by_its_name_is_answered(caller: Caller, host: str) -> None:
    for version in ("1.1", "1.0"):
        for target in (PATH, f"http://{host}{PATH}"):
            assert await status(caller, f"GET {target} HTTP/{version}\r\nHost: {host}\r\n{HEAD}") == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "rebound.example",
        "rebound.example:80",
        # Not spelt as a browser or a client spells them.
        "LOCALHOST",
        "localhost.",
        "localhost:",
        "localhost:x",
        "localhost:-1",
        "localhost:80:80",
        "localho\N{LATIN SMALL LETTER LONG S}t",
        "[::1",
        "::1",
        "[::ffff:127.0.0.1]",
        "127.1",
        "127.0.0.2",
        "2130706433",
        "0.0.0.0",
        # With another name in it.
        "rebound.example@localhost",
        "localhost@rebound.example",
        "localhost.rebound.example",
        "localhost, rebound.example",
        "localhost rebound.example",
        "localhost;rebound.example",
        "rebound.example#localhost",
    ],
)
async def test_any_other_name_is_refused(caller: Caller, host: str) -> None:
    for version in ("1.1", "1.0"):
        assert await status(caller, f"GET {PATH} HTTP/{version}\r\nHost: {host}\r\n{HEAD}") in (400, 403)
    assert await status(caller, f"GET http://{host}{PATH} HTTP/1.1\r\nHost: localhost\r\n{HEAD}") in (400, 403)


@pytest.mark.parametrize(
    "request_head",
    [
        f"GET {PATH} HTTP/1.0\r\n",
        f"GET {PATH} HTTP/1.1\r\n",
        f"GET http://localhost{PATH} HTTP/1.0\r\n",
        f"GET http://localhost{PATH} HTTP/1.1\r\nHost: rebound.example\r\n",
        f"GET https://localhost{PATH} HTTP/1.1\r\nHost: localhost\r\n",
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n",
        f"GET {PATH} HTTP/1.0\r\nHost: rebound.example\r\nhost: localhost\r\n",
        f"GET {PATH} HTTP/1.1\r\nHost: rebound.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n",
        "GET /files/token/task-1.mp4 HTTP/1.1\r\nHost: rebound.example\r\n",
        "GET /nothing HTTP/1.1\r\nHost: rebound.example\r\n",
    ],
)
async def test_a_request_that_names_nobody_or_two_is_refused(caller: Caller, request_head: str) -> None:
    assert await status(caller, request_head + HEAD) in (400, 403)
