"""How a job shows itself: as a card where one can be shown, else as one line of text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.jobs.question import Pending, settled
from happyhorse_nb.settings import frontend, process
from happyhorse_nb.settings.config import config

if TYPE_CHECKING:
    from happyhorse_nb.jobs.job import Job
    from happyhorse_nb.jobs.takes import Takes

Factory = Callable[["Job"], None]
TakesFactory = Callable[["Takes"], None]


def register(
    factory: Factory,
    takes: TakesFactory | None = None,
    place: Callable[[], Any] | None = None,
    notice: Callable[[], Any] | None = None,
    several: Callable[[list[Job]], None] | None = None,
) -> None:
    """Set what shows a job, several takes, and several jobs in a notebook, what makes a place for a line that changes,
    and what gives notice of a job's end.

    The widgets do so; this layer knows nothing of them.
    """
    process.put("display", factory)
    process.put("display of takes", takes)
    process.put("display of a line", place)
    process.put("notice", notice)
    process.put("display of several", several)


def place() -> Callable[[], Any] | None:
    """What makes a place in the running cell, None where there is no such thing."""
    found: Callable[[], Any] | None = process.get("display of a line")
    return found


def shown_in(run: str, jobs: Iterable[Job]) -> bool:
    """Whether each of these jobs was shown by that run of a cell."""
    cells = _cells()
    return all(cells.get(job.id) == run for job in jobs)


def _cells() -> dict[str, str]:
    """By which run of a cell a job was shown last, by the job's id."""
    cells: dict[str, str] = process.once("cells of cards", dict)
    return cells


def present(shown: Job | Takes, *, wait: bool | None = None) -> None:
    """Show a job or takes, and wait for their end where that is wanted: by ``wait``, else by the settings, else where
    nobody could see it arrive later. What it ends with is not raised here. Of what is not bought yet the question is
    shown, and nobody waits."""
    if process.is_a(shown, Pending):
        shown.show()
        return
    for job in members(shown):
        # One that runs in another kernel moves on here too; one of another account is shown as it was last seen.
        with suppress(HappyHorseError):
            job.watch()
    from happyhorse_nb.jobs.notices import promise

    show(shown)
    settled = config().wait if wait is None else wait
    waits = (frontend.waits_by_default() if settled is None else settled) and not shown.done()
    promise(members(shown), waits=waits)
    if waits:
        from happyhorse_nb.jobs.waiting import wait as wait_for

        wait_for(members(shown))
        if not frontend.changes_are_shown():
            # There the card stands as it was at first.
            print("\n".join(lines(shown)))  # noqa: T201  # in the cell, as below


def show_several(some: Sequence[object]) -> None:
    """Show a list of jobs or takes as a table that moves. Raises NotImplementedError for any other list, and where no
    such thing can be shown."""
    from happyhorse_nb.jobs.job import Job
    from happyhorse_nb.jobs.takes import Takes

    factory: Callable[[list[Job]], None] | None = process.get("display of several")
    if factory is None or not some or not frontend.in_notebook():
        raise NotImplementedError
    if not all(process.is_a(one, Job, Takes) for one in some):
        raise NotImplementedError
    factory([job for one in some for job in members(cast("Job | Takes", one))])


def show(shown: Job | Takes) -> None:
    """Show a job or takes where the running cell shows its output, or print a line for each in a terminal."""
    jobs = members(shown)
    several = shown is not jobs[0]
    factory: Callable[[Any], None] | None = process.get("display of takes" if several else "display")
    if factory is not None and frontend.in_notebook():
        factory(shown)
        _cells().update(dict.fromkeys((job.id for job in jobs), frontend.running_cell()[1]))
        return
    # Only ever called by the cell or the program itself, never from the background.
    print("\n".join(lines(shown)))  # noqa: T201  # see above


def lines(shown: Job | Takes) -> list[str]:
    """A job as a line of text; takes as one for all of them, and one for each."""
    from happyhorse_nb.render import line, takes_line

    jobs = members(shown)
    snapshots = [job.snapshot for job in jobs]
    each = [line(snapshot, now=time.time()) for snapshot in snapshots]
    return each if shown is jobs[0] else [takes_line(snapshots), *each]


def members(shown: Job | Takes) -> list[Job]:
    """The job, or the jobs of the takes. Raises `InvalidRequest` for what is not bought yet."""
    shown = settled(shown)
    return list(shown) if isinstance(shown, Iterable) else [shown]
