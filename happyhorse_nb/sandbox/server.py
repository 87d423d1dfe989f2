"""The server itself."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from aiohttp import web

from happyhorse_nb.errors import ConfigError, HappyHorseError
from happyhorse_nb.models import ImageLimits
from happyhorse_nb.sandbox.guard import errors, gate
from happyhorse_nb.sandbox.options import SandboxOptions
from happyhorse_nb.sandbox.routes import Routes
from happyhorse_nb.sandbox.store import TaskStore
from happyhorse_nb.sandbox.studio import Studio
from happyhorse_nb.sandbox.throttle import Throttle

_HOST = "127.0.0.1"
#: Twice the largest image as base64: what is a little too large still gets an answer that says what is wrong.
_MAX_BODY = 2 * (ImageLimits().max_bytes * 4 // 3)
_SWEEP_EVERY = 3600.0


class Sandbox:
    """A sandbox in the caller's event loop; use it with ``async with``.

    Its tasks are kept in ``folder`` and taken up again by the next sandbox there. ``port`` 0 takes any free one.
    """

    def __init__(self, folder: str | os.PathLike[str], options: SandboxOptions | None = None, *, port: int = 0) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._options = options or SandboxOptions()
        self._port = port
        self._runner: web.AppRunner | None = None
        self._studio: Studio | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """Where it answers, such as ``http://127.0.0.1:40123``. Raises `HappyHorseError` while it does not run."""
        if self._runner is None:
            raise HappyHorseError("the sandbox is not running")
        return f"http://{_HOST}:{self._port}"

    async def start(self) -> None:
        """Begin to answer. Raises `ConfigError` when the folder or the port cannot be used."""
        try:
            store = TaskStore(self._folder, keep=self._options.keep)
        except OSError as problem:
            raise ConfigError(f"the sandbox cannot use the folder {self._folder}: {problem.strerror}") from None
        studio = Studio(store)
        app = web.Application(
            middlewares=[errors, gate(Throttle(self._options.requests_per_minute))], client_max_size=_MAX_BODY
        )
        routes = Routes(store, studio, self._options)
        app.add_routes(routes.table())
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
                f"the sandbox cannot use port {self._port}: {reason}. Without one it takes any."
            ) from None
        self._port = int(runner.addresses[0][1])
        self._runner, self._studio = runner, studio
        for task in await asyncio.to_thread(lambda: list(store.all())):
            if task.ended is None:
                studio.take(task.id)
        self._sweeper = asyncio.create_task(_sweep(store), name="sandbox sweeper")

    async def stop(self) -> None:
        """Stop answering and rendering. What is unfinished is finished by the next sandbox on this folder."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        if self._runner is not None:
            await self._runner.cleanup()
        if self._studio is not None:
            await self._studio.close()
        self._sweeper = self._runner = self._studio = None

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()


async def _sweep(store: TaskStore) -> None:
    while True:
        await asyncio.to_thread(store.sweep)
        await asyncio.sleep(_SWEEP_EVERY)
