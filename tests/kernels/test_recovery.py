"""What one kernel has begun, another one finishes; and what another live one watches is left to it."""

from __future__ import annotations

import re

import pytest

from kernels.conftest import NewKernel
from support.fake_server import FakeServer
from support.kernel import Kernel

CELL = "%%happyhorse rocket.jpg --name launch\nThe rocket lifts off"


def begun(kernel: Kernel, server: FakeServer) -> None:
    """A task that the server has accepted and does not finish yet."""
    server.words = ("pending",)
    assert kernel.run("%load_ext happyhorse_nb").ok
    card = kernel.run(CELL)
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the task is accepted")


@pytest.mark.every_kernel
def test_a_task_outlives_its_kernel(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    first = new_kernel()
    begun(first, fake_server)
    first.kill()
    second = new_kernel()
    loaded = second.run("%load_ext happyhorse_nb")
    assert loaded.printed == "1 video was not finished when a kernel ended: %happyhorse resume goes on.\n"
    card = second.run("%happyhorse resume")
    fake_server.task.say("success")
    second.wait(lambda: "Done" in second.shown(card), "the job ends")
    assert "data:video/mp4" in str(second.data(card))
    assert fake_server.paid == 1
    # Nothing is left to say, and nothing to buy.
    assert second.run("%reload_ext happyhorse_nb").printed == ""
    again = second.run(CELL)
    second.wait(lambda: "Already made" in second.shown(again), "the video it has made")
    assert fake_server.paid == 1


def test_a_cell_run_again_in_a_new_kernel_goes_on_with_its_task(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    first = new_kernel()
    begun(first, fake_server)
    first.kill()
    second = new_kernel()
    second.run("%load_ext happyhorse_nb")
    card = second.run(CELL)
    fake_server.task.say("success")
    second.wait(lambda: "data:video/mp4" in str(second.data(card)), "the video is there")
    assert fake_server.paid == 1


def test_a_job_of_another_live_kernel_is_left_to_it_and_can_be_waited_for(
    new_kernel: NewKernel, fake_server: FakeServer
) -> None:
    first, second = new_kernel(), new_kernel()
    begun(first, fake_server)
    loaded = second.run("%load_ext happyhorse_nb")
    assert loaded.printed == ""
    card = second.run("%happyhorse resume")
    assert re.search("Accepted|Generating", second.shown(card))
    waiting = second.start("print('waiting')\n%happyhorse wait")
    second.wait(lambda: "waiting" in waiting.printed, "the second kernel waits")
    fake_server.task.say("success")
    assert waiting.wait().error == []
    second.wait(lambda: "data:video/mp4" in str(second.data(card)), "the card of the second kernel has the video")
    # One file, brought by the one that watched.
    assert (
        first.run("launch.result().path.name").result
        == second.run("import happyhorse_nb as hh\nhh.jobs()[0].path.name").result
    )
    assert len(fake_server.of("file")) == 1


def test_a_task_from_elsewhere_is_taken_up_by_its_id(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    first = new_kernel()
    begun(first, fake_server)
    first.kill()
    fake_server.task.say("success")
    second = new_kernel(HAPPYHORSE_HOME=str(first.cwd / "elsewhere"))
    second.run("%load_ext happyhorse_nb")
    card = second.run(f"%happyhorse resume {fake_server.task.id}")
    second.wait(lambda: "data:video/mp4" in str(second.data(card)), "the video is there")
    assert fake_server.paid == 1


def test_a_forgotten_job_shows_no_prompt(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    kernel = new_kernel()
    kernel.run("%load_ext happyhorse_nb")
    fake_server.words = ("success",)
    kernel.run(CELL)
    assert kernel.run("launch.result().path.is_file()").result is True
    assert kernel.run("%happyhorse forget fake0001").ok
    assert "rocket lifts" not in kernel.shown(kernel.run("%happyhorse jobs"))
