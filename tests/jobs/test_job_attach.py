"""A task that the account's history shows is attached to the job whose outcome was not known."""

from __future__ import annotations

import pytest

import happyhorse_nb as hh
from happyhorse_nb.jobs import engine
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


UUID = "0b9d3c1e-5f52-4c8e-9d2a-7c0f3f6f1a22"


def test_a_task_from_elsewhere_may_have_an_id_of_any_form(generate: Generate, fake_server: FakeServer) -> None:
    ended(generate())
    task = fake_server.task
    task.id = UUID
    fake_server.tasks[UUID] = task
    [foreign] = hh.resume(UUID)
    assert str(ended(foreign).status) == "done"
    assert foreign.task_id == UUID
    # Now it is known, and asked for once.
    assert [job.id for job in hh.resume(UUID[:13])] == [foreign.id]
    assert len(hh.jobs()) == 2
    assert fake_server.paid == 1


@pytest.mark.parametrize("piece", ["0b9d3c1e", "launch_of_the_rocket", "0123456789ab", "0b9d3c1e 5f52 4c8e"])
def test_a_mistyped_piece_is_no_task_from_elsewhere(generate: Generate, fake_server: FakeServer, piece: str) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    ended(generate())
    with pytest.raises(hh.JobNotFound, match="no job has"):
        hh.resume(piece)
    assert [str(job.status) for job in hh.jobs()] == ["unknown"]


def test_a_piece_of_several_ids_is_no_task_from_elsewhere(generate: Generate, fake_server: FakeServer) -> None:
    for seed in (1, 2):
        ended(generate(seed=seed))
    for number in (1, 2):
        engine().ledger._connection.execute(
            "UPDATE jobs SET task_id = ? WHERE task_id = ?", (f"{UUID}-{number}", f"task-fake000{number}")
        )
    with pytest.raises(hh.JobNotFound, match="more than one job"):
        hh.resume(UUID)
