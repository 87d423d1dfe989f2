"""The seed of the random instants, and what became of them, printed at the end: HH_SEED repeats a run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from soak.ordeal import QUICK, Ordeal
from support.fake_server import FakeServer
from support.programs import Program, Programs
from support.videos import make_mp4

SEED = int(os.environ.get("HH_SEED") or secrets.randbelow(1_000_000))
#: How many kills there are at least; `make soak` asks for more.
KILLS = int(os.environ.get("HH_KILLS") or 10)
_SUMMARIES: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _SUMMARIES:
        terminalreporter.section(f"soak: HH_SEED={SEED} HH_KILLS={KILLS}")
        for summary in _SUMMARIES:
            terminalreporter.write_line(summary)


@pytest.fixture(scope="session")
def kills() -> int:
    return KILLS


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    with Programs() as programs:
        yield programs


@pytest.fixture(scope="session")
def long_mp4() -> bytes:
    """A real video, made large by an empty box at its end, so that a download has a middle."""
    return make_mp4() + (1_000_000).to_bytes(4, "big") + b"free" + bytes(999_992)


@pytest.fixture
def ordeal(
    request: pytest.FixtureRequest, long_mp4: bytes, photo: Path, tmp_path: Path, home: Path
) -> Iterator[Ordeal]:
    folder = tmp_path / "work"
    folder.mkdir()
    name = request.node.name
    with FakeServer(video=long_mp4) as server:
        ordeal = Ordeal(server, home, folder, photo, Random(f"{SEED} {name}"))
        try:
            yield ordeal
        finally:
            _SUMMARIES.append(f"{name}: {ordeal.summary()}")


@pytest.fixture
def start(ordeal: Ordeal, programs: Programs) -> Callable[[], Program]:
    """Starts a fresh program that works in the ordeal's folder."""

    def start() -> Program:
        program = programs.start(ordeal.env, cwd=ordeal.folder)
        program.ask("configure", **QUICK)
        return program

    return start
