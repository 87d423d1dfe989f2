"""A task that the account's history shows is attached to the job whose outcome was not known."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.magic.extension import run_line
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, Seen, ended
from jobs.test_job_again import Program
from support.fake_server import Cut, Do, FakeServer, Say, Task


def lost(generate: Generate, fake_server: FakeServer, prompt: str = "The rocket lifts off") -> hh.Job:
    """A job whose task the server has, and of which it is not known."""
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    job = ended(generate(prompt))
    assert str(job.status) == "unknown"
    return job


def magic(line: str, **names: Any) -> None:
    run_line(SimpleNamespace(user_ns=names), line)


def of_somebody_else(fake_server: FakeServer, *words: str) -> str:
    """A task that this server knows, and that was made with no job of this ledger."""
    fake_server.tasks["task-other001"] = Task("task-other001", words or ("success",), {})
    return "task-other001"


def test_the_task_that_the_user_names_ends_the_doubt(generate: Generate, fake_server: FakeServer) -> None:
    job = lost(generate, fake_server)
    assert job.error is not None
    assert f'hh.resume("TASK-ID", attach="{job.id[:8]}");' in str(job.error)
    [taken] = hh.resume(fake_server.task.id, attach=job.id[:8])
    # Whoever holds the job sees how it goes on.
    assert taken is job
    taken.result(timeout=DEADLINE)
    assert [str(found.status) for found in hh.jobs()] == ["done"]
    # And now an equal request shows that video.
    assert generate().id == job.id
    assert fake_server.paid == 1
    # Said again, it is so.
    assert [one.id for one in hh.resume(fake_server.task.id, attach=job)] == [job.id]
    assert len(fake_server.of("file")) == 1


def test_a_task_that_is_only_named_is_a_job_of_its_own(generate: Generate, fake_server: FakeServer) -> None:
    job = lost(generate, fake_server)
    task = of_somebody_else(fake_server)
    with pytest.warns(
        UserWarning, match=f'its own now. If it is that of job {job.id[:8]}, .*"{task}", attach="{job.id[:8]}"'
    ):
        [other] = hh.resume(task)
    other.result(timeout=DEADLINE)
    assert {(found.id, str(found.status)) for found in hh.jobs()} == {(job.id, "unknown"), (other.id, "done")}
    # Its own task can still be found, and the cell run again says so.
    assert generate() == job
    [taken] = hh.resume(fake_server.tasks["task-fake0001"].id, attach=job)
    taken.result(timeout=DEADLINE)
    assert fake_server.paid == 1


def test_in_a_cell_it_is_said_in_one_line(
    generate: Generate, fake_server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = lost(generate, fake_server, "one"), lost(generate, fake_server, "two")
    task = fake_server.task.id
    magic(f"resume {task}")
    [line] = [line for line in capsys.readouterr().out.splitlines() if "whose outcome is not known" in line]
    assert f"one of {second.id[:8]}, {first.id[:8]}, whose outcome is not known" in line
    # Which is done as it is said, whatever it is that watches the task now.
    magic(f"resume {task} --attach launch", launch=second)
    assert str(ended(second).status) == "done"
    assert sorted((found.prompt, str(found.status)) for found in hh.jobs()) == [("one", "unknown"), ("two", "done")]
    with pytest.raises(hh.UsageError, match="one task and one job"):
        magic(f"resume --attach {first.id}")
    assert fake_server.paid == 2


def test_what_was_fetched_by_its_id_is_the_job_s_film(
    generate: Generate, fake_server: FakeServer, videos: Callable[[], list[str]]
) -> None:
    job = lost(generate, fake_server)
    with pytest.warns(UserWarning, match="attach="):
        [alone] = hh.resume(fake_server.task.id)
    path = ended(alone).path
    [taken] = hh.resume(fake_server.task.id, attach=job)
    assert (taken.id, str(ended(taken).status), taken.path) == (job.id, "done", path)
    assert (len(hh.jobs()), len(videos()), len(fake_server.of("file"))) == (1, 1, 1)
    # Paid for once, in the sum too.
    assert "$0.70" in repr(hh.jobs())
    assert generate().path == path


@pytest.mark.parametrize("words", [("success",), ("processing",), ("failed",)])
def test_a_job_that_has_the_wrong_task_gets_its_own(
    generate: Generate, fake_server: FakeServer, words: tuple[str, ...]
) -> None:
    job = lost(generate, fake_server)
    own, wrong = fake_server.task.id, of_somebody_else(fake_server, *words)
    hh.resume(wrong, attach=job)
    fake_server.wait_for("poll", 2)
    if words != ("processing",):
        ended(job)
    [taken] = hh.resume(own, attach=job.id)
    assert (taken.id, taken.result(timeout=DEADLINE).path) == (job.id, taken.path)
    assert taken.task_id == own
    # What it had is somebody's film all the same.
    [other] = [found for found in hh.jobs() if found.task_id == wrong]
    assert (other.id != job.id, other.prompt, other.path != taken.path) == (True, "", True)
    assert str(other.status) == {"success": "done", "processing": "stopped", "failed": "failed"}[words[0]]
    # As often as the user likes.
    hh.resume(wrong, attach=job.id)
    assert len(hh.jobs()) == 2
    assert fake_server.paid == 1


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({"model": "alibaba/happyhorse-9"}, ""),
        ({"model": "alibaba/happyhorse-1.0-t2v"}, "its model is happyhorse-1.0-t2v, and the job's happyhorse-1.0-i2v"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "it is older than the job"),
        ({"created_at": 1_577_836_800}, "it is older than the job"),
        ({"created_at": 1_577_836_800_000}, "it is older than the job"),
        ({"created_at": "2099-01-01T00:00:00+08:00"}, "it was made after the job had ended"),
        ({"created_at": "2020-01-01 00:00:00"}, ""),
        ({"created_at": "yesterday"}, ""),
        ({"created_at": None}, ""),
        ({"duration": 3_600_000}, "it took 60 min, and the job is younger than that"),
    ],
)
def test_a_task_of_which_the_server_says_something_else_is_not_attached(
    generate: Generate, fake_server: FakeServer, says: dict[str, Any], why: str
) -> None:
    job = lost(generate, fake_server)
    fake_server.task.say("success")
    fake_server.script("poll", Do(edit=lambda body: body["data"].update(says)))
    if not why:
        [taken] = hh.resume(fake_server.task.id, attach=job)
        assert str(ended(taken).status) == "done"
        return
    with pytest.raises(hh.InvalidRequest, match=f"is not that of job {job.id[:8]}: {why}"):
        hh.resume(fake_server.task.id, attach=job)
    assert [str(found.status) for found in hh.jobs()] == ["unknown"]
    # Nor is it proposed.
    fake_server.script("poll", Do(edit=lambda body: body["data"].update(says)))
    [alone] = hh.resume(fake_server.task.id)
    ended(alone)


def test_another_model_s_task_is_not_attached(generate: Generate, fake_server: FakeServer) -> None:
    job = lost(generate, fake_server)
    engine().ledger._connection.execute("UPDATE jobs SET model = 'happyhorse-0.9-i2v'")
    fake_server.script("poll", Do(edit=lambda body: body["data"].update(model="alibaba/happyhorse-1.0-i2v")))
    with pytest.raises(hh.InvalidRequest, match=r"its model is happyhorse-1\.0-i2v, and the job's happyhorse-0\.9-i2v"):
        hh.resume(fake_server.task.id, attach=job.id)
    assert [str(found.status) for found in hh.jobs()] == ["unknown"]


def test_a_task_that_cannot_be_read_now_is_not_attached(generate: Generate, fake_server: FakeServer) -> None:
    job = lost(generate, fake_server)
    for answer, kind in ((Say(503), hh.ServerError), (Say(403), hh.BadRequest), (Say(404), hh.JobNotFound)):
        fake_server.script("poll", answer)
        with pytest.raises(kind):
            hh.resume(fake_server.task.id, attach=job)
    for piece in ("launch of the rocket", "../x", ""):
        with pytest.raises(hh.JobNotFound, match="is not a task id"):
            hh.resume(piece, attach=job)
    assert [str(found.status) for found in hh.jobs()] == ["unknown"]


def test_only_a_job_in_doubt_takes_a_task_and_no_other_job_s(generate: Generate, fake_server: FakeServer) -> None:
    done = ended(generate("done"))
    job = lost(generate, fake_server)
    task = of_somebody_else(fake_server)
    with pytest.raises(hh.InvalidRequest, match=r"is done; only a job that is unknown takes a task"):
        hh.resume(task, attach=done)
    with pytest.raises(hh.InvalidRequest, match=f"task-fake0001 is that of job {done.id}"):
        hh.resume("task-fake0001", attach=job)
    fake_server.words = ("processing",)
    running = generate("running")
    Seen(running).until("processing")
    with pytest.raises(hh.InvalidRequest, match="only a job that is unknown"):
        hh.resume(task, attach=running)
    with pytest.raises(hh.JobNotFound, match="no job has"):
        hh.resume(task, attach="ffffffffffff")
    with pytest.raises(hh.InvalidRequest, match="one task and one job"):
        hh.resume(job, attach=job)
    with pytest.raises(hh.InvalidRequest, match="one task and one job"):
        hh.resume(attach=job)
    running.stop()
    ended(running)
    assert sorted(str(found.status) for found in hh.jobs()) == ["done", "stopped", "unknown"]


def test_what_another_kernel_watches_is_left_to_it(
    generate: Generate, fake_server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lost(generate, fake_server)
    task = fake_server.task.id
    fake_server.task.say("processing")
    body = "import warnings\nwarnings.simplefilter('ignore')\nhh.resume(sys.argv[2])[0].result()"
    program = Program(body, folder, task)
    fake_server.wait_for("poll", 2)
    with pytest.raises(hh.InvalidRequest, match=r"is watched in another kernel\. Stop it there first"):
        hh.resume(task, attach=job)
    program.kill()
    fake_server.task.say("success")
    [taken] = hh.resume(task, attach=job)
    assert (taken.id, str(ended(taken).status)) == (job.id, "done")
    assert len(hh.jobs()) == 1


def test_a_queued_job_takes_no_task_and_a_forgotten_one_is_not_proposed(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    hh.forget(lost(generate, fake_server))
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    running = generate("running")
    fake_server.wait_for("poll")
    queued = generate("queued")
    task = of_somebody_else(fake_server)
    with pytest.raises(hh.InvalidRequest, match=r"is queued; only a job that is unknown"):
        hh.resume(task, attach=queued)
    queued.stop()
    running.stop()
    ended(running)
    # Without a warning.
    [alone] = hh.resume(task)
    assert str(ended(alone).status) == "done"


def test_one_of_some_takes_gets_its_task(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING), Do(cut=Cut.AFTER_ACCEPTING))
    launch: Any = generate(takes=2)
    for take in launch:
        ended(take)
    with pytest.raises(hh.UsageError, match="one task and one job"):
        magic("resume task-fake0001 --attach launch", launch=launch)
    magic("resume task-fake0001 --attach launch[1]", launch=launch)
    ended(launch[1])
    assert [str(take.status) for take in launch] == ["unknown", "done"]


def test_what_was_billed_is_counted_once(generate: Generate, fake_server: FakeServer) -> None:
    job = lost(generate, fake_server)
    ledger, kernel = engine().ledger, engine().presence.id
    ledger._connection.execute("UPDATE jobs SET sandbox = 0")
    assert ledger.spent(kernel) == Decimal("1.145")
    with pytest.warns(UserWarning, match="attach="):
        ended(hh.resume(fake_server.task.id)[0])
    hh.resume(fake_server.task.id, attach=job)
    assert ledger.spent(kernel) == Decimal("0.7")
    # With another task, what it costs is not known again.
    [taken] = hh.resume(of_somebody_else(fake_server, "processing"), attach=job)
    assert ledger.spent(kernel) == Decimal("1.145")
    taken.stop()
    ended(taken)


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
