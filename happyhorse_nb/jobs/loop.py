"""The one event loop of ours, on one thread, for all network, polling and downloading.

A task on the kernel's own loop stands still while a cell is busy; one on a thread does not.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any, TypeVar

from happyhorse_nb.settings import process

T = TypeVar("T")
#: Seconds that tasks are given to end when Python does.
_PATIENCE = 2.0


class _Loop(asyncio.SelectorEventLoop):
    """A loop class of our own that holds on to asyncio's own steps.

    A user's ``nest_asyncio.apply()`` replaces methods on the class of the kernel's loop, in mid-run. Ours keeps what it
    started with.
    """

    run_forever = asyncio.SelectorEventLoop.run_forever
    run_until_complete = asyncio.SelectorEventLoop.run_until_complete
    _run_once = asyncio.SelectorEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001  # private, and replaced
    _check_running = asyncio.SelectorEventLoop._check_running  # type: ignore[attr-defined]  # noqa: SLF001  # so is it


class OwnedLoop:
    """An event loop on a daemon thread of its own, started at once."""

    def __init__(self) -> None:
        self._loop = _Loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.thread = Thread(target=self._run, name="happyhorse_nb", daemon=True)
        self.thread.start()
        # Before those of the engines that use it, so that it is called after theirs.
        atexit.register(self.close)

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Run a function on the loop, soon. Callable from any thread; False once the loop is closed.

        It runs in an empty context: ipykernel keeps the cell that a message belongs to in a context variable, and a
        task that inherits it goes on sending in the name of a cell that has long ended.
        """
        try:
            self._loop.call_soon_threadsafe(function, *arguments, context=contextvars.Context())
        except RuntimeError:
            # Closed: the interpreter is on its way out, and what is unfinished is in the ledger.
            return False
        return True

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Run a function on the loop in so many seconds. Called on the loop."""
        self._loop.call_later(seconds, function)

    def start(
        self, make: Callable[[], Coroutine[Any, Any, T]], *, among: set[asyncio.Task[Any]] | None = None
    ) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop. Its task is kept alive here, and its outcome is in the future.

        ``among`` is a set that holds the task as long as it runs.
        """
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        keepers = [self._tasks] if among is None else [self._tasks, among]

        def begin() -> None:
            task = self._loop.create_task(make(), context=contextvars.Context())
            for kept in keepers:
                kept.add(task)
            task.add_done_callback(finish)

        def finish(task: asyncio.Task[T]) -> None:
            for kept in keepers:
                kept.discard(task)
            if task.cancelled():
                outcome.cancel()
            elif (problem := task.exception()) is not None:
                outcome.set_exception(problem)
            else:
                outcome.set_result(task.result())

        if not self.call(begin):
            outcome.cancel()
        return outcome

    def close(self) -> None:
        """Cancel what still runs, and end the thread. Registered to be called when Python ends."""
        if not self.thread.is_alive():
            # Also in a fork, which has our objects but not our threads.
            return

        async def end() -> None:
            mine = asyncio.current_task()
            rest = [task for task in self._tasks if task is not mine]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            self._loop.call_soon(self._loop.stop)

        self.start(end)
        self.thread.join(_PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()


def outcome_of(answer: concurrent.futures.Future[T], seconds: float | None = None) -> T:
    """Wait for what comes of `OwnedLoop.start`, on another thread than the loop's; an interrupt gets through.

    Raises what was raised there, and TimeoutError after so many seconds.
    """
    # Whoever waits for a future holds its lock now and then, which the loop needs to tell what has come of it.
    return process.uninterrupted(lambda: answer.result(seconds))
