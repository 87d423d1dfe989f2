"""Other loops in the kernel: `hh.run`, and a user who applies nest_asyncio."""

from __future__ import annotations

import pytest

from support.fake_server import FakeServer
from support.kernel import Kernel

pytestmark = pytest.mark.every_kernel

WAIT_FOR_FILE = """
import asyncio, os
import happyhorse_nb as hh

async def until_let_go():
    while not os.path.exists("let-go"):
        await asyncio.sleep(0.01)
    return "over"

print("running")
"""


def test_cells_queued_while_hh_run_runs_are_all_answered_after_it(kernel: Kernel) -> None:
    running = kernel.start(WAIT_FOR_FILE + "hh.run(until_let_go())")
    kernel.wait(lambda: "running" in running.printed, "hh.run runs")
    queued = [kernel.start(f"order = globals().get('order', []) + [{n}]; {n}") for n in range(5)]
    (kernel.cwd / "let-go").touch()
    assert running.wait().result == "over"
    assert [cell.wait().result for cell in queued] == [0, 1, 2, 3, 4]
    assert kernel.run("order").result == [0, 1, 2, 3, 4]


def test_hh_run_leaves_the_kernels_loop_as_it_was(kernel: Kernel) -> None:
    state = "import asyncio; l = asyncio.get_event_loop(); [type(l).__name__, hasattr(type(l), '_nest_patched')]"
    before = kernel.run(state).result
    kernel.run("import happyhorse_nb as hh\nasync def one(): return 1\nhh.run(one())")
    assert kernel.run(state).result == before
    assert kernel.run("await asyncio.sleep(0, 'fine')").result == "fine"


def test_an_error_in_hh_run_reaches_the_cell(kernel: Kernel) -> None:
    cell = kernel.run("import happyhorse_nb as hh\nasync def bad(): raise LookupError('not here')\nhh.run(bad())")
    assert cell.reply["ename"] == "LookupError"
    assert kernel.run("1").result == 1


def test_a_users_nest_asyncio_in_mid_job_harms_nothing(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("pending",)
    card = kernel.run("%%happyhorse rocket.jpg --name launch\nThe rocket lifts off")
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the task is accepted")
    assert kernel.run("import nest_asyncio; nest_asyncio.apply()").error == []
    assert kernel.run("import asyncio; asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, 5))").result == 5
    polls = len(fake_server.of("poll"))
    fake_server.wait_for("poll", polls + 1)
    fake_server.task.say("processing", "success")
    kernel.wait(lambda: "Done" in kernel.shown(card), "the job ends")
    assert kernel.run("(await launch) is not None").result is True
