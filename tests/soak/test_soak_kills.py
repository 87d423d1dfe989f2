"""Processes killed with SIGKILL at random instants: no accepted task is forgotten, none is paid for twice."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from soak.ordeal import Ordeal, kill_at_random
from support.kernel import Kernel
from support.programs import Program, Programs

#: Of ten kills this many hit a real kernel; the others a program, which starts faster.
KERNELS_IN_TEN = 1


def test_programs_killed_at_random_instants(
    ordeal: Ordeal, start: Callable[[], Program], programs: Programs, kills: int
) -> None:
    wanted = kills - kills * KERNELS_IN_TEN // 10
    while ordeal.counts["kills"] < wanted:
        kill_at_random(ordeal, start)
    assert programs.noise == ""


def test_kernels_killed_at_random_instants(
    ordeal: Ordeal, start: Callable[[], Program], kills: int, tmp_path: Path
) -> None:
    shutil.copy(ordeal.photo, ordeal.folder / "rocket.jpg")
    env = {**ordeal.env, "IPYTHONDIR": str(tmp_path / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    quick = "\n".join(f"%config HappyHorse.{name} = {value}" for name, value in ordeal.settings.items())
    with ExitStack() as stack:

        def kernel() -> Kernel:
            fresh = stack.enter_context(Kernel(Path(sys.executable), env=env, cwd=ordeal.folder))
            assert fresh.run(f"%load_ext happyhorse_nb\n{quick}").error == []
            return fresh

        for number in range(kills * KERNELS_IN_TEN // 10):
            requests = ordeal.requests()
            prompts = [str(request["prompt"]) for request in requests]
            instant = ordeal.instant(len(requests))
            victim = kernel()
            with ordeal.weather():
                for prompt in prompts:
                    victim.start(f"%%happyhorse rocket.jpg --duration 3\n{prompt}")
                instant()
                assert victim.kill().code == -9
            ordeal.counts["kills"] += 1
            if number % 4 == 0:
                heir = kernel()
                assert heir.run("%happyhorse resume").error == []
                assert heir.run("%happyhorse wait").error == []
                for prompt in prompts:
                    heir.run(f"%%happyhorse rocket.jpg --duration 3\n{prompt}")
                heir.run("%happyhorse wait")
                heir.shutdown()
            program = start()
            ordeal.recover(program, prompts)
            program.end()
            stack.close()


def test_what_is_on_its_way_when_its_process_dies_is_shown_as_unknown(
    ordeal: Ordeal, start: Callable[[], Program]
) -> None:
    [request] = ordeal.requests()[:1]
    program = start()
    with ordeal.server.held("submit"):
        program.ask("generate", **request)
        ordeal.server.wait_for("submit")
        program.kill()
    # The server has the task, and nobody was told.
    fresh = start()
    deadline = time.monotonic() + 60
    while not ordeal.server.tasks:
        assert time.monotonic() < deadline
    assert fresh.ask("resume") == []
    [row] = fresh.ask("jobs")
    assert (row["status"], row["task_id"]) == ("unknown", None)
    assert fresh.ask("generate", **request)["id"] == row["id"]
    assert ordeal.server.paid == 1
    # What to do about it works: the task is attached by its id.
    [task] = ordeal.server.tasks
    fresh.ask("resume", piece=task, attach=row["id"])
    assert task in [row["task_id"] for row in fresh.ask("wait") if row["status"] == "done"]
    assert ordeal.server.paid == 1
