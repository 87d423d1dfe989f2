"""A script that ends right after it has asked for a video: what can be sent is sent, and it says what it leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import happyhorse_nb as hh
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from jobs.test_job_again import PROGRAM
from support.fake_server import Cut, Do, FakeServer, Say, refused_origin

ASK = "job = hh.generate(sys.argv[2], 'The rocket lifts off')\n"
GO_ON = "hh.resume() and hh.wait() go on with that in any Python, happyhorse-nb jobs lists it\n"


def left() -> str:
    """What is said of the one job of the ledger, which the server has."""
    [job] = hh.jobs()
    return f"1 being made ({job.id[:8]}); {GO_ON}"


class Script:
    """A program of its own, with the same ledger and server."""

    def __init__(self, body: str, folder: Path, photo: Path) -> None:
        command = [sys.executable, "-c", PROGRAM.format(body=body), str(folder), str(photo)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Wait until it has ended: its exit code, and what it has said on stderr."""
        _, said = self._process.communicate(timeout=2 * DEADLINE)
        return self._process.returncode, said


@pytest.fixture(autouse=True)
def accepted_and_no_more(fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)


@pytest.mark.parametrize("delay", [0.0, 4.5])
def test_what_was_asked_for_is_sent_and_the_script_says_how_to_go_on(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, delay: float
) -> None:
    # Longer than a kernel's end waits, too.
    fake_server.script("submit", Do(delay=delay))
    code, said = Script(ASK, folder, photo).end()
    waiting = "waiting until it is known whether the server has accepted what was asked for; Ctrl-C ends it\n"
    [job] = hh.jobs()
    lines = [f"happyhorse_nb: {waiting}"] * (delay > 0) + [f"happyhorse_nb: {left()}"]
    assert (code, said) == (0, "".join(lines))
    # (It may have been read once by then.)
    assert (str(job.status) in ("pending", "processing"), job.task_id) == (True, "task-fake0001")
    fake_server.task.say("success")
    # The line is true.
    hh.resume()
    hh.wait(timeout=DEADLINE)
    assert str(hh.jobs()[0].status) == "done"
    assert fake_server.paid == 1


def test_of_twenty_those_with_a_place_are_sent_and_the_others_stay_queued(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    body = "for number in range(20): hh.generate(sys.argv[2], str(number))\n"
    code, said = Script(body, folder, photo).end()
    assert code == 0
    # (On a slow machine it says first that it waits.)
    assert said.splitlines()[-1].startswith("happyhorse_nb: 2 being made, 18 queued (")
    assert fake_server.paid == 2
    assert sorted(str(job.status) for job in hh.jobs()) == ["pending"] * 2 + ["queued"] * 18


#: How a script may end that has asked for a video, and its exit code.
ENDINGS = {
    "sys.exit(3)": 3,
    "1 / 0": 1,
    "job.on_change(lambda snapshot: sys.exit(7))": 0,
    "import threading; threading.Thread(target=lambda: sys.exit(7)).start()": 0,
    "import asyncio; asyncio.run(asyncio.sleep(0))": 0,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_exit_code_stays_the_scripts_own(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, ending: str
) -> None:
    code, said = Script(ASK + ending, folder, photo).end()
    assert code == ENDINGS[ending]
    assert said.endswith(f"happyhorse_nb: {left()}")
    assert (fake_server.paid, len(fake_server.tasks)) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.5), ask())).start()\n",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(ask)\n",
        "import atexit\nfrom happyhorse_nb.engine import engine\nengine()\natexit.register(ask)\n",
    ],
)
def test_what_a_thread_asks_for_when_the_script_has_ended_is_sent_too(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, body: str
) -> None:
    # What Python imports in its last moments it imports badly: so this is there.
    ask = "import happyhorse_nb.engine.core\ndef ask(): hh.generate(sys.argv[2], 'The rocket lifts off')\nhh.generate\n"
    code, said = Script(ask + body, folder, photo).end()
    assert (code, said) == (0, f"happyhorse_nb: {left()}")
    assert (fake_server.paid, len(fake_server.tasks)) == (1, 1)


def test_a_thread_that_waits_for_its_video_gets_it_and_nothing_is_said_to_be_left(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    with fake_server.held("poll"):
        body = ASK + "import threading; threading.Thread(target=job.result).start()\n"
        script = Script(body, folder, photo)
        fake_server.wait_for("poll")
        fake_server.words = ("success",)
        fake_server.task.say("success")
    assert script.end() == (0, "")
    assert [str(job.status) for job in hh.jobs()] == ["done"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_of_multiprocessing_sends_what_it_asked_for_and_says_what_it_leaves(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, method: str
) -> None:
    fake_server.script("submit", Do(delay=0.5))
    # What it does is found by its name, in a file where it is started anew.
    folder.mkdir()
    (folder / "asks.py").write_text("def ask(photo):\n    import happyhorse_nb as hh\n    hh.generate(photo)\n")
    body = (
        f"import multiprocessing\nsys.path.insert(0, {str(folder)!r})\nimport asks\nhh.jobs()[:]\n"
        f"child = multiprocessing.get_context({method!r}).Process(target=asks.ask, args=(sys.argv[2],))\n"
        "child.start(); child.join()\n"
    )
    code, said = Script(body, folder, photo).end()
    assert (code, said) == (0, f"happyhorse_nb: {left()}")
    assert [job.task_id for job in hh.jobs()] == ["task-fake0001"]


def test_a_refusal_that_comes_after_the_scripts_last_line_is_said(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.script("submit", Say(402))
    code, said = Script(ASK, folder, photo).end()
    [job] = hh.jobs()
    assert (code, str(job.status)) == (0, "refused")
    assert said == f"happyhorse_nb: job {job.id[:8]}: {job.error}\n"


def test_an_outcome_that_is_not_known_is_said(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    code, said = Script(ASK, folder, photo).end()
    assert code == 0
    assert "may have been charged" in said
    assert 'hh.resume("TASK-ID", attach="' in said
    assert said.count("\n") == 1


def test_where_nobody_listens_it_is_said_too(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", refused_origin())
    code, said = Script("config().send_patience = 0.2\n" + ASK, folder, photo).end()
    assert code == 0
    assert "Nothing was sent: 127.0.0.1:" in said
    assert said.count("\n") == 1


def test_a_script_that_has_its_video_says_nothing(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.words = ("success",)
    assert Script(ASK + "job.result(timeout=120)", folder, photo).end() == (0, "")


def test_an_interrupt_ends_the_wait_cleanly(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    with fake_server.held("submit"):
        script = Script(ASK, folder, photo)
        assert script._process.stderr is not None
        fake_server.wait_for("submit")
        # It says that it waits, so it does.
        line = script._process.stderr.readline()
        script.interrupt()
        code, said = script.end()
    assert "Ctrl-C ends it" in line
    assert code == 0
    assert said.startswith("happyhorse_nb: 1 on the way to the server (")
    assert said.count("\n") == 1
    [job] = hh.jobs()
    assert str(job.status) == "unknown"
    assert ended(generate()).id == job.id


def test_a_job_that_is_stopped_at_the_end_is_left_alone(
    generate: Generate, fake_server: FakeServer, folder: Path, photo: Path
) -> None:
    fake_server.script("submit", Do(delay=0.5))
    code, _ = Script(ASK + "job.stop()", folder, photo).end()
    [job] = hh.jobs()
    assert (code, str(job.status), len(fake_server.tasks)) == (
        0,
        "stopped" if fake_server.tasks else "cancelled",
        fake_server.paid,
    )
