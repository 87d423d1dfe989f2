"""Programs that fork at the worst of instants, or execute themselves anew; and what was chosen holds in a fork."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from jobs.forking import environment, program, rows
from support.fake_server import FakeServer
from support.programs import FLOCK

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def env(fake_server: FakeServer, home: Path) -> dict[str, str]:
    fake_server.words = ("success",)
    return environment(fake_server, home)


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
class Slow(process.Guard):
    def before_fork(self):
        super().before_fork()
        in_the_midst()
slow = Slow()
""",
    ),
    "when all is closed": (HOOK + "os.register_at_fork(before=in_the_midst)", ""),
}

FIRST = """
# Loaded before: it is the ledger that is opened in the midst of a fork.
jobs = hh.jobs

def first_use():
    begun.wait()
    len(jobs())
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


IMPORTING = """
class Slowly:
    def find_spec(self, name, path, target=None):
        # As long as it takes from a slow disk, with the import's lock held all the while.
        here = threading.current_thread() is threading.main_thread()
        if name.startswith(slow) and not here and not begun.is_set():
            begun.set()
            forked.wait(1)

begun, forked = threading.Event(), threading.Event()
sys.meta_path.insert(0, Slowly())
user = threading.Thread(target=lambda: hh.generate(photo, "the parent's"))
user.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        say(buy("the child's"))
    finally:
        os._exit(0)
forked.set()
say(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize("slow", ["happyhorse_nb.", "aiohttp."])
def test_a_fork_while_another_thread_still_loads_a_module_can_use_it(
    fake_server: FakeServer, env: dict[str, str], tmp_path: Path, photo: Path, slow: str
) -> None:
    with program(f"slow = {slow!r}\n{IMPORTING}", env, photo, tmp_path) as loading:
        [[_, status, _]] = loading.hear()
        assert (status, loading.hear()) == ("done", 0)


REFUSE_LOCKS = """
import errno
from support.programs import FLOCK, refuse_calls
refuse_calls(FLOCK, errno.ENOSYS)
"""

WITHOUT_LOCKS = pytest.param(
    False,
    marks=pytest.mark.skipif(platform.machine() not in FLOCK, reason="no filter of system calls for this machine"),
)

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
    assert said.startswith("budget: about $0.70 of play money is spent here")
    [sent] = fake_server.of("submit")
    assert sent.key == fake_server.key
    assert (sent.json["duration"], sent.json["resolution"]) == (4, "720P")
    assert [prompt for prompt, _, _ in rows(home)] == ["within the budget"]
