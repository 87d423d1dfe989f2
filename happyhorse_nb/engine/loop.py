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

#: Seconds that the one clock may get ahead of the other without a sleep: a correction of the time, a busy machine.
_SLACK = 5.0


def always() -> float:
    """Seconds by a clock that runs on while the machine sleeps, and that nobody sets forward or back."""
    # That of `time.monotonic` stands still in a sleep, on Linux and on macOS; there these do not.
    clock = time.CLOCK_BOOTTIME if sys.platform == "linux" else getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class SleepDetector:
    """Whether the machine has slept: compares a clock that runs on in a sleep with the one that timers go by."""

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
        # Names are looked up there, and the ledger is read: a kernel with jobs has at most eight threads of ours.
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="happyhorse_nb io"))
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
        """Run a coroutine on the loop. A reference to its task is held here, and its outcome is in the future.

        ``among`` is a set that holds the task as long as it runs.
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


#: So many that come one after the other are called at once.
_FEW = 8
#: Seconds without another one after which they have stopped coming.
_GAP = 0.05
#: Seconds that any of them waits for that at most.
_LONGEST = 2.0

Call = Callable[[], object]


class Loop(Protocol):
    """What is needed of the event loop."""

    def call(self, function: Call) -> bool:
        """Run it on the loop, soon. Callable from any thread."""

    def later(self, seconds: float, function: Call) -> None:
        """Run it on the loop in so many seconds. Called on the loop."""


class StartQueue:
    """Starts jobs on the loop: a few at once, and when a cell makes many in a row the others when no more come.

    A cell that makes a thousand jobs has the interpreter to itself while it does: two threads that take turns at it
    are both slowed down by far more than half (`scale` in benchmarks). ``clock`` is any steady clock in seconds.
    """

    def __init__(self, loop: Loop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        # Copied here, for while %autoreload runs a module anew, all of its names are gone for a moment.
        self._few, self._gap, self._longest = _FEW, _GAP, _LONGEST
        #: By name, the oldest first.
        self._calls: dict[str, Call] = {}
        self._guard = process.Guard()
        #: How many have come one after the other, when the last one came, and when the oldest of those that wait.
        self._row, self._last, self._first = 0, float("-inf"), float("-inf")
        self._watched = self._closed = False

    def put(self, name: str, call: Call) -> None:
        """Have it called on the loop, after all that were put before. Callable from any thread."""

        def put() -> None:
            if self._closed:
                return
            now = self._clock()
            self._row = self._row + 1 if now - self._last < self._gap else 1
            self._last = now
            if not self._calls:
                self._first = now
            self._calls[name] = call
            if self._row <= self._few:
                self._loop.call(self.flush)
            elif not self._watched:
                self._loop.call(self._watch)
                self._watched = True

        # Where no interrupt comes between.
        self._guard(put)

    # On the loop

    def take(self, name: str) -> Call | None:
        """What waits under that name, to be called by whoever asks; None where nothing does."""
        return self._guard(lambda: self._calls.pop(name, None))

    def flush(self) -> None:
        """Call now what waits."""
        try:
            while self._calls:
                call = self._guard(lambda: self._calls.pop(next(iter(self._calls))))
                call()
        finally:
            # One that fails is the loop's to report, and stops none of the others.
            if self._calls:
                self._loop.call(self.flush)

    def close(self) -> None:
        """Call none of what waits, nor of what comes."""

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
    """Calls functions one after the other. A daemon thread: one that never returns must not keep Python from ending."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = Thread(target=self._run, name="happyhorse_nb callbacks", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], None]) -> None:
        """Call it soon. It must not raise."""
        self._calls.put(function)

    def drain(self, seconds: float) -> bool:
        """Wait until all that were handed over so far have returned; at most so many seconds."""
        done: SimpleQueue[None] = SimpleQueue()
        self._calls.put(lambda: done.put(None))
        try:
            done.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _run(self) -> None:
        while True:
            # An exit, or an interrupt of the user's own, is not the end of all callbacks. What one raises is noted.
            with suppress(BaseException):
                self._calls.get()()
