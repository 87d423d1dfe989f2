"""A running job's tile moves on, slowly; its end is never held back."""

from __future__ import annotations

from typing import Any

from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.widgets.gallery import Followed


class Running:
    """A job that says what the test says."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id
        self.heard: list[Any] = []

    def done(self) -> bool:
        return False

    def subscribe(self, listener: Any) -> Any:
        self.heard.append(listener)
        return lambda: self.heard.remove(listener)

    def say(self, status: Status, fraction: float = 0.0) -> None:
        for listener in list(self.heard):
            listener(Snapshot(status=status, id=self.id, progress=Progress(fraction=fraction)))


def test_many_busy_jobs_tell_once_a_second_in_all_and_their_ends_at_once() -> None:
    now = 100.0
    told: list[Snapshot] = []
    live = Followed(told.append, clock=lambda: now)
    some: list[Any] = [Running("a"), Running("b"), Running("c")]
    live.follow(some)
    for tick in range(100):
        now = 100 + tick / 20
        for job in some:
            job.say(Status.PROCESSING, tick / 100)
    assert len(told) == 5
    some[1].say(Status.DONE)
    some[2].say(Status.FAILED)
    assert [str(snapshot.status) for snapshot in told[5:]] == ["done", "failed"]


def test_a_page_that_is_left_is_listened_to_no_more() -> None:
    told: list[Snapshot] = []
    live = Followed(told.append)
    some: list[Any] = [Running("a")]
    live.follow(some)
    live.follow([])
    some[0].say(Status.DONE)
    assert (told, some[0].heard) == ([], [])
