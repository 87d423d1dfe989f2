"""Says that a video is there to somebody who does something else meanwhile: in a terminal, or by the browser."""

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

#: Seconds that a video has to take until its end is worth a notice: who waits for less looks on.
LONG = 60.0

#: Makes, in the running cell, what is called with how a job has ended, and gives notice of it.
Notice = Callable[[], Callable[[Snapshot], None]]


def promise(jobs: Sequence[Job], *, waits: bool = False) -> None:
    """Tell the end of these jobs to whoever has asked for them; ``waits``: in a terminal somebody sees it anyway."""
    shell = frontend.shell()
    promised: set[str] = process.once("promised", set)
    for job in jobs:
        if shell is None or job.done() or job.id in promised:
            continue
        if frontend.in_notebook():
            make: Notice | None = process.get("notice")
            if make is None or not config().notify or frontend.waits_by_default():
                continue
            tell = make()
        elif waits:
            continue
        else:
            tell = Terminal.of(shell).tell
        promised.add(job.id)
        _at_the_end(job, tell, promised)


def withdraw(jobs: Sequence[Job]) -> list[Job]:
    """Say no end of these jobs, which somebody waits for; gives those of which one was promised."""
    promised: set[str] = process.once("promised", set)
    some = [job for job in jobs if job.id in promised]
    promised.difference_update(job.id for job in some)
    return some


def promise_again(jobs: Sequence[Job]) -> None:
    """Nobody waits any more: say the end of those that have not ended."""
    promised: set[str] = process.once("promised", set)
    promised.update(job.id for job in jobs if not job.done())


def took_long(snapshot: Snapshot) -> bool:
    """Whether it is done, and has taken so long that somebody may have turned to something else."""
    return snapshot.status == Status.DONE and (snapshot.ended or time.time()) - snapshot.created >= LONG


def _at_the_end(job: Job, tell: Callable[[Snapshot], None], promised: set[str]) -> None:
    def heard(snapshot: Snapshot) -> None:
        if snapshot.status.ended and job.id in promised:
            promised.discard(job.id)
            undo()
            tell(snapshot)

    undo = job.subscribe(heard)
    # It may have ended before that.
    heard(job.snapshot)


class Terminal:
    """The terminal of an IPython shell: a line above its prompt, or as soon as the cell that runs has ended."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._held: list[str] = []
        shell.events.register("post_run_cell", self._flush)

    @classmethod
    def of(cls, shell: Any) -> Terminal:
        """The one of this process."""
        made: Terminal = process.once("terminal", lambda: cls(shell))
        return made

    def tell(self, snapshot: Snapshot) -> None:
        """Say how a job has ended. Callable from any thread; it never writes into what is being typed."""
        from happyhorse_nb.render import line

        bell = "\a" if config().notify and took_long(snapshot) else ""
        self._held.append(bell + line(snapshot, now=time.time()))
        app = getattr(getattr(self._shell, "pt_app", None), "app", None)
        if app is not None and app.is_running:
            # Where the prompt ends at this moment, the line comes at the next one.
            with suppress(RuntimeError):
                app.loop.call_soon_threadsafe(self._above)

    def _above(self) -> None:
        from prompt_toolkit.application import run_in_terminal

        if self._held:
            run_in_terminal(self._flush)

    def _flush(self, *_: object) -> None:
        # Each line once, whoever comes first.
        while self._held:
            print(self._held.pop(0))  # noqa: T201  # by the terminal's own thread, between two of the user's lines
