"""A program whose main thread is interrupted again and again, and what has to be true of it afterwards.

Run as a script with what to do, how (``signals`` or ``steps``), and how often; prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import faulthandler
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    # Before it stands what a form shows outside of a notebook.
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
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


def _until(good: Callable[[], object], *widgets: Any) -> None:
    """Wait until one of these widgets has changed so that it is good."""
    changed = threading.Event()
    for widget in widgets:
        widget.observe(lambda _: changed.set())
    while not good():
        changed.wait()
        changed.clear()


def _all(box: Any) -> list[Any]:
    return [box, *(one for child in getattr(box, "children", ()) for one in _all(child))]


def _the(box: Any, words: str) -> Any:
    """The widget in there that is called so, or has this class."""
    [found] = [one for one in _all(box) if words in (getattr(one, "description", None), *one._dom_classes)]
    return found


class _Form:
    """A form, as a page uses it."""

    def __init__(self, photo: str) -> None:
        import happyhorse_nb as hh

        self.form = hh.form(photo, "at first")
        self.photo = photo
        self.source, self.prompt = (_the(self.form.box, words) for words in ("First frame", "hh-prompt-text"))
        self.button = _the(self.form.box, "hh-generate")

    def __call__(self, number: int) -> None:
        self.source.value = self.photo if number % 2 else f"{Path(self.photo).parent}/./{Path(self.photo).name}"
        self.prompt.value = f"form {number}"
        self.button.click()

    def check(self) -> None:
        """It still looks at a picture, offers, and makes."""
        self.source.value, self.prompt.value = "", "the last one of the form"
        assert self.button.disabled
        self.source.value = self.photo
        _until(lambda: not self.button.disabled, self.button)
        self.button.click()
        [made] = [job for job in self.form.jobs if job.prompt == self.prompt.value]
        made.result()


class _Nowhere:
    """An output that nobody looks at."""

    def put(self, _: object) -> None:
        """Show it."""

    change = put


class _Gallery:
    """A gallery, as a page uses it."""

    def __init__(self) -> None:
        import happyhorse_nb as hh
        from happyhorse_nb.widgets.gallery import Gallery

        self.gallery = Gallery(hh.gallery()._pages, embed_limit=15, outputs=_Nowhere)
        self.gallery.open()
        self.box = self.gallery.box
        self.search = _the(self.box, "hh-search")
        self.next = _the(self.box, "Refresh")
        [self.tile] = [
            box for box in _all(self.box) if "hh-off" not in box._dom_classes and "hh-tile" in box._dom_classes
        ]
        self.face, self.play, self.star, self.pick = self.tile.children[:4]

    def __call__(self, number: int) -> None:
        self.search.value = f"{number}"
        self.pick.click()
        self.play.click()
        self.next.click()

    def check(self) -> None:
        """What is typed is still looked for, and what is clicked done."""
        self.search.value = "nothing is called so"
        _until(lambda: "hh-off" in self.tile._dom_classes, self.tile)
        self.search.value = "the first one"
        _until(lambda: "the first one" in self.face.value, self.face)
        _until(lambda: "hh-off" not in self.tile._dom_classes, self.tile)
        before = self.pick.description
        self.pick.click()
        assert {before, self.pick.description} == {"Pick video 1", "Unpick video 1"}


class _Nested:
    """`hh.run` where a loop runs already."""

    def __init__(self) -> None:
        self.before = self._asyncio

    def __call__(self, number: int) -> None:
        import happyhorse_nb as hh

        async def answer() -> int:
            await asyncio.sleep(0)
            return number

        async def cell() -> None:
            assert hh.run(answer()) == number

        # The last one may have been interrupted just before it did this at its end.
        asyncio._set_running_loop(None)
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(cell())
        finally:
            # As a kernel's does, this loop outlives an interrupt in its own steps.
            asyncio._set_running_loop(None)
            with suppress(RuntimeError):
                loop.close()

    @property
    def _asyncio(self) -> list[object]:
        names = ("run", "Task", "Future", "get_event_loop")
        return [*(getattr(asyncio, name) for name in names), hasattr(asyncio, "_nest_patched")]

    def check(self) -> None:
        """It works on another thread too, and leaves asyncio as it was."""
        other = threading.Thread(target=self, args=(1,))
        other.start()
        other.join()
        self(2)
        assert self._asyncio == self.before


def _acts(photo: str) -> dict[str, Callable[[], Callable[[int], object]]]:
    """What is made ready for each of them, before the first interrupt, and then done."""
    import happyhorse_nb as hh
    from happyhorse_nb.engine import engine
    from happyhorse_nb.job import display

    first = hh.generate(photo, "the first one")
    first.result()
    ledger = engine().ledger

    def flush(number: int) -> None:
        ledger.update_later(replace(first.snapshot, message=f"message {number}"))
        ledger.flush()

    def wait(number: int) -> None:
        job = hh.generate(photo, f"wait {number}")
        job.on_change(lambda _: None)
        display.bind(job, "job")
        job.result()

    return {
        "generate": lambda: lambda number: hh.generate(photo, f"take {number}"),
        "flush": lambda: flush,
        "star": lambda: lambda number: first.star(number % 2 == 0),
        "jobs": lambda: lambda _: list(hh.jobs()),
        "wait": lambda: wait,
        "form": lambda: _Form(photo),
        "gallery": _Gallery,
        "nested": _Nested,
    }


def _main(act: str, how: str, count: int, photo: str) -> None:
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    import happyhorse_nb as hh
    from happyhorse_nb.engine import engine
    from happyhorse_nb.settings.config import config

    settings = config()
    settings.requests_per_minute, settings.max_poll_gap, settings.max_concurrent = 1_000_000, 0.1, 8
    chosen = _acts(photo)[act]()
    hits = (by_signals if how == "signals" else by_steps)(chosen, count)
    # As another kernel would write, while this one lives.
    other = sqlite3.connect(engine().ledger.path, isolation_level=None, timeout=120)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()
    check: Callable[[], None] = getattr(chosen, "check", lambda: None)
    check()
    last = hh.generate(photo, "the last one")
    last.star()
    hh.wait()
    last.result()
    jobs = [[job.prompt, str(job.status), job.task_id] for job in hh.jobs()]
    sys.stdout.write(json.dumps({"hits": hits, "jobs": jobs, "starred": last.starred, "owes": engine().ledger.owes}))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
