"""First frames given as an address, fetched from a server on loopback."""

from __future__ import annotations

import socket

import pytest

from sandbox.calls import Caller
from sandbox.conftest import Host


async def test_a_picture_is_fetched_once_from_where_it_was_moved_to(caller: Caller, host: Host) -> None:
    data = await caller.over(await caller.accepted(host.origin + "/away"))
    assert data["status"] == "success"
    assert data["result"]["resources"][0]["width"] == 1176
    assert host.asked == ["/away", "/picture.jpg"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/small.png", "200 x 200"),
        ("/page", "cannot be read"),
        ("/secret", "answers 403"),
        ("/round", "redirects"),
        ("/file", "not http(s)"),
        ("/huge", "larger than 10 MB"),
        ("/cut", "does not answer as it should"),
    ],
)
async def test_what_cannot_be_had_fails_the_task(caller: Caller, host: Host, path: str, words: str) -> None:
    data = await caller.over(await caller.accepted(f"{host.origin}{path}?signature=secret"))
    assert data["status"] == "failed"
    assert words in data["error"]["message"]
    assert "signature" not in data["error"]["message"]


async def test_nobody_there(caller: Caller) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        data = await caller.over(await caller.accepted(f"http://127.0.0.1:{closed.getsockname()[1]}/picture.jpg"))
    assert "no connection to 127.0.0.1" in data["error"]["message"]
