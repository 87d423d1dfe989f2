"""An interrupt at any instant: it ends what the cell waits for, and nothing that other cells or kernels need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.fake_server import KEY, FakeServer
from support.interrupts import interrupted


def run(server: FakeServer, home: Path, tmp_path: Path, photo: Path, **how: Any) -> dict[str, Any]:
    env = {"HAPPYHORSE_HOME": str(home), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
    server.words = ("success",)
    said = interrupted(env, photo=photo, cwd=tmp_path, **how)
    named = {task_id: (prompt, status) for prompt, status, task_id in said["jobs"]}
    # What the server was paid for is known, and was had; nothing was asked for twice.
    assert {(task.payload["prompt"], "done") for task in server.tasks.values()} == set(named.values())
    assert set(server.tasks) == set(named)
    assert len({prompt for prompt, _ in named.values()}) == len(named)
    assert (said["starred"], said["owes"]) == (True, False)
    return said


@pytest.mark.parametrize("act", ["generate", "flush", "star", "jobs", "wait", "form", "gallery", "nested"])
def test_signals_at_random_instants_leave_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, act: str
) -> None:
    said = run(fake_server, home, tmp_path, photo, act=act, how="signals", count=100)
    assert said["hits"] == 100


@pytest.mark.parametrize(
    ("act", "every"),
    [
        ("generate", 61),
        ("flush", 5),
        ("star", 5),
        ("jobs", 31),
        ("wait", 97),
        ("form", 301),
        ("gallery", 31),
        ("nested", 5),
    ],
)
def test_an_interrupt_between_any_two_steps_leaves_everything_in_order(
    fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path, act: str, every: int
) -> None:
    said = run(fake_server, home, tmp_path, photo, act=act, how="steps", count=every)
    assert said["hits"] >= 10
