"""Work that would hold up the event loop, done beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on a thread, so that the loop goes on meanwhile.

    On its way out the interpreter gives no more threads; then the function is called here: what is left to do then is
    to end well, and that must not fail for want of a thread.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    except RuntimeError:
        return function(*arguments)
    return await running
