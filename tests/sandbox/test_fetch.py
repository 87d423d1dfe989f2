"""First frames given as an address, fetched from a server on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sandbox.calls import PICTURE, Caller, encoded, picture


class Host:
    """Serves pictures, and things that are none."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        match request.path:
            case "/picture.jpg":
                return web.Response(body=PICTURE, content_type="image/jpeg")
            case "/small.png":
                return web.Response(body=encoded(picture(200, 200), "PNG"))
            case "/page":
                return web.Response(text="<html>", content_type="text/html")
            case "/away":
                raise web.HTTPFound("/picture.jpg")
            case "/round":
                raise web.HTTPFound("/round")
            case "/file":
                return web.Response(status=302, headers={"Location": "file:///etc/hostname"})
            case "/huge":
                return await self.huge(request)
            case "/cut":
                return await self.cut(request)
        raise web.HTTPForbidden

    async def huge(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            # Without a length, and without an end.
            while True:
                await response.write(bytes(1024 * 1024))
        except ConnectionError:
            return response

    async def cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(PICTURE))})
        await response.prepare(request)
        await response.write(PICTURE[:1000])
        assert request.transport is not None
        request.transport.close()
        return response


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    app = web.Application()
    app.router.add_get("/{path:.*}", host.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


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
