"""Runs on threads what would hold up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from happyhorse_nb.settings import process

T = TypeVar("T")
#: Threads that write videos. A disk that takes its time keeps these busy, and none that a look at a task needs.
_WRITERS = 2
#: Threads that look through videos. Each keeps a core busy, and the user's cell wants one too.
_VIEWERS = 1


async def at_disk(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on one of the threads that only wait for the disk."""
    pool = process.once("disk", lambda: ThreadPoolExecutor(_WRITERS, thread_name_prefix="happyhorse_nb disk"))
    return await in_thread(function, *arguments, on=pool)


async def at_decoder(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on a thread that decodes. Many videos that come at once take turns there, and no write waits."""
    pool = process.once("decoder", lambda: ThreadPoolExecutor(_VIEWERS, thread_name_prefix="happyhorse_nb decoder"))
    return await in_thread(function, *arguments, on=pool)


async def in_thread(function: Callable[..., T], *arguments: object, on: Executor | None = None) -> T:
    """Call a function on a thread, so that the loop goes on meanwhile.

    While the interpreter shuts down it gives no more threads. Then the function is called here: what is left to do is
    to end well, which must not fail for want of a thread.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(on, function, *arguments)
    except RuntimeError:
        return function(*arguments)
    return await running
