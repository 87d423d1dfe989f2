"""Tells a user who does something else that a video is there: in a terminal, or by a browser's notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.config import config

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job

#: Seconds from which on a video's end is worth a notice; for a shorter wait the user stays and looks.
LONG = 60.0

#: Called in the running cell; what it returns is called with a job's last snapshot, and gives notice of it.
Notice = Callable[[], Callable[[Snapshot], None]]


def promise(jobs: Sequence[Job], *, waits: bool = False) -> None:
    """Give notice when these jobs end, where the user wants that; not in a terminal where somebody ``waits``."""
    shell = frontend.shell()
    promised: set[str] = process.once("promised", set)
    for job in jobs:
        if shell is None or job.done() or job.id in promised:
            continue
        if frontend.in_notebook():
            make: Notice | None = process.get("display of a notice")
            if make is None or not config().notify or frontend.waits_by_default():
                continue
            tell = make()
        elif waits:
            continue
        else:
            tell = process.once("terminal", lambda: Terminal(shell)).tell
        promised.add(job.id)
        _at_the_end(job, tell, promised)


def withdraw(jobs: Sequence[Job]) -> list[Job]:
    """Give no notice of these jobs, which somebody waits for; returns those of which one was promised."""
    promised: set[str] = process.once("promised", set)
    some = [job for job in jobs if job.id in promised]
    promised.difference_update(job.id for job in some)
    return some


def promise_again(jobs: Sequence[Job]) -> None:
    """Nobody waits any more: give notice of those that have not ended."""
    promised: set[str] = process.once("promised", set)
    promised.update(job.id for job in jobs if not job.done())


def took_long(snapshot: Snapshot) -> bool:
    """Whether it is done, and has taken so long that the user may have turned to something else."""
    return snapshot.status == Status.DONE and (snapshot.ended or time.time()) - snapshot.created >= LONG


def _at_the_end(job: Job, tell: Callable[[Snapshot], None], promised: set[str]) -> None:
    def heard(snapshot: Snapshot) -> None:
        if snapshot.status.ended and job.id in promised:
            promised.discard(job.id)
            undo()
            tell(snapshot)

    undo = job.subscribe(heard)
    # It may have ended before it was subscribed to.
    heard(job.snapshot)


class Terminal:
    """Writes into the terminal of an IPython shell: above its prompt, or when the running cell has ended."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._held: list[str] = []
        shell.events.register("post_run_cell", self._flush)

    def tell(self, snapshot: Snapshot) -> None:
        """Say how a job has ended. Callable from any thread; it never writes into what the user types."""
        from happyhorse_nb.render import line

        bell = "\a" if config().notify and took_long(snapshot) else ""
        self._held.append(bell + line(snapshot, now=time.time()))
        app = getattr(getattr(self._shell, "pt_app", None), "app", None)
        if app is not None and app.is_running:
            # The prompt may end at this moment; then the line comes with the next one.
            with suppress(RuntimeError):
                app.loop.call_soon_threadsafe(self._above)

    def _above(self) -> None:
        from prompt_toolkit.application import run_in_terminal

        if self._held:
            run_in_terminal(self._flush)

    def _flush(self, *_: object) -> None:
        # Called by two; each line is printed once.
        while self._held:
            print(self._held.pop(0))  # noqa: T201  # on the terminal's own thread, between two of the user's lines
