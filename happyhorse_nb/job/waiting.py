"""Blocking waits: the owned thread queues the snapshots, the waiting thread applies them.

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
from typing import TYPE_CHECKING, Any, Protocol

from happyhorse_nb.errors import WaitTimeout
from happyhorse_nb.job import display
from happyhorse_nb.job.notices import promise, promise_again, withdraw
from happyhorse_nb.job.state import state_of
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.process import PAUSE

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job
    from happyhorse_nb.job.state import JobState, News

#: Seconds that a wait in a notebook shows nothing, so that nothing flashes, and between two changes of its line.
_QUIET, _GAP = 2.0, 1.0
#: Between two changes in a terminal, and the longest line there.
_TERMINAL_GAP, _WIDEST = 0.2, 110


class Progress(Protocol):
    """Follows one wait."""

    def look(self) -> None:
        """Say how far it is, if it is time to."""

    def end(self) -> None:
        """Nobody waits any more."""


def follow(jobs: Sequence[Job], *, last_word: bool = True) -> Progress:
    """What shows the wait for these jobs; nothing where nobody looks, or where each has its card in the same cell.

    With ``last_word`` the line of a notebook stays at the end, and says what came of the wait; else it is gone.
    """
    if threading.current_thread() is threading.main_thread():
        if not frontend.in_notebook():
            return _Terminal(jobs, last_word=last_word) if sys.stderr.isatty() else _Nothing()
        code, run = frontend.running_cell()
        make = display.line()
        if code and make is not None and not display.shown_in(run, jobs):
            promise(jobs, waits=True)
            board = process.get("waits of a cell")
            if board is None or board.run != run:
                board = CellLine(run, make)
                process.put("waits of a cell", board)
            return _Joined(board, jobs, last_word=last_word)
    return _Nothing()


class _Nothing:
    def look(self) -> None:
        """Nobody would see it."""

    def end(self) -> None:
        """Nothing was shown."""


class CellLine:
    """The one line of all waits of a cell: those at the same time, and those one after the other.

    ``run`` is what tells this run of the cell from others, ``clock`` any steady clock in seconds.
    """

    def __init__(self, run: str, make: Callable[[], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self._make, self._clock = make, clock
        self._place: Any = None
        self._waits: list[Sequence[Job]] = []
        #: All that this cell has waited for, by their ids.
        self._jobs: dict[str, Job] = {}
        self._next = 0.0
        self._text = ""

    def join(self, jobs: Sequence[Job]) -> None:
        """Another wait begins."""
        if not self._waits and self._place is None:
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
        # By identity: two waits may be for the same jobs.
        self._waits = [other for other in self._waits if other is not jobs]
        if self._place is not None and not self._waits:
            from happyhorse_nb.render import waited

            some = [job.snapshot for job in self._jobs.values()]
            self._show(waited(some, now=time.time()) if last_word else "")

    def _show(self, text: str) -> None:
        from happyhorse_nb.render import quiet_line

        if text == self._text:
            return
        self._text = text
        bundle = {"text/html": quiet_line(text) if text else "", "text/plain": text}
        if self._place is None:
            self._place = self._make()
            self._place.put(bundle)
        else:
            self._place.change(bundle)


class _Joined:
    """One wait in the line of its cell."""

    def __init__(self, board: CellLine, jobs: Sequence[Job], *, last_word: bool) -> None:
        self._board, self._jobs, self._last_word = board, list(jobs), last_word
        board.join(self._jobs)

    def look(self) -> None:
        # A wait is not to fail because it cannot be shown.
        with suppress(Exception):
            self._board.look()

    def end(self) -> None:
        with suppress(Exception):
            self._board.leave(self._jobs, last_word=self._last_word)


class _Terminal:
    """One line of text that follows the wait, in a terminal that a person looks at."""

    def __init__(self, jobs: Sequence[Job], *, last_word: bool) -> None:
        self._jobs = list(jobs)
        # Without a last word of ours the caller has one.
        self._withdrawn = [] if last_word else withdraw(jobs)
        self._width = 0
        self._text = ""
        self._next = 0.0

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _TERMINAL_GAP
        # A line that wraps cannot be written over.
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

    Where somebody looks, a line says how far it is; with ``last_word``, at the end also what came of it. Of an
    interrupt a notebook prints one line, which says what goes on.
    """
    for job in jobs:
        job.watch()
    until = None if timeout is None else time.monotonic() + timeout
    with in_one_line(jobs):
        waiting = Waiting(jobs, last_word=last_word)
        # Not ``with``: an interrupt may come when all is taken over, and before the block has begun.
        try:
            waiting.begin()
            undone = list(jobs)
            while undone:
                if undone[-1].done():
                    # Each is asked until it has ended, not all of them at every news of one.
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
    """Of an interrupt within, a notebook prints one line: which of the jobs go on."""
    try:
        yield
    except (KeyboardInterrupt, CancelledError) as interrupt:
        # (ipykernel cancels what a cell awaits.)
        names = [job.snapshot.short_id for job in jobs if not job.done()]
        rest = f"{names[0]} still runs" if len(names) == 1 else f"{len(names):,} jobs still run"
        line = f"{type(interrupt).__name__}: no longer waiting{f'; {rest}' if names else ''}."
        # What IPython asks for before it formats a traceback. The class is that of any interrupt, which others know.
        interrupt._render_traceback_ = lambda *_: [line]  # type: ignore[union-attr]
        raise


class Waiting:
    """Takes the snapshots of some jobs over to the thread that waits for them, and gives them back at the end."""

    def __init__(self, jobs: Sequence[Job], *, last_word: bool = True) -> None:
        self._arrived: SimpleQueue[tuple[JobState, News]] = SimpleQueue()
        # Each object once: two of the same id are equal, and each has listeners of its own.
        self._states = list({id(job): state_of(job) for job in jobs}.values())
        #: What shows how far they are.
        self.line = follow(jobs, last_word=last_word)
        #: Whether nobody waits any more.
        self.over = False

    def begin(self) -> None:
        """Take over what nobody else has taken over."""
        process.uninterrupted(lambda: [state.divert(self) for state in self._states])

    def end(self) -> None:
        """Give back what was taken over."""
        try:
            self._give_back()
        except BaseException:
            # Interrupted once more. What is not given back is never shown.
            process.uninterrupted(self._give_back)
            raise
        finally:
            self.line.end()

    def _give_back(self) -> None:
        # First: what an interrupted `begin` has still under way is to take over no more.
        self.over = True
        for state in self._states:
            # All that came in is applied here, so that no end is lost and none is followed by what was before it.
            while not state.give_back(self, self._arrived.empty):
                self.apply(0)

    def put(self, state: JobState, news: News) -> None:
        """Queue a snapshot; called on the owned thread."""
        snapshot, _, listeners = news
        # What nobody sees wakes nobody up.
        if listeners or snapshot.status.ended:
            self._arrived.put((state, news))

    def apply(self, seconds: float) -> bool:
        """Apply the next snapshot that arrives within so many seconds; False when none did."""
        try:
            state, news = self._arrived.get(timeout=seconds) if seconds > 0 else self._arrived.get_nowait()
        except Empty:
            return False
        state.deliver(news, in_cell=True)
        return True
