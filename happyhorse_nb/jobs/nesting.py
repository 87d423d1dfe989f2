"""nest_asyncio for as long as it is needed, and asyncio as it was before and after."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from happyhorse_nb.settings import process

_ABSENT = object()
_guard = process.Guard()
#: Those that it was applied for, and those of them, and others, that need it no more.
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_over: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_before: list[tuple[Any, str, object]] = []


@contextmanager
def nesting(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let this loop run while another one runs on the same thread.

    Beside the loop's class nest_asyncio replaces tasks, futures and `asyncio.run` for the whole process, which makes
    every task slower and takes ``loop_factory`` from `asyncio.run`. So all that is put back when the last user is done,
    or, where an interrupt has come between, the next one; where the user has applied it before, it is the user's and
    stays.
    """
    try:
        _guard(lambda: _begin(loop))
        yield
    finally:
        _over.add(loop)
        _guard(_end)


def _begin(loop: asyncio.AbstractEventLoop) -> None:
    import nest_asyncio

    if loop in _over:
        # An interrupt was faster.
        return
    if not _before and not hasattr(asyncio, "_nest_patched"):
        _before.extend((owner, name, vars(owner).get(name, _ABSENT)) for owner, name in _replaced())
    nest_asyncio.apply(loop)
    _loops.add(loop)


def _end() -> None:
    # One that is closed was left by an interrupt.
    if not all(loop in _over or loop.is_closed() for loop in _loops):
        return
    while _before:
        owner, name, value = _before.pop()
        if value is not _ABSENT:
            setattr(owner, name, value)
        elif name in vars(owner):
            delattr(owner, name)


def _replaced() -> Iterator[tuple[Any, str]]:
    """What nest_asyncio 1.6.0, its last release, replaces beside the loop's class."""
    yield from ((asyncio, name) for name in ("run", "Task", "Future", "get_event_loop", "_nest_patched"))
    yield from ((asyncio.tasks, name) for name in ("Task", "_CTask"))
    yield from ((asyncio.futures, name) for name in ("Future", "_CFuture"))
    yield from ((asyncio.events, name) for name in ("get_event_loop", "_get_event_loop"))
    yield type(asyncio.get_event_loop_policy()), "get_event_loop"
    if "tornado.concurrent" in sys.modules:
        yield from ((sys.modules["tornado.concurrent"], name) for name in ("Future", "FUTURES"))
