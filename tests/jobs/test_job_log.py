"""The log tells what became of each request: enough to settle a dispute about a charge, and no secret."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

import pytest

from jobs.conftest import Generate
from jobs.seen import Seen, ended
from support.fake_server import KEY, SIGNATURE, FakeServer, Say

PROMPT = "A rocket that nobody is to hear of"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, logger="happyhorse_nb")
    return caplog


def _told(log: pytest.LogCaptureFixture, level: int) -> list[str]:
    ours = [record for record in log.records if record.name.partition(".")[0] == "happyhorse_nb"]
    return [record.getMessage() for record in ours if record.levelno == level]


def test_it_tells_of_submit_accept_and_end_with_ids_and_cost(
    generate: Generate, fake_server: FakeServer, log: pytest.LogCaptureFixture
) -> None:
    fake_server.script("poll", Say(429, headers={"Retry-After": "0"}), Say(503))
    fake_server.words = ("processing", "success")
    job = ended(generate(PROMPT))
    task = fake_server.task.id
    submitting, accepted, over = [line for line in _told(log, logging.INFO) if job.id in line]
    assert "submitting" in submitting
    assert f"accepted as task {task}" in accepted
    assert f"ended: done, task {task}, {job.cost}" in over
    reads = _told(log, logging.DEBUG)
    assert any("429" in line for line in reads)
    assert [line for line in reads if line == f"task {task}: processing"]
    assert not [record for record in log.records if record.levelno >= logging.WARNING]
    for secret in (KEY, SIGNATURE, PROMPT, fake_server.origin):
        assert secret.lower() not in log.text.lower()


@pytest.mark.parametrize(
    ("answers", "word"),
    [((Say(400, {"code": 400, "message": PROMPT}),), "refused"), ((Say(500),), "unknown"), ((Say(429),) * 2, "done")],
)
def test_it_tells_what_a_submit_came_to(
    generate: Generate, fake_server: FakeServer, log: pytest.LogCaptureFixture, answers: tuple[Say, ...], word: str
) -> None:
    fake_server.script("submit", *answers)
    job = ended(generate(PROMPT))
    assert f"job {job.id} ended: {word}" in log.text
    assert log.text.count(f"job {job.id}: 429 on submit") == (2 if word == "done" else 0)
    assert PROMPT not in log.text


def test_a_listener_that_fails_is_in_it_with_its_traceback(
    generate: Generate, fake_server: FakeServer, log: pytest.LogCaptureFixture
) -> None:
    def bad(_: object) -> None:
        raise ValueError("of a widget")

    fake_server.words = ("processing", "success")
    job = generate()
    job.subscribe(bad)
    ended(job)
    assert "could not be shown: ValueError" in log.text
    assert 'raise ValueError("of a widget")' in log.text


def test_while_the_ledger_is_locked_what_runs_goes_on(generate: Generate, fake_server: FakeServer, home: Path) -> None:
    fake_server.words = ("processing",)
    first = generate("first")
    seen = Seen(first)
    seen.until("processing")
    # Another program writes, and a submit waits for that on its own thread.
    lock = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    other = threading.Thread(target=generate, args=("second",))
    other.start()
    count = len(fake_server.of("poll"))
    fake_server.wait_for("poll", count + 3)
    before = first.snapshot.progress.elapsed
    seen.wait(lambda snapshot: snapshot.progress.elapsed > before + 1)
    assert other.is_alive()
    lock.execute("COMMIT")
    lock.close()
    other.join(60)
    assert not other.is_alive()
    fake_server.wait_for("submit", 2)
    for task in fake_server.tasks.values():
        task.say("success")
    ended(first)


def test_a_kernel_with_jobs_has_at_most_eight_threads_of_ours(generate: Generate, fake_server: FakeServer) -> None:
    jobs = [generate(str(number)) for number in range(12)]
    for job in jobs:
        job.on_change(lambda _: None)
        ended(job)
    ours = [thread.name for thread in threading.enumerate() if thread.name.startswith("happyhorse_nb")]
    assert len(ours) <= 8, ours
