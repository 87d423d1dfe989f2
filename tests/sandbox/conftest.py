"""A sandbox that takes no longer than it must, and somebody who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from happyhorse_nb.sandbox import Sandbox, SandboxOptions
from sandbox.calls import PICTURE, Caller, encoded, picture

Running = Callable[[SandboxOptions], AbstractAsyncContextManager[Caller]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def running(folder: Path, session: aiohttp.ClientSession) -> Running:
    """Runs a sandbox with other options, on the same folder each time."""

    @asynccontextmanager
    async def run(options: SandboxOptions) -> AsyncIterator[Caller]:
        async with Sandbox(folder, options) as sandbox:
            yield Caller(session, sandbox.origin)

    return run


@pytest.fixture
async def caller(running: Running) -> AsyncIterator[Caller]:
    """The one most tests use: a task is over as soon as it is rendered."""
    async with running(SandboxOptions(seconds=0.2)) as caller:
        yield caller


class Host:
    """Serves pictures, and things that are none."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[str] = []
        self.files: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.files:
            return web.Response(body=self.files[request.path])
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
