"""How a job shows itself: as a card where one can be shown, else as one line of text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.config import config

if TYPE_CHECKING:
    from happyhorse_nb.jobs.job import Job

Factory = Callable[["Job"], None]


def register(factory: Factory) -> None:
    """Set what shows a job in a notebook. The widgets do so; this layer knows nothing of them."""
    process.put("display", factory)


def present(job: Job, *, wait: bool | None = None) -> None:
    """Show a job, and wait for its end where that is wanted: by ``wait``, else by the settings, else where nobody could
    see it arrive later. What it ends with is not raised here."""
    show(job)
    settled = config().wait if wait is None else wait
    if (frontend.waits_by_default() if settled is None else settled) and not job.done():
        from happyhorse_nb.jobs.waiting import wait as wait_for

        wait_for([job])
        if not frontend.in_notebook():
            show(job)


def show(job: Job) -> None:
    """Show a job where the running cell shows its output, or print one line in a terminal."""
    factory = process.get("display")
    if factory is not None and frontend.in_notebook():
        factory(job)
        return
    from happyhorse_nb.render import line

    # Only ever called by the cell or the program itself, never from the background.
    print(line(job.snapshot, now=time.time()))  # noqa: T201  # see above
