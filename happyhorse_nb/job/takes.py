"""Several takes of the same request, held together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from happyhorse_nb.errors import JobError
from happyhorse_nb.job import display
from happyhorse_nb.job.job import Job
from happyhorse_nb.models import Cost

if TYPE_CHECKING:
    from happyhorse_nb.render import VideoOutput


class Takes(Sequence[Job]):
    """The `Job` objects of one request, in order, each with a seed of its own; ``generate(…, takes=4)`` makes them.

    ``status`` says how many stand where, ``cost`` is the sum in USD, ``error`` the first error among them once all have
    ended, ``seed`` the seed that was asked for (None where all were drawn). As the last value of a cell they show
    themselves: one card, and at the end the comparison.
    """

    def __init__(self, jobs: Iterable[Job], *, seed: int | None = None) -> None:
        self._jobs = tuple(jobs)
        self.seed = seed

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Job, ...]: ...
    def __getitem__(self, index: int | slice) -> Job | tuple[Job, ...]:
        return self._jobs[index]

    def __repr__(self) -> str:
        return f"<{len(self)} takes: {self.status}>"

    @property
    def status(self) -> str:
        """How many of them stand where, such as ``2 done, 1 processing, 1 queued``."""
        count = Counter(str(job.status) for job in self)
        return ", ".join(f"{number} {word}" for word, number in count.items())

    @property
    def cost(self) -> Cost | None:
        """What all of them cost together, in USD: bills where they are known, else estimates; None without any."""
        from happyhorse_nb.render import total

        return total([job.snapshot for job in self])

    @property
    def error(self) -> JobError | None:
        """The error of the first take that ended without a video; None while any runs."""
        return next((job.error for job in self if job.error is not None), None) if self.done() else None

    def done(self) -> bool:
        """Whether all of them have ended, with a video or without."""
        return all(job.done() for job in self)

    def result(self, timeout: float | None = None) -> list[VideoOutput]:
        """Wait for all of them and return their videos, in order.

        ``timeout`` is in seconds, for all together. Raises the first take's error when all have ended,
        `WaitTimeout`, and what `Job.watch` raises. An interrupt ends the waiting at once; the jobs go on.
        """
        from happyhorse_nb.job.waiting import wait

        wait(self, timeout=timeout)
        return [job.result() for job in self]

    def __await__(self) -> Generator[Any, None, list[VideoOutput]]:
        return self._arrive().__await__()

    async def _arrive(self) -> list[VideoOutput]:
        for job in self:
            job.watch()
        problem: JobError | None = None
        videos = []
        # One after the other: each is awaited to its end, however those before it have ended.
        for job in self:
            try:
                videos.append(await job)
            except JobError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return videos

    def stop(self) -> None:
        """Watch none of them any longer; queued takes are never sent, tasks that the server has go on there.

        Raises `LedgerError`.
        """
        for job in self:
            if not job.done():
                job.stop()

    def _ipython_display_(self) -> None:
        display.present(self)
