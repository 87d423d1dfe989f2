"""Running again costs nothing, resuming loses nothing: in one process, in another one, in several at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from support.fake_server import Answer, Cut, Do, FakeServer, Say

PROGRAM = """
import json, sys
import happyhorse_nb as hh
from happyhorse_nb.settings.config import config

config().max_poll_gap = 0.1
config().max_backoff = 0.01
config().requests_per_minute = 10_000
config().folder = sys.argv[1]
{body}
"""


class Program:
    """A Python program in a process of its own, with the same ledger and server."""

    def __init__(self, body: str, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-c", PROGRAM.format(body=body), str(folder), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, code: int = 0, *, leaves: str = "") -> Any:
        """Wait until it has ended; what it has printed, as JSON. On stderr it says what it leaves, and nothing else."""
        out, err = self._process.communicate(timeout=DEADLINE)
        said = f"happyhorse_nb: {leaves} (" if leaves else ""
        assert (self._process.returncode, err[: len(said)], err.count("\n")) == (code, said, bool(leaves)), err
        return json.loads(out) if out else None

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def test_an_equal_request_is_not_bought_again(generate: Generate, fake_server: FakeServer) -> None:
    first = ended(generate(seed=7))
    asked = len(fake_server.requests)
    second = generate(seed=7, duration=5)
    assert second.done()
    assert (second.id, second.path, second.snapshot.reused) == (first.id, first.path, True)
    assert second.result().path == first.path
    assert len(fake_server.requests) == asked
    # Another prompt, seed or length is another request.
    for options in ({"seed": 8}, {"seed": 7, "duration": 6}):
        ended(generate(**options))
    ended(generate("another", seed=7))
    assert fake_server.paid == 4


def test_a_relative_home_is_one_ledger_wherever_the_notebook_goes(
    generate: Generate,
    fake_server: FakeServer,
    tmp_path: Path,
    folder: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HAPPYHORSE_HOME", "kept-beside-the-notebook")
    first = ended(generate())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert generate().id == first.id
    # For programs that are started from there, too: a process pool, `!happyhorse-nb`.
    assert Program(GENERATE + "print(json.dumps(job.id))", folder, str(photo)).end() == first.id
    assert fake_server.paid == 1
    engine().close()


def test_again_buys(generate: Generate, fake_server: FakeServer, settings: Settings) -> None:
    first = ended(generate())
    ended(generate(again=True))
    ended(hh.again(first))
    settings.reuse = False
    ended(generate())
    assert fake_server.paid == 4
    payloads = [{**task.payload, "seed": None} for task in fake_server.tasks.values()]
    assert payloads == payloads[:1] * 4
    assert len({task.payload["seed"] for task in fake_server.tasks.values()}) == 4


def test_a_running_one_is_joined(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        first, second = generate(), generate()
        assert first is second
        fake_server.wait_for("submit")
    ended(first)
    assert fake_server.paid == 1


def test_threads_that_ask_for_the_same_at_once_buy_it_once(generate: Generate, fake_server: FakeServer) -> None:
    jobs: list[hh.Job] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        jobs.append(generate())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(job) for job in jobs}) == 1
    assert str(ended(jobs[0]).status) == "done"
    assert fake_server.paid == 1


def test_a_video_whose_file_is_gone_is_fetched_again(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate())
    assert job.path is not None
    job.path.unlink()
    again = ended(generate())
    assert str(again.status) == "done"
    assert again.path is not None
    assert again.path.exists()
    assert fake_server.paid == 1


def test_kernels_that_find_a_video_gone_at_once_both_fetch_it(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    job = ended(generate())
    assert job.path is not None
    job.path.unlink()
    fetched = len(fake_server.of("file"))
    body = GENERATE + "job.result(timeout=120); print(json.dumps([job.id, str(job.status), job.path.exists()]))"
    with fake_server.held("file"):
        programs = [Program(body, folder, str(photo)) for _ in range(3)]
        fake_server.wait_for("file", fetched + 3)
    assert [program.end() for program in programs] == [[job.id, "done", True]] * 3
    assert fake_server.paid == 1


@pytest.fixture
def expired(generate: Generate, fake_server: FakeServer) -> hh.Job:
    """A job that has ended as expired, though the server knows its task again: it has lost it for longer than anybody
    asks."""
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    tasks = dict(fake_server.tasks)
    fake_server.tasks.clear()
    assert isinstance(ended(job).error, hh.JobExpired)
    fake_server.tasks.update(tasks)
    fake_server.task.say("success")
    return job


def test_an_expired_one_is_asked_about_once_more_before_another_is_bought(
    expired: hh.Job, generate: Generate, fake_server: FakeServer
) -> None:
    taken = generate()
    assert taken is expired
    assert str(ended(taken).status) == "done"
    assert (fake_server.paid, [str(job.status) for job in hh.jobs()]) == (1, ["done"])
    # And `again` asks nobody.
    asked = len(fake_server.of("poll"))
    fake_server.words = ("success",)
    with fake_server.held("submit"):
        new = generate(again=True)
        fake_server.wait_for("submit", 2)
        assert len(fake_server.of("poll")) == asked
    ended(new)
    assert fake_server.paid == 2


@pytest.mark.parametrize(
    "answer",
    [Say(503), Say(401), Say(404, raw=b"<html>"), Say(429), Do(cut=Cut.HALFWAY), Say(raw=b"<html>")],
    ids=["503", "401", "404 of a proxy", "429", "cut", "unreadable"],
)
def test_where_nobody_can_say_whether_an_expired_one_is_gone_nothing_is_bought(
    expired: hh.Job, generate: Generate, fake_server: FakeServer, answer: Answer
) -> None:
    # aiohttp itself reads once more where the connection was cut.
    fake_server.script("poll", answer, answer)
    taken = ended(generate())
    assert taken is expired
    fake_server.forget("poll")
    [taken] = hh.resume() or [taken]
    assert str(ended(taken).status) == "done"
    assert fake_server.paid == 1


@pytest.mark.usefixtures("expired")
def test_kernels_that_run_an_expired_one_again_at_once_buy_nothing(
    fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    body = (
        "job = hh.generate(sys.argv[2], 'The rocket lifts off')\n"
        "job.result(timeout=120)\n"
        "print(json.dumps([job.id, str(job.status)]))"
    )
    programs = [Program(body, folder, str(photo)) for _ in range(2)]
    assert len({tuple(program.end()) for program in programs}) == 1
    assert fake_server.paid == 1


def test_an_expired_one_is_resumed(expired: hh.Job, fake_server: FakeServer) -> None:
    [taken] = hh.resume(expired)
    assert str(ended(taken).status) == "done"
    assert fake_server.paid == 1


def test_an_unknown_one_is_explained_and_not_sent(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    job = ended(generate())
    assert ended(generate()).error is not None
    assert isinstance(job.error, hh.OutcomeUnknown)
    # Nothing to resume: nobody knows its task.
    assert hh.resume() == []
    assert fake_server.paid == 1
    # The task id from the account's page attaches it.
    [attached] = hh.resume("task-fake0001", attach=job)
    assert str(ended(attached).status) == "done"
    assert fake_server.paid == 1


def test_a_stopped_one_goes_on(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    job.stop()
    ended(job)
    fake_server.task.say("success")
    again = ended(generate())
    assert (again.id, str(again.status), fake_server.paid) == (job.id, "done", 1)


def test_a_task_submitted_elsewhere_is_taken_up_by_its_id(generate: Generate, fake_server: FakeServer) -> None:
    ended(generate())
    engine().ledger._connection.execute("DELETE FROM jobs")
    [foreign] = hh.resume("task-fake0001")
    assert ended(foreign).path is not None
    assert fake_server.paid == 1
    with pytest.raises(hh.JobNotFound):
        hh.resume("nothing-of-the-kind")


def test_a_job_of_another_key_or_server_is_not_asked_about(
    generate: Generate, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    job.stop()
    ended(job)
    polls = len(fake_server.of("poll"))
    with FakeServer() as elsewhere:
        monkeypatch.setenv("MODELLIX_BASE_URL", elsewhere.origin)
        assert hh.resume() == []
        with pytest.raises(hh.JobNotFound, match="belongs to"):
            hh.resume(job.id)
        assert elsewhere.requests == []
    monkeypatch.setenv("MODELLIX_BASE_URL", fake_server.origin)
    monkeypatch.setenv("MODELLIX_API_KEY", "another-key")
    assert hh.resume() == []
    with pytest.raises(hh.JobNotFound, match="another key"):
        hh.resume(job.id)
    assert len(fake_server.of("poll")) == polls


# In other processes

GENERATE = "job = hh.generate(sys.argv[2], 'The rocket lifts off')\n"


def test_a_script_makes_a_video_and_ends(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    said = Program(
        GENERATE + "job.result(timeout=120); print(json.dumps([str(job.status), str(job.path)]))", folder, str(photo)
    ).end()
    assert said[0] == "done"
    assert Path(said[1]).exists()
    # And here it is known.
    assert generate().snapshot.reused
    assert fake_server.paid == 1


def test_a_script_that_shows_a_job_prints_one_line(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    body = GENERATE + "import io, contextlib\nout = io.StringIO()\n"
    body += "with contextlib.redirect_stdout(out):\n    job._ipython_display_()\nprint(json.dumps(out.getvalue()))"
    assert Program(body, folder, str(photo)).end(leaves="1 being made").count("\n") == 1


@pytest.mark.parametrize("when", ["submit", "poll", "file"])
def test_a_script_that_ends_in_mid_job_says_so_in_a_line_and_the_job_goes_on_here(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, when: Any, home: Path
) -> None:
    fake_server.words = ("success",)
    if when == "submit":
        # In mid-air when the script ends: its outcome is waited for, a moment.
        fake_server.script("submit", Do(delay=0.5))
    with fake_server.held(when) if when != "submit" else fake_server.held("models"):
        wait = "import urllib.request, os\nwhile not os.path.exists(sys.argv[3]): pass\n"
        let_go = home.parent / "let-go"
        script = Program(GENERATE + wait, folder, str(photo), str(let_go))
        fake_server.wait_for(when)
        let_go.touch()
        script.end(leaves="1 being made")
    [row] = engine().ledger.newest()
    assert row.snapshot.task_id == "task-fake0001"
    assert str(row.snapshot.status) in ("pending", "downloading")
    [job] = hh.resume()
    assert (job.id, str(ended(job).status)) == (row.snapshot.id, "done")
    assert fake_server.paid == 1


QUEUE = """
config().max_concurrent = 1
jobs = [hh.generate(sys.argv[2], str(n)) for n in range(4)]
import time
while jobs[0].task_id is None: time.sleep(0.01)
"""


def test_what_was_queued_when_its_kernel_ended_is_sent_in_order_when_it_is_taken_up(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, settings: Settings
) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    Program(QUEUE, folder, str(photo)).end(leaves="1 being made, 3 queued")
    assert fake_server.paid == 1
    # Looking changes nothing.
    first, *others = sorted(str(job.status) for job in hh.jobs())
    # As far as that kernel has read.
    assert (first in ("pending", "processing"), others) == (True, ["queued"] * 3)
    # One is taken out, one is run again from its cell, which joins it, and the rest is resumed.
    [third] = [job for job in hh.jobs() if job.snapshot.prompt == "2"]
    third.stop()
    assert "nothing was sent" in str(third.error)
    resumed = hh.resume()
    assert [job.snapshot.prompt for job in resumed] == ["0", "1", "3"]
    assert generate("3") is resumed[-1]
    Seen(resumed[-1]).wait(lambda snapshot: snapshot.position == 2)
    for count in (2, 3):
        fake_server.task.say("success")
        fake_server.wait_for("submit", count)
    fake_server.task.say("success")
    assert {str(ended(job).status) for job in resumed} == {"done"}
    assert [task.payload["prompt"] for task in fake_server.tasks.values()] == ["0", "1", "3"]
    payloads = [task.payload["first_frame_image"] for task in fake_server.tasks.values()]
    assert payloads == payloads[:1] * 3
    assert fake_server.paid == 3


def test_a_cell_run_again_sends_what_was_queued_and_two_kernels_at_once_send_it_once(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    Program(QUEUE, folder, str(photo)).end(leaves="1 being made, 3 queued")
    fake_server.words = ("success",)
    body = "jobs = [hh.generate(sys.argv[2], str(n)) for n in range(1, 4)]\nhh.wait()\n"
    body += "print(json.dumps([str(job.status) for job in jobs]))"
    programs = [Program(body, folder, str(photo)) for _ in range(2)]
    assert [program.end() for program in programs] == [["done"] * 3] * 2
    assert fake_server.paid == 4


def test_a_queued_job_whose_first_frame_is_gone_is_not_sent(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, home: Path
) -> None:
    fake_server.words = ("processing",)
    Program(QUEUE, folder, str(photo)).end(leaves="1 being made, 3 queued")
    shutil.rmtree(home / "frames")
    resumed = hh.resume()
    assert [str(ended(job).status) for job in resumed[1:]] == ["refused"] * 3
    assert "any more, where it was kept. Run it again" in str(resumed[1].error)
    assert fake_server.paid == 1
    resumed[0].stop()
    ended(resumed[0])


def test_what_is_taken_up_is_bought_by_who_takes_it_up(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, settings: Settings
) -> None:
    fake_server.words = ("processing",)
    Program(QUEUE, folder, str(photo)).end(leaves="1 being made, 3 queued")
    engine().ledger._connection.execute("UPDATE jobs SET sandbox = 0")
    settings.budget = 2.0
    # One is $1.145: the first of three is sent, after the one that was paid for.
    with pytest.warns(UserWarning, match="2 queued videos still wait, not sent: budget: "):
        resumed = hh.resume()
    assert [job.snapshot.prompt for job in resumed] == ["0", "1"]
    assert fake_server.wait_for("submit", 2)
    assert [str(job.status) for job in hh.jobs() if job.task_id is None].count("queued") == 2
    # What is taken up already is not refused; what is still to be sent alone is.
    [third] = [job for job in hh.jobs() if job.snapshot.prompt == "2"]
    with pytest.raises(hh.InvalidRequest, match="1 queued video still waits, not sent: budget: "):
        hh.resume(third.id)


def test_a_queued_job_over_budget_does_not_keep_back_a_task_that_is_paid_for(
    generate: Generate,
    fake_server: FakeServer,
    folder: Path,
    photo: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_server.words = ("processing",)
    Program(QUEUE, folder, str(photo)).end(leaves="1 being made, 3 queued")
    # Younger than those that were never sent.
    engine().ledger._connection.execute("UPDATE jobs SET sandbox = 0, created = created + (task_id IS NOT NULL) * 99")
    settings.budget = 0.5
    with pytest.raises(hh.InvalidRequest, match="3 queued videos still wait, not sent: budget: "):
        run_line(SimpleNamespace(user_ns={}), "resume")
    # The cards of those that go on come before the error.
    [paid] = [job for job in hh.jobs() if job.task_id is not None]
    assert capsys.readouterr().out.count(paid.id[:8]) == 1
    fake_server.task.say("success")
    assert str(ended(paid).status) == "done"
    assert fake_server.paid == 1


@pytest.mark.parametrize(("when", "end"), [("submit", "unknown"), ("poll", "done"), ("file", "done")])
def test_a_killed_kernels_jobs_are_free_at_once(
    generate: Generate,
    fake_server: FakeServer,
    folder: Path,
    photo: Path,
    videos: Callable[[], list[str]],
    when: Any,
    end: str,
) -> None:
    fake_server.words = ("success",)
    with fake_server.held(when):
        script = Program(GENERATE + "job.result()", folder, str(photo))
        fake_server.wait_for(when)
        script.kill()
    resumed = hh.resume()
    assert [str(ended(job).status) for job in resumed] == (["done"] if end == "done" else [])
    assert [str(job.status) for job in hh.jobs()] == [end]
    assert str(ended(generate()).status) == end
    assert fake_server.paid == 1
    assert [name for name in videos() if name.endswith(".mp4")] == (videos() if end == "unknown" else videos()[-1:])
    for half in folder.glob("*.part"):
        # A process that was killed could not tidy up; what it left is no video by its name.
        half.unlink()


def test_two_processes_at_once_buy_it_once(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("success",)
    body = GENERATE + "job.result(timeout=120); print(json.dumps([job.id, str(job.path)]))"
    with fake_server.held("submit"):
        programs = [Program(body, folder, str(photo)) for _ in range(3)]
        fake_server.wait_for("submit")
    said = [program.end() for program in programs]
    assert said == said[:1] * 3
    assert fake_server.paid == 1
    assert len(list(folder.iterdir())) == 1


def test_a_job_of_a_living_kernel_is_left_to_it_and_taken_over_when_it_dies(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    script = Program(GENERATE + "job.result()", folder, str(photo))
    fake_server.wait_for("poll")
    [job] = hh.resume()
    seen = Seen(job)
    assert engine().running() == [job]
    # Not watched any more here, which changes nothing there.
    job.stop()
    seen.until("stopped")
    row = engine().ledger.get(job.id)
    assert row is not None
    assert str(row.snapshot.status) in ("pending", "processing")
    [job] = hh.resume()
    script.kill()
    fake_server.task.say("success")
    assert str(ended(job).status) == "done"
    assert fake_server.paid == 1


def test_a_job_found_in_the_ledger_can_be_waited_for(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    script = Program(GENERATE + "job.result()", folder, str(photo))
    fake_server.wait_for("poll")
    script.kill()
    fake_server.task.say("success")
    [found] = hh.jobs()
    assert not found.done()
    assert found.result(timeout=DEADLINE).path == found.path
    assert str(found.status) == "done"


def test_a_variable_that_holds_a_stopped_job_does_not_hide_what_another_kernel_made_of_it(
    generate: Generate, fake_server: FakeServer, folder: Path
) -> None:
    fake_server.words = ("processing",)
    held = generate()
    fake_server.wait_for("poll")
    held.stop()
    Seen(held).until("stopped")
    fake_server.task.say("success")
    Program("hh.resume(sys.argv[2])[0].result(timeout=120)", folder, held.id).end()
    [found] = hh.jobs(status="done")
    assert str(found.status) == "done"
    assert found.path is not None
    assert found.path.is_file()
    assert found.cost is not None
    assert found.cost.billed
    assert "not watched" not in repr(hh.jobs())
    Program("hh.forget(hh.find(sys.argv[2]))", folder, held.id).end()
    assert list(hh.jobs()) == []
    assert hh.find(held.id).prompt == ""


def test_what_is_stopped_here_and_runs_in_another_kernel_is_listed_as_running_and_can_be_waited_for(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    script = Program(GENERATE + "job.result()", folder, str(photo))
    fake_server.wait_for("poll")
    [held] = hh.resume()
    held.stop()
    Seen(held).until("stopped")
    [found] = hh.jobs(status="running")
    assert found.status.running
    assert hh.jobs(status="stopped")[:] == []
    fake_server.task.say("success")
    assert found.result(timeout=DEADLINE).path == found.path
    script.end()


def test_what_was_forgotten_in_another_kernel_is_forgotten_here(
    generate: Generate, fake_server: FakeServer, folder: Path
) -> None:
    held = ended(generate())
    Program("hh.forget(hh.find(sys.argv[2]))", folder, held.id).end()
    assert list(hh.jobs()) == []
    assert hh.find(held.id).prompt == ""


ALIVE = """
from happyhorse_nb.engine import engine
[record] = engine().ledger.newest()
print(json.dumps(engine().presence.alive(record.owner)))
"""


def test_a_fork_leaves_its_parents_jobs_alone(generate: Generate, fake_server: FakeServer, folder: Path) -> None:
    with fake_server.held("poll"):
        job = generate()
        fake_server.wait_for("poll")
        child = os.fork()
        if child == 0:
            engine_of_parent = job._controls
            engine_of_parent.close()  # type: ignore[attr-defined]  # as Python would when the fork ends
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert Program(ALIVE, folder).end() is True
    assert str(ended(job).status) == "done"


def test_what_the_server_has_refused_for_now_is_sent_by_nobody_else(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("success",)
    fake_server.script("submit", Say(429, headers={"Retry-After": "1"}))
    job = generate()
    fake_server.wait_for("submit")
    body = GENERATE + "job.result(timeout=120); print(json.dumps(job.id))"
    assert Program(body, folder, str(photo)).end() == job.id
    assert (len(fake_server.tasks), fake_server.paid) == (1, 2)


def test_a_queued_job_whose_kernel_was_taken_for_dead_is_sent_by_one_of_both(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, settings: Settings, home: Path
) -> None:
    fake_server.words = ("processing",)
    settings.max_concurrent = 1
    first = generate("first")
    fake_server.wait_for("poll")
    queued = generate()
    # As if this process were dead, to all who look.
    engine().ledger._connection.execute("UPDATE jobs SET owner = '0a' WHERE id = ?", (queued.id,))
    wait = "import time\nwhile not job.task_id: time.sleep(0.01)\n"
    Program(GENERATE + wait, folder, str(photo)).end(leaves="1 being made")
    assert fake_server.paid == 2
    fake_server.task.say("success")
    for task in fake_server.tasks.values():
        task.say("success")
    assert str(ended(first).status) == "done"
    # What the other one has sent is followed here, and gone on with when that one has ended.
    assert str(ended(queued).status) == "done"
    assert fake_server.paid == 2


def test_a_living_kernel_whose_file_is_cleaned_away_keeps_its_job(
    generate: Generate, fake_server: FakeServer, folder: Path, home: Path
) -> None:
    with fake_server.held("poll"):
        job = generate()
        fake_server.wait_for("poll")
        shutil.rmtree(home / "kernels")
        while not (home / "kernels").is_dir() or not list((home / "kernels").iterdir()):
            pass
        assert Program(ALIVE, folder).end() is True
    ended(job)


@contextmanager
def written_by_another(home: Path) -> Iterator[None]:
    """The ledger is locked, for longer than this process waits."""
    engine().ledger._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def test_a_task_accepted_while_the_ledger_is_locked_is_not_lost(
    generate: Generate, fake_server: FakeServer, home: Path, folder: Path, photo: Path
) -> None:
    fake_server.words = ("success",)
    with fake_server.held("submit"):
        job = generate()
        fake_server.wait_for("submit")
        lock = written_by_another(home)
        lock.__enter__()
    try:
        assert str(ended(job).status) == "stopped"
        [same] = hh.jobs()
        assert same.task_id == "task-fake0001"
    finally:
        lock.__exit__(None, None, None)
    # Written down as soon as that is possible: another process goes on with it.
    row = engine().ledger.get(job.id)
    assert row is not None
    body = GENERATE + "job.result(timeout=120); print(json.dumps([job.id, str(job.status)]))"
    assert Program(body, folder, str(photo)).end() == [job.id, "done"]
    assert fake_server.paid == 1


def test_a_job_that_could_not_be_sent_again_because_the_ledger_was_locked_is_sent_by_running_again(
    generate: Generate, fake_server: FakeServer, home: Path
) -> None:
    fake_server.words = ("success",)
    fake_server.script("submit", Say(429, headers={"Retry-After": "1"}))
    job = generate()
    Seen(job).wait(lambda snapshot: "sent again" in snapshot.message)
    with written_by_another(home):
        assert str(ended(job).status) == "refused"
        assert "Nothing was sent" in str(job.error)
    again = ended(generate())
    assert str(again.status) == "done"
    assert len(fake_server.tasks) == 1


@pytest.mark.parametrize(("left", "end"), [("queued", "done"), ("submitting", "unknown")])
def test_what_nobody_here_works_on_does_not_run_for_ever(generate: Generate, left: str, end: str) -> None:
    ended(generate())
    engine().ledger._connection.execute("UPDATE jobs SET status = ?, task_id = NULL", (left,))
    assert str(ended(generate()).status) == end


def test_a_stopped_job_that_is_resumed_is_the_same_object(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    job.stop()
    ended(job)
    fake_server.task.say("success")
    assert hh.resume() == [job]
    assert job.result(timeout=DEADLINE).path == job.path
    assert fake_server.paid == 1


def test_a_video_whose_file_is_away_and_whose_task_is_gone_is_shown_when_the_file_is_back(
    generate: Generate, fake_server: FakeServer
) -> None:
    fake_server.words = ("success",)
    path = ended(generate()).path
    assert path is not None
    away = path.rename(path.with_suffix(".away"))
    fake_server.tasks.clear()
    engine().ledger._connection.execute("UPDATE jobs SET submitted = submitted - 60")
    for _ in range(2):
        # Said, and not bought again by itself.
        assert isinstance(ended(generate()).error, hh.JobExpired)
    away.rename(path)
    back = generate()
    assert (str(back.status), back.path, back.snapshot.reused) == ("done", path, True)
    assert fake_server.paid == 1


def test_a_task_id_that_is_a_piece_of_another_names_its_own_task(generate: Generate) -> None:
    ended(generate())
    # Which this server does not have.
    with pytest.raises(hh.JobNotFound, match="neither the ledger nor the server knows task task-fake"):
        hh.resume("task-fake")
    assert len(hh.jobs()) == 1
