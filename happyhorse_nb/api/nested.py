"""Runs a coroutine to its end in a plain cell, beside the kernel's own loop."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Iterator
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakSet

from happyhorse_nb.errors import ConfigError, UsageError
from happyhorse_nb.settings import process

_ABSENT = object()
_guard = process.Guard()
#: The loops that nest_asyncio was applied to, and all loops that have ended, also before it was.
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_ended: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
#: What nest_asyncio has replaced, to be put back: owner, name and earlier value.
_earlier: list[tuple[Any, str, object]] = []


def _begin(loop: asyncio.AbstractEventLoop) -> None:
    """Let this loop run while another one runs on the same thread.

    nest_asyncio also replaces tasks, futures and `asyncio.run` for the whole process, which slows down every task and
    removes ``loop_factory`` from `asyncio.run`. So `_end` puts all of it back after the last use (after an interrupt,
    the next one), unless the user had applied nest_asyncio before.
    """
    if loop in _ended:
        # An interrupt has ended it already.
        return
    # nest_asyncio does not work on Python 3.14, where its successor is installed instead.
    nest = import_module("nest_asyncio" if sys.version_info < (3, 14) else "nest_asyncio2")
    if not _earlier and not hasattr(asyncio, "_nest_patched"):
        _earlier.extend((owner, name, vars(owner).get(name, _ABSENT)) for owner, name in _replaced())
    nest.apply(loop)
    _loops.add(loop)


def _end() -> None:
    # A closed loop outside of `_ended` was left behind by an interrupt.
    if not all(loop in _ended or loop.is_closed() for loop in _loops):
        return
    while _earlier:
        owner, name, value = _earlier.pop()
        if value is not _ABSENT:
            setattr(owner, name, value)
        elif name in vars(owner):
            delattr(owner, name)


def _replaced() -> Iterator[tuple[Any, str]]:
    """What nest_asyncio 1.6.0 (its last release) and nest_asyncio2 1.7 replace, beside the loop's class."""
    marks = ("_nest_patched", "_nest_asyncio2")
    yield from ((asyncio, name) for name in ("run", "Task", "Future", "get_event_loop", *marks))
    yield from ((asyncio.tasks, name) for name in ("Task", "_CTask"))
    yield from ((asyncio.futures, name) for name in ("Future", "_CFuture"))
    yield from ((asyncio.events, name) for name in ("get_event_loop", "_get_event_loop"))
    if sys.version_info < (3, 14):  # from then on even asking for the policy is deprecated
        yield type(asyncio.get_event_loop_policy()), "get_event_loop"
    if "tornado.concurrent" in sys.modules:
        yield from ((sys.modules["tornado.concurrent"], name) for name in ("Future", "FUTURES"))


T = TypeVar("T")


class _PrivateLoop(asyncio.SelectorEventLoop):
    """A class that no other loop has, since nest_asyncio patches the class of the loop it is given."""


def run(awaitable: Awaitable[T]) -> T:
    """Run an awaitable to its end and return its result, even where a loop runs already, as in a notebook's cell.

    It runs on a private loop on this thread. The kernel's own loop waits meanwhile and is not touched, so all cells
    queued behind this one run afterwards. An interrupt cancels it. Raises `UsageError` for what is no awaitable,
    `ConfigError` under uvloop, and what the awaitable raises.
    """
    if not inspect.isawaitable(awaitable):
        raise UsageError(f"hh.run takes an awaitable, such as client.read(…), not {type(awaitable).__name__}")
    outer = asyncio._get_running_loop()  # noqa: SLF001  # documented; the public one raises
    if outer is not None and type(outer).__module__.partition(".")[0] == "uvloop":
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise ConfigError(
            "hh.run cannot work inside uvloop, which lets no second loop run", remedy="Use await in the cell."
        )
    loop = _PrivateLoop()
    if outer is None:
        return _to_the_end(loop, awaitable)
    try:
        _guard(lambda: _begin(loop))
        return _to_the_end(loop, awaitable)
    finally:
        _ended.add(loop)
        _guard(_end)


def _to_the_end(loop: _PrivateLoop, awaitable: Awaitable[T]) -> T:
    outer, hooks = asyncio._get_running_loop(), sys.get_asyncgen_hooks()  # noqa: SLF001  # as above

    def leave() -> None:
        # An interrupt may have come while asyncio itself was doing this.
        loop._thread_id = None  # type: ignore[attr-defined]  # noqa: SLF001  # typeshed has what is public
        asyncio._set_running_loop(outer)  # noqa: SLF001
        sys.set_asyncgen_hooks(*hooks)

    try:
        task = loop.create_task(_awaited(awaitable))
        try:
            return loop.run_until_complete(task)
        finally:
            leave()
            # The tasks that it has left behind, and after an interrupt also the task itself.
            rest = asyncio.all_tasks(loop)
            for left in rest:
                left.cancel()
            if rest:
                loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            if task.done() and not task.cancelled():
                # Mark as seen: an interrupt within a step is raised here, and is also the task's exception.
                task.exception()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        leave()
        loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
