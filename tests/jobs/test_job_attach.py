"""A task that the account's history shows is attached to the job whose outcome was not known."""

from __future__ import annotations

import happyhorse_nb as hh
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from support.fake_server import Cut, Do, FakeServer


def test_resume_with_the_tasks_id_ends_the_doubt(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    job = ended(generate())
    assert str(job.status) == "unknown"
    [taken] = hh.resume(fake_server.task.id)
    assert taken.id == job.id
    taken.result(timeout=DEADLINE)
    assert [str(found.status) for found in hh.jobs()] == ["done"]
    # And now an equal request shows that video.
    assert generate().id == job.id
    assert fake_server.paid == 1


def test_with_two_in_doubt_the_task_has_a_row_of_its_own(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING), Do(cut=Cut.AFTER_ACCEPTING))
    ended(generate("one"))
    ended(generate("two"))
    [taken] = hh.resume(fake_server.task.id)
    taken.result(timeout=DEADLINE)
    assert sorted(str(found.status) for found in hh.jobs()) == ["done", "unknown", "unknown"]
