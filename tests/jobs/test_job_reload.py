"""A job outlives its modules being run anew under it, as by %autoreload: for a moment a module has no names at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs import reloaded
from jobs.conftest import Generate
from jobs.seen import DEADLINE, Seen, ended
from support.fake_server import FakeServer

LAYERS = ("api", "engine", "job", "limits", "client", "polling", "wire", "models")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_job_goes_on_when_names_were_gone_for_a_moment(
    generate: Generate, fake_server: FakeServer, layer: str
) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    names = [name for name in sorted(sys.modules) if name.startswith(f"happyhorse_nb.{layer}")]
    for name in names:
        module = sys.modules[name].__dict__
        kept = dict(module)
        module.clear()
        # As long as it takes to run a module; the loop does what it does meanwhile.
        time.sleep(0.03)
        module.update(kept)
    count = len(fake_server.of("poll"))
    fake_server.wait_for("poll", count + 2)
    fake_server.task.say("success")
    ended(job)
    assert str(job.status) == "done"
    assert fake_server.paid == 1


def test_cards_move_on_after_that(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    runner = sys.modules["happyhorse_nb.engine.runner"].__dict__
    kept = dict(runner)
    runner.clear()
    # Longer than it is from one tick to the next.
    time.sleep(0.5)
    runner.update(kept)
    before = job.snapshot.progress.elapsed
    Seen(job).wait(lambda snapshot: snapshot.progress.elapsed > before + 1)
    fake_server.task.say("success")
    job.result(timeout=DEADLINE)


@pytest.mark.parametrize("order", reloaded.ORDERS)
def test_after_every_module_was_run_anew_jobs_go_on_and_new_ones_are_made(
    order: str, tmp_path: Path, photo: Path
) -> None:
    # In a process of its own: this one's modules stay as they are.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, reloaded.__file__, order, str(tmp_path), str(photo)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=4 * DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
