"""When the ledger's folder vanishes or cannot be written: one clear line, and no task is lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import Seen, ended
from support.fake_server import Cut, Do, FakeServer, Say


def break_ledger(home: Path) -> None:
    """As a full or read-only disk would: nothing can be written into the table any more."""
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    connection.close()


def mend_ledger(home: Path) -> None:
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        connection.execute("DROP TRIGGER full")
    connection.close()


def test_a_file_where_the_folder_should_be(generate: Generate, fake_server: FakeServer, home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(hh.ConfigError, match="HAPPYHORSE_HOME") as caught:
        generate()
    assert "\n" not in str(caught.value)
    assert fake_server.requests == []
    home.unlink()


@pytest.mark.parametrize("name", ["kernels", "frames", "ledger.sqlite3"])
def test_a_folder_that_cannot_be_used(generate: Generate, fake_server: FakeServer, home: Path, name: str) -> None:
    home.mkdir()
    if name.endswith("3"):
        (home / name).mkdir()
    else:
        (home / name).write_text("a file where a folder should be")
    with pytest.raises(hh.LedgerError, match="HAPPYHORSE_HOME") as caught:
        generate()
    assert "\n" not in str(caught.value)
    assert fake_server.requests == []
    shutil.rmtree(home)


def test_an_intent_that_cannot_be_written_is_not_sent(generate: Generate, fake_server: FakeServer, home: Path) -> None:
    engine()
    break_ledger(home)
    job = ended(generate())
    assert (str(job.status), fake_server.requests) == ("refused", [])
    assert "Nothing was sent, because the ledger" in str(job.error)
    assert "database or disk is full" in str(job.error)
    mend_ledger(home)


def test_an_accepted_task_is_named_although_the_ledger_cannot_be_written(
    generate: Generate, fake_server: FakeServer, home: Path
) -> None:
    with fake_server.held("submit"):
        job = generate()
        fake_server.wait_for("submit")
        break_ledger(home)
    ended(job)
    assert (str(job.status), job.task_id) == ("stopped", "task-fake0001")
    assert "Task task-fake0001 still runs on the server" in str(job.error)
    assert 'hh.resume("task-fake0001")' in str(job.error)
    assert "\n" not in str(job.error)
    mend_ledger(home)
    [resumed] = hh.resume("task-fake0001")
    assert str(ended(resumed).status) == "done"
    assert fake_server.paid == 1


@pytest.mark.parametrize(
    ("answer", "end"), [(Do(cut=Cut.AFTER_ACCEPTING), "unknown"), (Say(400), "refused")], ids=["unknown", "refused"]
)
def test_an_end_is_what_it_is_although_the_ledger_cannot_be_written(
    generate: Generate, fake_server: FakeServer, home: Path, answer: Do | Say, end: str
) -> None:
    fake_server.script("submit", answer)
    with fake_server.held("submit"):
        job = generate()
        fake_server.wait_for("submit")
        break_ledger(home)
    ended(job)
    assert str(job.status) == end
    assert "disk is full" in str(job.error)


def test_a_video_is_there_although_the_ledger_cannot_be_written(
    generate: Generate, fake_server: FakeServer, home: Path
) -> None:
    fake_server.words = ("success",)
    with fake_server.held("file"):
        job = generate()
        fake_server.wait_for("file")
        break_ledger(home)
    ended(job)
    assert str(job.status) == "done"
    assert job.path is not None
    assert job.path.exists()
    assert "disk is full" in job.snapshot.message


def test_a_home_that_vanishes(generate: Generate, fake_server: FakeServer, home: Path) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    shutil.rmtree(home)
    fake_server.task.say("success")
    ended(job)
    # The video is what counts: it is fetched all the same, and the trouble is said beside it.
    assert (str(job.status), job.task_id) == ("done", "task-fake0001")
    assert job.path is not None
    assert job.path.exists()
    assert "The ledger" in job.snapshot.message
    assert "\n" not in job.snapshot.message


def test_a_row_that_is_gone_stops_nothing(generate: Generate, fake_server: FakeServer, home: Path) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    engine().ledger._connection.execute("DELETE FROM jobs")
    fake_server.task.say("success")
    assert str(ended(job).status) == "done"


def test_a_ledger_locked_by_somebody_for_a_moment_is_waited_for(
    generate: Generate, fake_server: FakeServer, home: Path
) -> None:
    seen = None
    with fake_server.held("submit"):
        seen = Seen(generate())
        fake_server.wait_for("submit")
        other = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    other.execute("COMMIT")
    other.close()
    assert str(ended(seen.job).status) == "done"


def test_while_one_job_waits_for_a_locked_ledger_the_others_are_looked_at(
    generate: Generate, fake_server: FakeServer, settings: Settings, home: Path
) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    first = generate()
    fake_server.wait_for("poll")
    second = generate("The next one")
    other = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    settings.max_concurrent = 2
    # About two seconds' worth of looks: the second one's turn has come long before that.
    fake_server.wait_for("poll", len(fake_server.of("poll")) + 20)
    assert fake_server.paid == 1
    other.execute("COMMIT")
    other.close()
    fake_server.wait_for("submit", 2)
    fake_server.quiet()
    for task in fake_server.tasks.values():
        task.say("success")
    assert {str(ended(job).status) for job in (first, second)} == {"done"}
