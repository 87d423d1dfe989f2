"""Interrupts at every step and hundreds of real signals, and many forks: in full what `tests/jobs` runs in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.test_job_interrupts import run
from support.fake_server import FakeServer

#: So many signals for each kill of the other soak tests, where `make soak` asks for 200: 750. (`tests/jobs` has 100.)
SIGNALS = 3.75
#: From so many kills on it is `make soak`.
IN_FULL = 200


@pytest.mark.parametrize("run_of", range(3))
@pytest.mark.parametrize("act", ["generate", "flush", "star", "wait"])
def test_hundreds_of_signals_leave_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, kills: int, act: str, run_of: int
) -> None:
    # One more or less each time: it is what the random instants are drawn from.
    wanted = int(kills * (SIGNALS if kills >= IN_FULL else 1)) + run_of
    assert run(fake_server, home, tmp_path, photo, act=act, how="signals", count=wanted)["hits"] == wanted


#: One of so many steps is interrupted, where `make soak` has all of them; not as in `tests/jobs`, so that others are.
STRIDES = {"generate": 53, "flush": 7, "star": 7, "jobs": 29, "wait": 89}


@pytest.mark.parametrize("act", STRIDES)
def test_an_interrupt_at_every_step_leaves_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, kills: int, act: str
) -> None:
    every = 1 if kills >= IN_FULL else STRIDES[act]
    assert run(fake_server, home, tmp_path, photo, act=act, how="steps", count=every)["hits"] >= 10
