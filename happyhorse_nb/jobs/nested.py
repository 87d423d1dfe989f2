"""Runs a coroutine to its end in a plain cell, beside the kernel's own loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import TypeVar

from happyhorse_nb.errors import ConfigError, UsageError

T = TypeVar("T")


class _PrivateLoop(asyncio.SelectorEventLoop):
    """A loop class of our own: nest_asyncio patches the class of the loop it is given, and this one nobody else has."""


def run(awaitable: Awaitable[T]) -> T:
    """Run an awaitable to its end and return its result, also where a loop runs already, as in a notebook's cell.

    It runs on a private loop on this thread. The kernel's own loop stands still meanwhile and is not touched, so cells
    queued behind this one are all run after it. An interrupt cancels it. Raises `UsageError` for what is no awaitable,
    `ConfigError` under uvloop, and what the awaitable raises.
    """
    if not inspect.isawaitable(awaitable):
        raise UsageError(f"hh.run takes an awaitable, such as client.read(…), not {type(awaitable).__name__}.")
    outer = asyncio._get_running_loop()  # noqa: SLF001  # documented; the public one raises
    if outer is not None and type(outer).__module__.partition(".")[0] == "uvloop":
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise ConfigError("hh.run cannot work inside uvloop, which lets no second loop run. Use await in the cell.")
    if outer is None:
        return _to_the_end(_PrivateLoop(), awaitable)
    from happyhorse_nb.jobs.nesting import nesting

    loop = _PrivateLoop()
    with nesting(loop):
        return _to_the_end(loop, awaitable)


def _to_the_end(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T]) -> T:
    try:
        task = loop.create_task(_awaited(awaitable))
        try:
            return loop.run_until_complete(task)
        finally:
            # After an interrupt the task itself is among them; otherwise what it has left behind.
            rest = asyncio.all_tasks(loop)
            for left in rest:
                left.cancel()
            if rest:
                loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            if task.done() and not task.cancelled():
                # An interrupt that came in the middle of a step is raised here and is also the task's own.
                task.exception()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
