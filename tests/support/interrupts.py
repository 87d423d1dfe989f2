"""A program whose main thread is interrupted again and again, and what has to be true of it afterwards.

Run as a script with what to do, how (``signals`` or ``steps``), and how often; prints what it saw as JSON.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

#: Seconds after which a program that stands still says where, and ends: it bounds a hang, it measures nothing.
DEADLINE = 900.0


def interrupted(env: Mapping[str, str], *, act: str, how: str, count: int, photo: Path, cwd: Path) -> dict[str, Any]:
    """Have a program do ``act`` with an interrupt somewhere in it, again and again; what it says of itself.

    ``count`` is how many are hit by ``signals``, or of how many ``steps`` one is.
    """
    command = [sys.executable, "-P", __file__, act, how, str(count), str(photo)]
    done = subprocess.run(command, env={**os.environ, **env}, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


# In the program


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def by_signals(act: Callable[[int], object], count: int) -> int:
    """Real signals of a timer at random instants, until so many acts were hit."""
    signal.signal(signal.SIGALRM, _interrupt)
    chance, hits, longest = random.Random(count), 0, 0.004
    for number in itertools.count():
        if hits == count:
            break
        hit = True
        try:
            # Over the whole act, however long it takes here, and again in what an interrupt has set going.
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, longest), longest / 3)
            try:
                act(number)
                hit = False
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
        hits += hit
        longest = min(0.2, longest * 1.1) if hit else max(0.001, longest * 0.9)
    return hits


def by_steps(act: Callable[[int], object], every: int) -> int:
    """An interrupt at each of the package's steps on this thread, bytecode by bytecode (or at every so-manieth)."""
    ours, hits, step = str(Path(_package()).parent), 0, 1
    while True:
        left = step

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal left
            if not frame.f_code.co_filename.startswith(ours):
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        try:
            sys.settrace(trace)
            try:
                act(hits)
            finally:
                sys.settrace(None)
        except KeyboardInterrupt:
            pass
        if left > 0:
            return hits
        hits += 1
        step += every


def _package() -> str:
    import happyhorse_nb

    return happyhorse_nb.__file__


def _acts(photo: str) -> dict[str, Callable[[int], object]]:
    import happyhorse_nb as hh
    from happyhorse_nb.jobs import engine

    first = hh.generate(photo, "the first one")
    first.result()
    ledger = engine().ledger

    def flush(number: int) -> None:
        ledger.update_later(replace(first.snapshot, message=f"message {number}"))
        ledger.flush()

    def wait(number: int) -> None:
        job = hh.generate(photo, f"wait {number}")
        job.on_change(lambda _: None)
        job.bind("job")
        job.result()

    return {
        "generate": lambda number: hh.generate(photo, f"take {number}"),
        "flush": flush,
        "star": lambda number: first.star(number % 2 == 0),
        "jobs": lambda _: list(hh.jobs()),
        "wait": wait,
    }


def _main(act: str, how: str, count: int, photo: str) -> None:
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    import happyhorse_nb as hh
    from happyhorse_nb.jobs import engine
    from happyhorse_nb.settings.config import config

    settings = config()
    settings.requests_per_minute, settings.max_poll_gap, settings.max_concurrent = 1_000_000, 0.1, 8
    chosen = _acts(photo)[act]
    hits = (by_signals if how == "signals" else by_steps)(chosen, count)
    # As another kernel would write, while this one lives.
    other = sqlite3.connect(engine().ledger.path, isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()
    last = hh.generate(photo, "the last one")
    last.star()
    hh.wait()
    last.result()
    jobs = [[job.prompt, str(job.status), job.task_id] for job in hh.jobs()]
    sys.stdout.write(json.dumps({"hits": hits, "jobs": jobs, "starred": last.starred, "owes": engine().ledger.owes}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
