"""Restart and exit in mid-job make no noise, and a wait can be interrupted without losing the job."""

from __future__ import annotations

import re

import pytest

from support.fake_server import FakeServer
from support.kernel import Cell, Kernel

CELL = "%%happyhorse rocket.jpg --name launch\nThe rocket lifts off"


def running(kernel: Kernel, server: FakeServer) -> Cell:
    """A cell whose task is on the server and stays there."""
    server.words = ("pending",)
    card = kernel.run(CELL)
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the task is accepted")
    return card


@pytest.mark.every_kernel
def test_exit_in_mid_job_is_silent(kernel: Kernel, fake_server: FakeServer) -> None:
    running(kernel, fake_server)
    ended = kernel.shutdown()
    assert (ended.code, ended.noise) == (0, "")


@pytest.mark.every_kernel
def test_exit_while_a_submit_is_under_way_is_silent(kernel: Kernel, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        kernel.run(CELL)
        fake_server.wait_for("submit")
        ended = kernel.shutdown()
    assert (ended.code, ended.noise) == (0, "")


@pytest.mark.every_kernel
def test_restart_in_mid_job_is_silent_and_the_new_kernel_works(kernel: Kernel, fake_server: FakeServer) -> None:
    running(kernel, fake_server)
    kernel.restart()
    assert kernel.noise.read_text() == ""
    assert kernel.run("%load_ext happyhorse_nb").error == []
    assert kernel.run("import happyhorse_nb as hh\nhh.jobs()[0].id[:8]").result in kernel.shown(
        kernel.run("%happyhorse jobs")
    )
    assert fake_server.paid == 1


#: Ways to wait in a cell, and what an interrupt makes of them. ipykernel cancels what a cell awaits, whatever it is.
WAITS = {
    "result": ("print('waiting')\nlaunch.result()", "KeyboardInterrupt"),
    "await": ("print('waiting')\nawait launch", "CancelledError"),
    "magic": ("print('waiting')\n%happyhorse wait", "KeyboardInterrupt"),
}


@pytest.mark.every_kernel
@pytest.mark.parametrize("way", WAITS)
def test_an_interrupt_ends_the_wait_and_not_the_job(kernel: Kernel, fake_server: FakeServer, way: str) -> None:
    card = running(kernel, fake_server)
    code, ending = WAITS[way]
    waiting = kernel.start(code)
    kernel.wait(lambda: "waiting" in waiting.printed, "the cell waits")
    # The wait itself has begun once the server has been asked again meanwhile.
    fake_server.wait_for("poll", len(fake_server.of("poll")) + 1)
    kernel.interrupt()
    assert waiting.wait().reply["ename"] == ending
    # It is what was wanted, and no error: what goes on is said, in one line.
    [line] = waiting.error
    assert re.fullmatch(rf"{ending}: no longer waiting; \w+ still runs\.", line)
    fake_server.task.say("success")
    kernel.wait(lambda: "Done" in kernel.shown(card), "the job is still watched, and ends")
    assert kernel.run("str(launch.status)").result == "done"


@pytest.mark.every_kernel
def test_an_interrupt_ends_a_waiting_cell_and_not_its_job(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("pending",)
    waiting = kernel.start("%%happyhorse rocket.jpg --wait --name launch\nThe rocket lifts off")
    fake_server.wait_for("poll", 2)
    kernel.interrupt()
    assert waiting.wait().reply["ename"] == "KeyboardInterrupt"
    assert len(waiting.error) == 1
    fake_server.task.say("success")
    kernel.wait(lambda: "Done" in kernel.shown(waiting), "the job is still watched, and ends")
    assert kernel.run("str(launch.status)").result == "done"


@pytest.mark.every_kernel
def test_a_cell_told_to_wait_ends_with_the_video(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("pending", "processing", "success")
    cell = kernel.run("%%happyhorse rocket.jpg --wait --name launch\nThe rocket lifts off")
    assert cell.error == []
    # All of it was said by the cell itself, before it was over.
    assert "data:video/mp4" in str(kernel.data(cell))
    # (What the panel still has to send waits its turn, and is not saved.)
    kinds = [m["msg_type"] for m in cell.messages]
    over = next(i for i, m in enumerate(cell.messages) if m["content"].get("execution_state") == "idle")
    assert {"status", "comm_msg"} >= set(kinds[over:])
    assert "update_display_data" in kinds[:over]
    assert kernel.run("str(launch.status)").result == "done"


def test_result_gives_the_video_or_the_jobs_error(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("failed",)
    kernel.run(CELL)
    cell = kernel.run("launch.result()")
    assert cell.reply["ename"] == "JobFailed"
    assert len(cell.error) == 1
    assert "content policy" in cell.error[0]
    assert kernel.run(
        "import happyhorse_nb as hh\ntry: launch.result()\nexcept hh.JobFailed as e: same = e.job is launch\nsame"
    ).result
