"""The threads of the engine: the event loop of all jobs, and one for users' callbacks."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import sys
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from happyhorse_nb.settings import process

#: Seconds by which one clock may get ahead of the other without a sleep: a corrected clock, a busy machine.
_SLACK = 5.0


def always() -> float:
    """Seconds by a clock that nobody sets, and that runs on while the machine sleeps."""
    # `time.monotonic` stands still during sleep on Linux and macOS; these clocks do not.
    clock = time.CLOCK_BOOTTIME if sys.platform == "linux" else getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SleepDetector:
    """Tells whether the machine has slept, from a clock that runs on during sleep and the one that timers use."""

    def __init__(self, always: Callable[[], float] = always, steady: Callable[[], float] = time.monotonic) -> None:
        self._always = always
        self._steady = steady
        self._ahead = always() - steady()

    def over(self) -> bool:
        """Whether there was a sleep since this was last asked."""
        before, self._ahead = self._ahead, self._always() - self._steady()
        return self._ahead - before > _SLACK


T = TypeVar("T")
#: Seconds that tasks are given to end when Python does.
_PATIENCE = 2.0
#: Threads for what would block the loop.
_THREADS = 2


class _Loop(asyncio.SelectorEventLoop):
    """Holds on to asyncio's own methods.

    A user's ``nest_asyncio.apply()`` replaces methods of the kernel loop's class while this one runs.
    """

    run_forever = asyncio.SelectorEventLoop.run_forever
    run_until_complete = asyncio.SelectorEventLoop.run_until_complete
    _run_once = asyncio.SelectorEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001  # private, and replaced
    _check_running = asyncio.SelectorEventLoop._check_running  # type: ignore[attr-defined]  # noqa: SLF001  # so is it


class OwnedLoop:
    """An event loop on a daemon thread of its own, started at once."""

    def __init__(self) -> None:
        self._loop = _Loop()
        # For names to look up and the ledger to read. A kernel with jobs has at most eight threads of ours.
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="happyhorse_nb io"))
        self._tasks: set[asyncio.Task[Any]] = set()
        self.thread = Thread(target=self._run, name="happyhorse_nb", daemon=True)
        self.thread.start()
        # Registered before the engines that use it, so called after them.
        atexit.register(self.close)

    def call(self, function: Callable[..., object], *arguments: object) -> bool:
        """Run a function on the loop, soon. Callable from any thread; False once the loop is closed.

        It runs in an empty context: ipykernel stores the cell that a message belongs to in a context variable, and a
        task that inherits it would send in the name of a cell that ended long ago.
        """
        try:
            self._loop.call_soon_threadsafe(function, *arguments, context=contextvars.Context())
        except RuntimeError:
            # Closed, as Python is ending; what is unfinished is in the ledger.
            return False
        return True

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        """Run a function on the loop in so many seconds. Called on the loop."""
        self._loop.call_later(seconds, function)

    def start(
        self, make: Callable[[], Coroutine[Any, Any, T]], *, among: set[asyncio.Task[Any]] | None = None
    ) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop; the future has its outcome.

        Its task is held here, and in the set ``among``, while it runs.
        """
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        holders = [self._tasks] if among is None else [self._tasks, among]

        def begin() -> None:
            task = self._loop.create_task(make(), context=contextvars.Context())
            for tasks in holders:
                tasks.add(task)
            task.add_done_callback(finish)

        def finish(task: asyncio.Task[T]) -> None:
            for tasks in holders:
                tasks.discard(task)
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
        """Cancel what still runs, and end the thread. Called when Python ends."""
        if not self.thread.is_alive():
            # Or this is a fork, which has our objects but not our threads.
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
    """Wait for the outcome of `OwnedLoop.start` on another thread than the loop's; an interrupt gets through.

    Raises what was raised there, and TimeoutError after so many seconds.
    """
    # Waiting for a future takes its lock, which the loop needs to set the outcome.
    return process.uninterrupted(lambda: answer.result(seconds))


#: So many jobs in a row start at once.
_FEW = 8
#: Seconds without another job after which the row has ended.
_GAP = 0.05
#: Seconds that a job waits for that at most.
_LONGEST = 2.0

Call = Callable[[], object]


class Loop(Protocol):
    """What `StartQueue` needs of the event loop."""

    def call(self, function: Call) -> bool:
        """Run it on the loop, soon. Callable from any thread."""

    def later(self, seconds: float, function: Call) -> None:
        """Run it on the loop in so many seconds. Called on the loop."""


class StartQueue:
    """Starts jobs on the loop: a few at once; when a cell makes many in a row, the rest when no more come.

    So a cell that makes a thousand jobs has the interpreter to itself while it does: two threads that take turns slow
    each other down by far more than half (`scale` in benchmarks). ``clock`` is any steady clock in seconds.
    """

    def __init__(self, loop: Loop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        # Copied, because while %autoreload runs a module anew, its names are gone for a moment.
        self._few, self._gap, self._longest = _FEW, _GAP, _LONGEST
        #: By name, the oldest first.
        self._calls: dict[str, Call] = {}
        self._guard = process.Guard()
        #: How many came in a row, when the last one came, and when the oldest one that waits came.
        self._row, self._last, self._first = 0, float("-inf"), float("-inf")
        self._watched = self._closed = False

    def put(self, name: str, call: Call, *, later: bool = False) -> None:
        """Call it on the loop, after all that were put before; with ``later`` at the next `flush`, or after a moment.
        Callable from any thread."""

        def put() -> None:
            if self._closed:
                return
            now = self._clock()
            self._row = self._row + 1 if now - self._last < self._gap else 1
            self._last = now
            if not self._calls:
                self._first = now
            self._calls[name] = call
            if later:
                self._loop.call(lambda: self._loop.later(self._longest, self.flush))
            elif self._row <= self._few:
                self._loop.call(self.flush)
            elif not self._watched:
                self._loop.call(self._watch)
                self._watched = True

        # With the guard, no interrupt comes between.
        self._guard(put)

    def take(self, name: str) -> Call | None:
        """Take out what waits under that name, for the caller to call; None where nothing does. Called on the loop."""
        return self._guard(lambda: self._calls.pop(name, None))

    def flush(self) -> None:
        """Call what waits now. Called on the loop."""
        try:
            while self._calls:
                call = self._guard(lambda: self._calls.pop(next(iter(self._calls))))
                call()
        finally:
            # If one fails, the loop reports it, and the others are still called.
            if self._calls:
                self._loop.call(self.flush)

    def close(self) -> None:
        """Call nothing any more."""

        def close() -> None:
            self._closed = True
            self._calls.clear()

        self._guard(close)

    def _watch(self) -> None:
        def waits() -> bool:
            now = self._clock()
            self._watched = now - self._last < self._gap and now - self._first < self._longest
            return self._watched

        if self._guard(waits):
            self._loop.later(self._gap, self._watch)
        else:
            self.flush()


class Callbacks:
    """Calls functions one after the other, on a daemon thread: one that never returns does not keep Python alive."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = Thread(target=self._run, name="happyhorse_nb callbacks", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Call it soon. An error is dropped."""
        self._calls.put(function)

    def drain(self, seconds: float) -> bool:
        """Wait until all functions so far have returned, at most so many seconds; whether they have."""
        done: SimpleQueue[None] = SimpleQueue()
        self._calls.put(lambda: done.put(None))
        with suppress(Empty):
            done.get(timeout=seconds)
            return True
        return False

    def _run(self) -> None:
        while True:
            # Not even sys.exit() or an interrupt in one ends the callbacks.
            with suppress(BaseException):
                self._calls.get()()
