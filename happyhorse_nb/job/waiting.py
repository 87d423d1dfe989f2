"""Blocking waits: the event loop's thread queues the snapshots, the waiting thread applies them.

So what they show belongs to the waiting cell, and an interrupt gets through.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from happyhorse_nb.errors import WaitTimeout
from happyhorse_nb.job import display
from happyhorse_nb.job.notices import promise, promise_again, withdraw
from happyhorse_nb.job.state import state_of
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.process import PAUSE

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.state import JobState, News

#: Seconds before a wait in a notebook shows its line (so that nothing flashes), and between two changes of it.
_QUIET, _GAP = 2.0, 1.0
#: Seconds between two changes in a terminal, and the longest line there.
_TERMINAL_GAP, _WIDEST = 0.2, 110


class Progress:
    """Shows how far a wait is. This one shows nothing."""

    def look(self) -> None:
        """Say how far it is, if it is time to."""

    def end(self) -> None:
        """The wait is over."""


def follow(jobs: Sequence[Job], *, last_word: bool = True) -> Progress:
    """What shows the wait for these jobs: nothing where nobody looks, or where the same cell has a card for each.

    With ``last_word`` the line of a notebook stays at the end, and says how the jobs ended.
    """
    if threading.current_thread() is threading.main_thread():
        if not frontend.in_notebook():
            return _Terminal(jobs, last_word=last_word) if sys.stderr.isatty() else Progress()
        code, run = frontend.running_cell()
        make = display.line()
        if code and make is not None and not display.shown_in(run, jobs):
            promise(jobs, waits=True)
            shared = process.get("waits of a cell")
            if shared is None or shared.run != run:
                shared = CellLine(run, make)
                process.put("waits of a cell", shared)
            return _InCell(shared, jobs, last_word=last_word)
    return Progress()


class CellLine:
    """The one line of all waits of a cell, at the same time or one after the other.

    ``run`` identifies this run of the cell, ``clock`` is any steady clock in seconds.
    """

    def __init__(self, run: str, make: Callable[[], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self._make, self._clock = make, clock
        self._output: Any = None
        self._waits: list[Sequence[Job]] = []
        #: All jobs that this cell has waited for, by their ids.
        self._jobs: dict[str, Job] = {}
        self._next = 0.0
        self._text = ""

    def join(self, jobs: Sequence[Job]) -> None:
        """Another wait begins."""
        if not self._waits and self._output is None:
            self._next = self._clock() + _QUIET
        self._waits.append(jobs)
        self._jobs.update((job.id, job) for job in jobs)

    def look(self) -> None:
        """Say how far it is, if it is time to, and if this cell is still the one that runs."""
        now = self._clock()
        if now < self._next or frontend.running_cell()[1] != self.run:
            return
        self._next = now + _GAP
        waited = {job.id: job for jobs in self._waits for job in jobs}
        stop = "Stop" if frontend.changes_are_shown() else "Ctrl-C"
        self._show(_waiting(list(waited.values()), stop))

    def leave(self, jobs: Sequence[Job], *, last_word: bool) -> None:
        """A wait has ended."""
        # Compared by identity: two waits may be for the same jobs.
        self._waits = [other for other in self._waits if other is not jobs]
        if self._output is not None and not self._waits:
            from happyhorse_nb.render import waited

            some = [job.snapshot for job in self._jobs.values()]
            self._show(waited(some, now=time.time()) if last_word else "")

    def _show(self, text: str) -> None:
        from happyhorse_nb.render import quiet_line

        if text == self._text:
            return
        self._text = text
        bundle = {"text/html": quiet_line(text) if text else "", "text/plain": text}
        if self._output is None:
            self._output = self._make()
            self._output.put(bundle)
        else:
            self._output.change(bundle)


class _InCell(Progress):
    """One wait in the line of its cell. A wait never fails because it cannot be shown."""

    def __init__(self, shared: CellLine, jobs: Sequence[Job], *, last_word: bool) -> None:
        self._shared, self._jobs, self._last_word = shared, list(jobs), last_word
        shared.join(self._jobs)

    def look(self) -> None:
        with suppress(Exception):
            self._shared.look()

    def end(self) -> None:
        with suppress(Exception):
            self._shared.leave(self._jobs, last_word=self._last_word)


class _Terminal(Progress):
    """A line of text in a terminal that somebody looks at."""

    def __init__(self, jobs: Sequence[Job], *, last_word: bool) -> None:
        self._jobs = list(jobs)
        # Without a last word here, the notice of a job's end is still wanted.
        self._withdrawn = [] if last_word else withdraw(jobs)
        self._width = 0
        self._text = ""
        self._next = 0.0

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _TERMINAL_GAP
        # A line that wraps cannot be overwritten.
        room = min(_WIDEST, shutil.get_terminal_size().columns - 1)
        text = _waiting(self._jobs, "Ctrl-C")[:room]
        if text != self._text:
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._text, self._width = text, len(text)

    def end(self) -> None:
        promise_again(self._withdrawn)
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()


def _waiting(jobs: Sequence[Job], stop: str) -> str:
    from happyhorse_nb.render import waiting

    return waiting([job.snapshot for job in jobs], now=time.time(), stop=stop)


def wait(jobs: Sequence[Job], *, timeout: float | None = None, last_word: bool = True) -> None:
    """Wait until all jobs have ended. Raises `WaitTimeout` after ``timeout`` seconds; the jobs go on.

    Where somebody looks, a line says how far it is; with ``last_word``, at the end also how the jobs ended. After an
    interrupt a notebook prints one line, which says what goes on.
    """
    for job in jobs:
        job.watch()
    until = None if timeout is None else time.monotonic() + timeout
    with in_one_line(jobs):
        waiting = Waiting(jobs, last_word=last_word)
        # Not ``with``: an interrupt may come after everything is taken over and before the block begins.
        try:
            waiting.begin()
            undone = list(jobs)
            while undone:
                if undone[-1].done():
                    # Each job is asked until it has ended, not all of them at every snapshot.
                    undone.pop()
                    continue
                left = PAUSE if until is None else min(PAUSE, until - time.monotonic())
                if left <= 0:
                    names = ", ".join(job.snapshot.short_id for job in jobs if not job.done())
                    raise WaitTimeout(
                        f"not finished after {timeout:g} s: {names}",
                        remedy="What has not ended still runs; wait for it again later.",
                    )
                waiting.line.look()
                waiting.apply(left)
        finally:
            waiting.end()


@contextmanager
def in_one_line(jobs: Sequence[Job]) -> Iterator[None]:
    """After an interrupt within, a notebook prints one line: which of the jobs go on."""
    try:
        yield
    except (KeyboardInterrupt, CancelledError) as interrupt:
        # (CancelledError: ipykernel cancels what a cell awaits.)
        names = [job.snapshot.short_id for job in jobs if not job.done()]
        rest = f"{names[0]} still runs" if len(names) == 1 else f"{len(names):,} jobs still run"
        line = f"{type(interrupt).__name__}: no longer waiting{f'; {rest}' if names else ''}."
        # IPython prints what this returns in place of a traceback.
        interrupt._render_traceback_ = lambda *_: [line]  # type: ignore[union-attr]
        raise


class Waiting:
    """Takes over the snapshots of some jobs to the thread that waits for them, until `end`."""

    def __init__(self, jobs: Sequence[Job], *, last_word: bool = True) -> None:
        self._arrived: SimpleQueue[tuple[JobState, News]] = SimpleQueue()
        # Each object once: two jobs of the same id are equal, and each has listeners of its own.
        self._states = list({id(job): state_of(job) for job in jobs}.values())
        self.line = follow(jobs, last_word=last_word)
        #: Whether the wait has ended.
        self.over = False

    def begin(self) -> None:
        """Take over what no other thread has taken over."""
        process.uninterrupted(lambda: [state.divert(self) for state in self._states])

    def end(self) -> None:
        """Give back what was taken over."""
        try:
            self._give_back()
        except BaseException:
            # Interrupted once more. Snapshots that are not given back would never be shown.
            process.uninterrupted(self._give_back)
            raise
        finally:
            self.line.end()

    def _give_back(self) -> None:
        # First, because an interrupted `begin` may still be taking over.
        self.over = True
        for state in self._states:
            # All that came in is applied here, so that no end is lost and snapshots stay in order.
            while not state.give_back(self, self._arrived.empty):
                self.apply(0)

    def put(self, state: JobState, news: News) -> None:
        """Queue a snapshot; called on the event loop's thread."""
        snapshot, _, listeners = news
        # A snapshot that nobody sees need not wake the waiting thread.
        if listeners or snapshot.status.ended:
            self._arrived.put((state, news))

    def apply(self, seconds: float) -> None:
        """Apply the next snapshot that arrives within so many seconds, if any."""
        with suppress(Empty):
            state, news = self._arrived.get(timeout=seconds) if seconds > 0 else self._arrived.get_nowait()
            state.deliver(news, in_cell=True)
