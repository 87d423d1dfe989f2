"""Programs that fork: what a fork buys is in the ledger, and a killed kernel's jobs are free while its forks live."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.forking import environment, program, rows
from support.fake_server import FakeServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def env(fake_server: FakeServer, home: Path) -> dict[str, str]:
    fake_server.words = ("success",)
    return environment(fake_server, home)


DAEMON = """
buy("before")
generation = int(told())
while generation and os.fork() == 0:
    generation -= 1
    if not generation:
        say("in the background")
        told()
        say(buy("one", "two", "three"))
        told()
        say(buy("four", "five", "six"))
        say(plain(hh.jobs()))
        told()
        os._exit(0)
os._exit(0)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_what_a_program_in_the_background_buys_is_in_the_ledger(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path, times: int
) -> None:
    with program(DAEMON, env, photo, tmp_path) as daemon:
        assert daemon.process.stdin is not None
        daemon.process.stdin.write(f"{times}\n")
        daemon.process.stdin.flush()
        assert daemon.hear() == "in the background"
        assert daemon.process.wait() == 0
        # Whoever opens the ledger alone, or closes it last, tidies it up.
        assert [prompt for prompt, _, _ in rows(home)] == ["before"]
        daemon.tell()
        assert [status for _, status, _ in daemon.hear()] == ["done"] * 3
        assert [prompt for prompt, _, _ in rows(home)] == ["before", "one", "two", "three"]
        daemon.tell()
        assert [status for _, status, _ in daemon.hear()] == ["done"] * 3
        assert len(daemon.hear()) == 7
        found = rows(home)
        daemon.tell()
    assert [prompt for prompt, _, _ in found] == ["before", "one", "two", "three", "four", "five", "six"]
    assert {status for _, status, _ in found} == {"done"}
    assert {task for _, _, task in found} == set(fake_server.tasks)
    assert fake_server.paid == 7


BOTH = """
job = hh.generate(photo, "the parent's")
child = os.fork()
if child == 0:
    # What it has in its variables is its parent's, and is shown as it goes there.
    job.result(timeout=60)
    job.star()
    say([buy("the child's"), job.starred, plain([job])])
    os._exit(0)
job.result(timeout=60)
assert os.waitpid(child, 0)[1] == 0
say(buy("the parent's second"))
say([plain(hh.jobs()), job.starred])
"""


def test_a_program_and_its_fork_go_on_side_by_side(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path
) -> None:
    with program(BOTH, env, photo, tmp_path) as both:
        bought, starred, parents = both.hear()
        assert [status for _, status, _ in (*bought, *parents)] == ["done", "done"]
        assert [status for _, status, _ in both.hear()] == ["done"]
        listed, starred_here = both.hear()
    assert (starred, starred_here) == (True, True)
    assert sorted(prompt for prompt, _, _ in listed) == ["the child's", "the parent's", "the parent's second"]
    assert (fake_server.paid, {task for _, _, task in listed}) == (3, set(fake_server.tasks))


STORM = """
stop = threading.Event()
ledger, first = engine().ledger, hh.generate(photo, "first")
first.result()
problems = []
def write():
    on = True
    while not stop.is_set():
        try:
            first.star(on)
            len(hh.jobs())
        except BaseException as problem:
            problems.append(repr(problem))
        on = not on
threads = [threading.Thread(target=write) for _ in range(3)]
for thread in threads:
    thread.start()
codes = []
for number in range(int(sys.argv[2]) if len(sys.argv) > 2 else 12):
    child = os.fork()
    if child == 0:
        try:
            done = buy(f"child {number}")
            os._exit(0 if done[0][1] == "done" else 3)
        except BaseException as problem:
            print(repr(problem), file=sys.stderr)
            os._exit(4)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
say([codes, problems, plain(hh.jobs())])
"""


def test_forks_while_the_ledger_is_written_and_read_lose_nothing(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path
) -> None:
    with program(STORM, env, photo, tmp_path) as storm:
        codes, problems, listed = storm.hear()
    assert (set(codes), problems) == ({0}, [])
    assert len(listed) == len(codes) + 1
    assert {status for _, status, _ in listed} == {"done"}
    assert (fake_server.paid, {task for _, _, task in rows(home)}) == (len(listed), set(fake_server.tasks))


POOL = """
job = hh.generate(photo, "watched")
child = os.fork()
if child == 0:
    say("a worker")
    os.read(0, 1)  # as a pool's process waits for work; until the test is over
    os._exit(0)
told()
"""

LOOK = """
[record] = engine().ledger.newest()
say(engine().presence.alive(record.owner))
hh.resume()
hh.wait(timeout=60)
say(plain(hh.jobs()))
"""


def test_a_killed_kernels_jobs_are_free_although_its_forks_live(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    with program(POOL, env, photo, tmp_path) as kernel:
        assert kernel.hear() == "a worker"
        fake_server.wait_for("poll")
        with program(LOOK, env, photo, tmp_path) as other:
            assert other.hear() is True, "it lives"
        kernel.process.kill()
        kernel.process.wait()
        for task in fake_server.tasks.values():
            task.say("success")
        with program(LOOK, env, photo, tmp_path) as other:
            assert other.hear() is False
            assert [status for _, status, _ in other.hear()] == ["done"]
    assert fake_server.paid == 1


def test_a_log_that_was_taken_away_is_seen_before_anything_is_paid_for(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path
) -> None:
    code = """
buy("before")
say("ready")
told()
try:
    hh.generate(photo, "into nowhere")
except hh.LedgerError as problem:
    say(str(problem))
"""
    with program(code, env, photo, tmp_path) as kernel:
        assert kernel.hear() == "ready"
        (home / "ledger.sqlite3-wal").unlink()
        kernel.tell()
        said = kernel.hear()
    assert "its log was taken away while it was in use; start the program anew." in said
    assert "\n" not in said
    assert fake_server.paid == 1
