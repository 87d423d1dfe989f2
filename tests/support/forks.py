"""Forks of a program: at an instant of the test's choosing, in any of the ways that Python has, and with any end."""

from __future__ import annotations

import atexit
import faulthandler
import gc
import multiprocessing
import multiprocessing.util
import os
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from threading import Thread, Timer, current_thread
from typing import Any, Literal, NoReturn, get_args

#: Seconds after which forks that have not ended count as hanging: it bounds a failure, it measures nothing. (Less than
#: those for which an answer of a program is waited for.)
DEADLINE = 150.0

#: ``os.fork`` itself, multiprocessing's process and pool, and a process that is prepared (``preexec_fn``) and executed.
Way = Literal["fork", "process", "pool", "subprocess"]
#: What a fork does before it ends: nothing, it lists the jobs, or asks for a video and waits for it.
Deed = Literal["nothing", "looks", "asks"]
#: It leaves by ``os._exit``, ends as its way has it, ends in an error, or kills itself after ``moment``.
End = Literal["leaves", "ends", "raises", "killed"]
WAYS, DEEDS, ENDS = get_args(Way), get_args(Deed), get_args(End)

Request = dict[str, Any] | None
#: Waits so many seconds for the end of a fork, and says what it came to.
Await = Callable[[float], object]
#: What it comes to: its exit code, "broken" for a pool that has lost its process.
CODES: dict[str, object] = {"leaves": 7, "ends": 0, "raises": 1, "killed": -signal.SIGKILL}


def expected(way: Way, end: End, **_: Any) -> str:
    """What is said of a fork where all is well."""
    return f"{way} that {end}: {'broken' if way == 'pool' and end in ('leaves', 'killed') else CODES[end]}"


class Forks:
    """The forks of this process."""

    def __init__(self) -> None:
        self._threads: list[Thread] = []
        self._main = current_thread()
        self._ends: list[Callable[[float], str]] = []

    def fork(self, way: Way, *, aside: bool, after: float, **act: Any) -> None:
        """Fork ``after`` so many seconds, on this thread or ``aside``, on another one. See `_do` for the rest."""
        # That threads and forks do not go well together is what it is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Where one hangs, that is told.
        faulthandler.register(signal.SIGUSR1)

        def fork() -> None:
            # A random instant is what it is about.
            time.sleep(after)
            end = getattr(self, f"_{way}")(**act)
            self._ends.append(lambda patience: f"{way} that {act['end']}: {end(patience)}")

        if aside:
            self._threads.append(Thread(target=fork))
            self._threads[-1].start()
        else:
            fork()

    def ends(self) -> list[str]:
        """Wait until all have ended. What each came to: its code, "broken" or "hangs"; as they were made."""
        until = time.monotonic() + DEADLINE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        stuck = ["is not made" for thread in self._threads if thread.is_alive()]
        return [*stuck, *(end(max(0.0, until - time.monotonic())) for end in list(self._ends))]

    def _fork(self, **act: Any) -> Await:
        pid = os.fork()
        if pid == 0:
            # On the way out it would wait for processes that are this one's sisters, and complain that it cannot.
            atexit.unregister(getattr(multiprocessing.util, "_exit_function"))  # noqa: B009  # it has no type
            try:
                _act(**act)
                code = 0
            except Failed:
                code = 1
            if current_thread() is not self._main:
                # With that thread nothing ends.
                os._exit(code)
            raise SystemExit(code)
        fork = os.pidfd_open(pid)

        def end(patience: float) -> object:
            if not select.select([fork], [], [], patience)[0]:
                return _hangs(pid)
            os.close(fork)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        return end

    def _process(self, **act: Any) -> Await:
        process = multiprocessing.get_context("fork").Process(target=_act, kwargs=act)
        process.start()

        def end(patience: float) -> object:
            process.join(patience)
            if process.exitcode is None:
                return _hangs(process.pid)
            return process.exitcode

        return end

    def _pool(self, **act: Any) -> Await:
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
        told: Future[None] = pool.submit(_act, **act)

        def end(patience: float) -> object:
            try:
                told.result(patience)
                pool.shutdown()
                return 0
            except BrokenProcessPool:
                return "broken"
            except TimeoutError:
                return _hangs(*(child.pid for child in multiprocessing.active_children()))
            except Failed:
                pool.shutdown()
                return 1

        return end

    def _subprocess(self, end: End, moment: float, **_: Any) -> Await:
        codes = {
            "leaves": "import os; os._exit(7)",
            "ends": "",
            "raises": "raise SystemExit(1)",
            "killed": "import sys; sys.stdin.read()",
        }
        command = [sys.executable, "-S", "-c", codes[end]]
        process = subprocess.Popen(command, preexec_fn=gc.collect, stdin=subprocess.PIPE)  # noqa: PLW1509  # as above
        if end == "killed":
            Timer(moment, process.kill).start()

        def ended(patience: float) -> object:
            try:
                return process.wait(patience)
            except subprocess.TimeoutExpired:
                return _hangs(process.pid)
            finally:
                assert process.stdin is not None
                process.stdin.close()

        return ended


class Failed(Exception):
    """What a fork ends in that is to end in an error."""


def _act(**act: Any) -> None:
    """What a fork does; whatever it did not mean to end in is told and ends it at once."""
    try:
        _do(**act)
    except Failed:
        raise
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        os._exit(9)


def _do(deed: Deed, end: End, request: Request = None, moment: float = 0.0) -> None:
    """In the fork: do that and end so. One that is killed is so ``moment`` seconds after it has begun."""
    import happyhorse_nb as hh

    if end == "killed":
        Timer(moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
    # What it has of its parent and does not need goes at any time.
    gc.collect()
    if deed != "nothing":
        assert all(job.status for job in hh.jobs())
    if deed == "asks":
        assert request is not None
        # (Unknown, where another process had asked for the same and was killed while it sent it.)
        with suppress(hh.OutcomeUnknown):
            path = hh.generate(**request).result(timeout=DEADLINE).path
            assert path is not None
            assert path.exists()
    if end == "killed":
        _wait_for_it()
    if end == "leaves":
        os._exit(7)
    if end == "raises":
        # That it is told is meant to be; what else is written is not.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        raise Failed


def _hangs(*some: Any) -> str:
    """Let these processes tell where they hang, and end them."""
    for sign in (signal.SIGUSR1, signal.SIGKILL):
        for pid in some:
            os.kill(pid, sign)
        # It is told in C, without a sign of that.
        time.sleep(1)
    return "hangs"


def _wait_for_it() -> NoReturn:
    while True:
        signal.pause()
