"""IPython in a real terminal: a video that is done is said so, and not into what is being typed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.fake_server import KEY, FakeServer

DEADLINE = 60.0
DONE = r"Done in [\w ]+, \$0\.\d\d of play money \(\w{8}\): .*\.mp4"


class Terminal:
    """IPython behind a pseudo-terminal."""

    def __init__(self, folder: Path, env: dict[str, str], *more: str) -> None:
        self.said = ""
        self._process, self._line = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, "-m", "IPython", "--no-banner", *more], env)

    def see(self, words: str) -> None:
        """Wait until that is on the screen."""
        until = time.monotonic() + DEADLINE
        while not re.search(words, self.said):
            assert time.monotonic() < until, f"not seen: {words}\n{self.said[-3000:]}"
            if select.select([self._line], [], [], 0.2)[0]:
                try:
                    came = os.read(self._line, 65536)
                except OSError:
                    break
                if b"\x1b[6n" in came:
                    # Where the cursor is, which a terminal answers.
                    os.write(self._line, b"\x1b[1;1R")
                self.said += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]", "", came.decode(errors="replace"))

    def type(self, text: str) -> None:
        os.write(self._line, text.encode())

    def close(self) -> None:
        os.kill(self._process, 9)
        os.waitpid(self._process, 0)
        os.close(self._line)


@pytest.fixture
def start(fake_server: FakeServer, photo: Path, tmp_path: Path, home: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts IPython with the extension; its third prompt is the first one of the test."""
    shutil.copy(photo, tmp_path / "rocket.jpg")
    env = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "TERM": "xterm",
        "COLUMNS": "200",
        "MODELLIX_API_KEY": KEY,
        "MODELLIX_BASE_URL": fake_server.origin,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]) if os.environ.get("HH_SOURCES") == "1" else "",
    }
    started: list[Terminal] = []

    def start(*more: str) -> Terminal:
        fake_server.words = ("processing",)
        started.append(Terminal(tmp_path, env, *more))
        started[-1].see(r"In \[1\]")
        started[-1].type("%load_ext happyhorse_nb\r")
        started[-1].see(r"In \[2\]")
        started[-1].type("%happyhorse generate rocket.jpg --duration 3 --resolution 720P\r")
        started[-1].see(r"In \[3\]")
        fake_server.wait_for("poll")
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


def test_the_end_is_said_above_the_prompt_and_what_is_typed_stays(
    start: Callable[..., Terminal], fake_server: FakeServer
) -> None:
    terminal = start()
    terminal.type("typed = 20")
    terminal.see("typed = 20")
    fake_server.task.say("success")
    terminal.see(DONE)
    terminal.type(" + 3\r")
    terminal.see(r"In \[4\]")
    terminal.type("typed\r")
    terminal.see(r"Out\[4\]: 23")
    assert len(re.findall(DONE, terminal.said)) == 1


def test_while_a_cell_runs_the_end_waits_for_its_end(start: Callable[..., Terminal], fake_server: FakeServer) -> None:
    terminal = start()
    file = "happyhorse-videos"
    terminal.type(
        f"import time, glob\rwhile not glob.glob('{file}/*.mp4'): time.sleep(0.1)\r\rprint('the cell is over')\r"
    )
    fake_server.task.say("success")
    terminal.see(DONE)


def test_a_wait_says_the_end_and_nobody_else_does(start: Callable[..., Terminal], fake_server: FakeServer) -> None:
    terminal = start("--simple-prompt")
    fake_server.task.say("success")
    terminal.type("%happyhorse wait\r")
    terminal.see(r"In \[4\]")
    terminal.type("1\r")
    terminal.see(r"In \[5\]")
    # Said by the wait, and not once more.
    assert len(re.findall(DONE, terminal.said)) == 1


def test_leaving_with_a_video_on_its_way_says_how_to_go_on(
    start: Callable[..., Terminal], fake_server: FakeServer
) -> None:
    terminal = start()
    terminal.type("exit\r")
    terminal.see(r"1 being made \(\w{8}\); %happyhorse resume and %happyhorse wait go on with that")
