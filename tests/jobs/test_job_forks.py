"""Programs that fork: what a fork buys is in the ledger, and a killed kernel's jobs are free while its forks live."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.fake_server import KEY, FakeServer
from support.programs import FLOCK

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PREPARE = """
import json, os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import faulthandler
faulthandler.dump_traceback_later(100, exit=True)
import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import config
config().requests_per_minute, config().max_poll_gap, config().max_concurrent = 1_000_000, 0.1, 8
photo = sys.argv[1]

def say(value):
    print(json.dumps(value), flush=True)

def told():
    return sys.stdin.readline()

def plain(jobs):
    return [[job.prompt, str(job.status), job.task_id] for job in jobs]

def buy(*prompts):
    jobs = [hh.generate(photo, prompt) for prompt in prompts]
    hh.wait(*jobs, timeout=60)
    return plain(jobs)
"""


REFUSE_LOCKS = """
import errno
from support.programs import FLOCK, refuse_calls
refuse_calls(FLOCK, errno.ENOSYS)
"""

WITHOUT_LOCKS = pytest.param(
    False,
    marks=pytest.mark.skipif(platform.machine() not in FLOCK, reason="no filter of system calls for this machine"),
)


class Forking:
    """A program that says lines of JSON, and what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended"
        return json.loads(line)

    def tell(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def env(fake_server: FakeServer, home: Path) -> dict[str, str]:
    fake_server.words = ("success",)
    return {
        **os.environ,
        "HAPPYHORSE_HOME": str(home),
        "MODELLIX_API_KEY": KEY,
        "MODELLIX_BASE_URL": fake_server.origin,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


@contextmanager
def program(code: str, env: dict[str, str], photo: Path, cwd: Path, *, before: str = "") -> Iterator[Forking]:
    command = [sys.executable, "-c", before + PREPARE + code, str(photo)]
    with subprocess.Popen(
        command, env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Forking(process)
        finally:
            process.kill()


def rows(home: Path) -> list[tuple[str, str, str | None]]:
    """What another kernel finds; it opens and closes the ledger as such a one does."""
    ledger = sqlite3.connect(home / "ledger.sqlite3")
    found = ledger.execute("SELECT prompt, status, task_id FROM jobs ORDER BY created").fetchall()
    assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ledger.close()
    return found


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


#: What happens in the midst of a fork: it lets another thread begin, and waits whether that comes to its end.
HOOK = """
import os, threading
begun, opened = threading.Event(), threading.Event()
def in_the_midst():
    begun.set()
    opened.wait(1)
"""
#: While what is open is closed; and then, for of such functions the last one that was registered is called first.
MIDST = {
    "before all is closed": (
        "",
        HOOK
        + """
from happyhorse_nb.settings import process
class Slow(process.Forked):
    def before_fork(self):
        in_the_midst()
slow = Slow()
process.at_fork(slow)
""",
    ),
    "when all is closed": (HOOK + "os.register_at_fork(before=in_the_midst)", ""),
}

FIRST = """
def first_use():
    begun.wait()
    len(hh.jobs())
    opened.set()

user = threading.Thread(target=first_use)
user.start()
child = os.fork()
if child == 0:
    try:
        say(buy("the child's"))
    finally:
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
user.join()
say(plain(hh.jobs()))
"""


@pytest.mark.parametrize("instant", MIDST)
def test_a_fork_at_the_very_instant_of_the_first_use_has_a_ledger_of_its_own(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path, instant: str
) -> None:
    before, code = MIDST[instant]
    with program(code + FIRST, env, photo, tmp_path, before=before) as first:
        bought = first.hear()
        assert [status for _, status, _ in bought] == ["done"]
        assert first.hear() == bought
    assert (fake_server.paid, {task for _, _, task in rows(home)}) == (1, set(fake_server.tasks))


POOL = """
job = hh.generate(photo, "watched")
ours, theirs = os.pipe()
child = os.fork()
if child == 0:
    say("a worker")
    os.read(ours, 1)  # as a pool's process waits for work
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


EXECUTED = """
if "AGAIN" not in os.environ:
    jobs = [hh.generate(photo, prompt) for prompt in ("one", "two")]
    say("they run")
    told()
    os.environ["AGAIN"] = "yes"
    os.execv(sys.executable, sys.orig_argv)
say(os.getpid())
told()
hh.resume()
hh.wait(timeout=60)
say(plain(hh.jobs()))
say(buy("one", "two"))
"""


@pytest.mark.parametrize("locks", [True, WITHOUT_LOCKS], ids=["usual folder", "folder without locks"])
def test_a_program_that_executes_itself_anew_goes_on_with_its_jobs(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path, locks: bool
) -> None:
    fake_server.words = ("processing",)
    refused = "" if locks else REFUSE_LOCKS
    with program(refused + EXECUTED, env, photo, tmp_path) as kernel:
        assert kernel.hear() == "they run"
        while {status for _, status, _ in rows(home)} != {"processing"}:
            fake_server.wait_for("poll", len(fake_server.of("poll")) + 1)
        kernel.tell()
        assert kernel.hear() == kernel.process.pid
        for task in fake_server.tasks.values():
            task.say("success")
        kernel.tell()
        found, asked_again = kernel.hear(), kernel.hear()
    assert sorted(found) == sorted(asked_again)
    assert [status for _, status, _ in found] == ["done", "done"]
    assert (fake_server.paid, {task for _, _, task in rows(home)}) == (2, set(fake_server.tasks))


CHOSEN = """
from happyhorse_nb.settings import account_of, use
# As %happyhorse login does it, where there is no keyring.
use(account_of(sys.stdin.readline().strip(), os.environ["MODELLIX_BASE_URL"], source="this kernel"))
hh.config.duration, hh.config.resolution = 4, "720P"
hh.config.budget = 0.60
child = os.fork()
if child == 0:
    job = hh.generate(photo, "within the budget")
    job.result(timeout=60)
    try:
        hh.generate(photo, "beyond it")
    except hh.InvalidRequest as problem:
        say([plain([job]), str(problem)])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_the_key_the_settings_and_the_budget_that_were_chosen_hold_in_a_fork(
    fake_server: FakeServer, env: dict[str, str], home: Path, tmp_path: Path, photo: Path
) -> None:
    fake_server.key = "mdlx-typed-5c1d88e2"
    with program(CHOSEN, {**env, "MODELLIX_API_KEY": "another-key-of-the-shell"}, photo, tmp_path) as typed:
        assert typed.process.stdin is not None
        typed.process.stdin.write(f"{fake_server.key}\n")
        typed.process.stdin.flush()
        jobs, said = typed.hear()
    assert [status for _, status, _ in jobs] == ["done"]
    assert said.startswith("budget: this program has spent about $0.70 of play money")
    [sent] = fake_server.of("submit")
    assert sent.key == fake_server.key
    assert (sent.json["duration"], sent.json["resolution"]) == (4, "720P")
    assert [prompt for prompt, _, _ in rows(home)] == ["within the budget"]


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
    assert "its log was taken away while it was in use; restart this program." in said
    assert "\n" not in said
    assert fake_server.paid == 1
