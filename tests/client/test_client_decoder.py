"""Videos are decoded by a program beside the kernel, which may end at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from happyhorse_nb.client.mp4 import Decoder
from support.fake_server import KEY
from support.videos import make_mp4

spec = find_spec("av")
assert spec is not None
assert spec.origin is not None
LIBRARY = Path(spec.origin).parents[1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "x.mp4"
    file.write_bytes(make_mp4())
    return file


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_one_that_has_ended_meanwhile_is_started_again(file: Path) -> None:
    decoder, before = Decoder(), children()
    try:
        first = decoder.ask(LIBRARY, file, 1)
        assert first is not None
        assert (first["width"], first["height"]) == (320, 214)
        [pid] = children() - before
        os.kill(pid, signal.SIGKILL)
        assert decoder.ask(LIBRARY, file, 1) == first
        [another] = children() - before
        assert another != pid
    finally:
        decoder.close()
    assert children() <= before


def test_a_file_that_brings_it_down_is_judged_without_it(file: Path) -> None:
    decoder = Decoder([sys.executable, "-c", "import os; input(); os.abort()"])
    assert decoder.ask(LIBRARY, file, 1) is None
    decoder.close()


@pytest.mark.parametrize("python", ["", "x.mp4"])
def test_where_it_cannot_be_started_files_are_judged_without_it(file: Path, python: str) -> None:
    # Where Python is part of another program it may not know its own file.
    command = str(file.with_name(python)) if python else ""
    assert Decoder([command]).ask(LIBRARY, file, 1) is None


def test_it_is_not_told_the_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    decoder = Decoder([sys.executable, "-c", "import json, os; input(); print(json.dumps(dict(os.environ)))"])
    told = decoder.ask(LIBRARY, file, 1)
    decoder.close()
    assert told is not None
    assert KEY not in str(told)


def test_it_ends_with_the_program_that_started_it(file: Path) -> None:
    code = (
        "import os, psutil, sys; from pathlib import Path; from happyhorse_nb.client.mp4 import Decoder\n"
        f"Decoder().ask(Path({str(LIBRARY)!r}), Path({str(file)!r}), 1)\n"
        "print(psutil.Process().children()[0].pid, flush=True); os.kill(os.getpid(), 9)"
    )
    program = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(program.stdout)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)
