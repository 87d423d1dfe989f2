"""Interrupts at every step and hundreds of real signals, and many forks: in full what `tests/jobs` runs in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.test_job_interrupts import run
from support.fake_server import FakeServer

#: So many signals for each kill of the other soak tests: 750 where `make soak` asks for 200.
SIGNALS = 3.75


@pytest.mark.parametrize("run_of", range(3))
@pytest.mark.parametrize("act", ["generate", "flush", "star", "wait"])
def test_hundreds_of_signals_leave_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, kills: int, act: str, run_of: int
) -> None:
    # One more or less each time: it is what the random instants are drawn from.
    wanted = int(kills * SIGNALS) + run_of
    assert run(fake_server, home, tmp_path, photo, act=act, how="signals", count=wanted)["hits"] == wanted


@pytest.mark.parametrize("act", ["generate", "flush", "star", "jobs", "wait"])
def test_an_interrupt_at_every_step_leaves_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, kills: int, act: str
) -> None:
    # At least ten times within the shortest of them.
    every = max(1, min(10, 200 // kills))
    assert run(fake_server, home, tmp_path, photo, act=act, how="steps", count=every)["hits"] >= 10
