"""The sandbox's server: errors in the API's format, who is let in, start and stop."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from happyhorse_nb.errors import ConfigError, HappyHorseError
from happyhorse_nb.sandbox.answers import Refusal, Throttle, error
from happyhorse_nb.sandbox.media import MediaRoutes, MediaStore
from happyhorse_nb.sandbox.options import SandboxOptions
from happyhorse_nb.sandbox.request import MAX_BODY
from happyhorse_nb.sandbox.routes import Routes
from happyhorse_nb.sandbox.sources import Links
from happyhorse_nb.sandbox.store import TaskStore
from happyhorse_nb.sandbox.studio import Studio

_log = logging.getLogger(__name__)

_WORDS = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is larger than any request that could be accepted",
}
#: The only spellings that are accepted.
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_WHOLE_ADDRESS = re.compile(r"http://([^/?#]*)")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every error the API's format, aiohttp's own too."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return error(refusal.status, refusal.detail, refusal.headers)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        headers = {name: value for name, value in answer.headers.items() if name in ("Allow", "Content-Range")}
        return error(answer.status, _WORDS.get(answer.status, answer.reason.lower()), headers)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the caller gets an answer in the API's format
        _log.exception("%s %s", request.method, request.path)
        return error(500, f"the sandbox could not answer: {type(problem).__name__}")


def gate(throttle: Throttle) -> Middleware:
    """Accept requests on loopback with a key, as often as the limit allows."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A web page whose name points at this machine (DNS rebinding) sends its own name as the host.
        if not all(_LOOPBACK.fullmatch(host) for host in _hosts(request)):
            raise Refusal(403, "the sandbox answers on loopback only")
        if not request.path.startswith("/api/"):
            return await handler(request)
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(401, "send a key as 'Authorization: Bearer KEY'; the sandbox takes any")
        allowed, headers = throttle.take(time.time())
        if not allowed:
            raise Refusal(429, "too many requests in the last minute; wait as Retry-After says", headers)
        try:
            answer = await handler(request)
        except Refusal as refusal:
            refusal.headers = {**headers, **refusal.headers}
            raise
        answer.headers.update(headers)
        return answer

    return middleware


def _hosts(request: web.Request) -> list[str]:
    """Every host that a request names; an empty text where it names none, or in another form."""
    hosts = request.headers.getall(hdrs.HOST, [""])
    # The raw path: a request to a proxy has a whole address there, and others have no path at all.
    if not request.raw_path.startswith("/"):
        whole = _WHOLE_ADDRESS.match(request.raw_path)
        hosts = [*hosts, whole[1] if whole else ""]
    return hosts


_HOST = "127.0.0.1"
_SWEEP_EVERY = 3600.0


class Sandbox:
    """A sandbox in the caller's event loop; use it with ``async with``.

    Its tasks lie in ``folder``, where the next sandbox goes on with them. ``port`` 0 is any free one.
    """

    def __init__(self, folder: str | os.PathLike[str], options: SandboxOptions | None = None, *, port: int = 0) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._options = options or SandboxOptions()
        self._port = port
        self._stack: AsyncExitStack | None = None

    @property
    def origin(self) -> str:
        """Where it answers, such as ``http://127.0.0.1:40123``. Raises `HappyHorseError` while it does not run."""
        if self._stack is None:
            raise HappyHorseError("the sandbox is not running")
        return f"http://{_HOST}:{self._port}"

    async def start(self) -> None:
        """Start to answer. Raises `ConfigError` when the folder or the port cannot be used."""
        try:
            store = TaskStore(self._folder, keep=self._options.keep)
            media = MediaStore(self._folder, keep=self._options.keep)
        except OSError as problem:
            raise ConfigError(f"the sandbox cannot use the folder {self._folder}: {problem.strerror}") from None
        links = Links(store, media)
        studio = Studio(store, links, self._options)
        app = web.Application(
            middlewares=[errors, gate(Throttle(self._options.requests_per_minute))], client_max_size=MAX_BODY
        )
        routes = Routes(store, links, studio, self._options)
        app.add_routes([*MediaRoutes(media).table(), *routes.table()])
        app.on_shutdown.append(routes.release)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, _HOST, self._port).start()
        except (OSError, OverflowError) as problem:
            await runner.cleanup()
            number = problem.errno if isinstance(problem, OSError) else None
            reason = os.strerror(number).lower() if number else "ports go from 1 to 65535"
            raise ConfigError(
                f"the sandbox cannot use port {self._port}: {reason}", remedy="Without one it takes any."
            ) from None
        self._port = int(runner.addresses[0][1])
        self._stack = AsyncExitStack()
        self._stack.push_async_callback(studio.close)
        self._stack.push_async_callback(runner.cleanup)
        for task in await asyncio.to_thread(lambda: list(store.all())):
            if task.ended is None:
                studio.take(task.id)
        self._stack.push_async_callback(_end, asyncio.create_task(_sweep(store, media), name="sandbox sweeper"))

    async def stop(self) -> None:
        """Stop answering and rendering. The next sandbox on this folder finishes what is unfinished."""
        if self._stack is not None:
            await self._stack.aclose()
        self._stack = None

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _sweep(*stores: TaskStore | MediaStore) -> None:
    while True:
        for store in stores:
            await asyncio.to_thread(store.sweep)
        await asyncio.sleep(_SWEEP_EVERY)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
