"""Blocking waits: the owned thread queues the snapshots, the waiting thread applies them.

So what they show belongs to the waiting cell, and an interrupt gets through.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from happyhorse_nb.errors import WaitTimeout
from happyhorse_nb.jobs.progress import follow
from happyhorse_nb.settings import process
from happyhorse_nb.settings.process import PAUSE

if TYPE_CHECKING:
    from happyhorse_nb.jobs.job import Job, News


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
                        f"not finished after {timeout:g} s: {names}. The job still runs; wait for it again later."
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
        self._arrived: SimpleQueue[tuple[Job, News]] = SimpleQueue()
        # Each object once: two of the same id are equal, and each has listeners of its own.
        self._jobs = list({id(job): job for job in jobs}.values())
        #: What shows how far they are.
        self.line = follow(self._jobs, last_word=last_word)
        #: Whether nobody waits any more.
        self.over = False

    def begin(self) -> None:
        """Take over what nobody else has taken over."""
        process.uninterrupted(lambda: [job.divert(self) for job in self._jobs])

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
        for job in self._jobs:
            # All that came in is applied here, so that no end is lost and none is followed by what was before it.
            while not job.give_back(self, self._arrived.empty):
                self.apply(0)

    def put(self, job: Job, news: News) -> None:
        """Queue a snapshot; called on the owned thread."""
        snapshot, _, listeners = news
        # What nobody sees wakes nobody up.
        if listeners or snapshot.status.ended:
            self._arrived.put((job, news))

    def apply(self, seconds: float) -> bool:
        """Apply the next snapshot that arrives within so many seconds; False when none did."""
        try:
            job, news = self._arrived.get(timeout=seconds) if seconds > 0 else self._arrived.get_nowait()
        except Empty:
            return False
        job.deliver(news, in_cell=True)
        return True
