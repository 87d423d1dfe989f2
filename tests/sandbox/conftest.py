"""A sandbox that takes no longer than it must, and somebody who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from happyhorse_nb.sandbox import Sandbox, SandboxOptions
from sandbox.calls import Caller

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
