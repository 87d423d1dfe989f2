"""A cell comes back at once, and its card lives on while the user works elsewhere."""

from __future__ import annotations

import base64
import re

import pytest

from support.fake_server import FakeServer
from support.kernel import Cell, Kernel

pytestmark = pytest.mark.every_kernel

CELL = "%%happyhorse rocket.jpg --duration 5 --resolution 720P --seed 7 --name launch\nThe rocket lifts off"
#: Holds the main thread, as time.sleep(60) does, until the test makes the file.
BUSY = """
import os, time
print("busy")
while not os.path.exists("let-go"):
    time.sleep(0.01)
print("over")
"""


def let_go(kernel: Kernel) -> None:
    (kernel.cwd / "let-go").touch()


def videos(kernel: Kernel, cell: Cell) -> list[bytes]:
    """The videos embedded under the cell."""
    html = " ".join(bundle.get("text/html", "") for bundle in kernel.data(cell))
    return [base64.b64decode(data) for data in re.findall(r"data:video/mp4;base64,([A-Za-z0-9+/=]+)", html)]


def test_the_cell_is_over_before_the_server_has_accepted(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("pending",)
    with fake_server.held("submit"):
        card = kernel.run(CELL)
        assert card.ok
        fake_server.wait_for("submit")
        # Other cells are answered too, while the server is still thinking.
        assert kernel.run("1 + 1").result == 2
        assert fake_server.tasks == {}
        kernel.wait(lambda: "Sending" in kernel.shown(card), "the card says that it is being sent")
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the card says that it is accepted")
    assert fake_server.paid == 1
    assert fake_server.of("submit")[0].json["prompt"] == "The rocket lifts off"


def test_the_card_moves_and_the_video_comes_while_another_cell_is_busy(
    kernel: Kernel, fake_server: FakeServer, small_mp4: bytes
) -> None:
    fake_server.words = ("pending",)
    card = kernel.run(CELL)
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the task is accepted")
    assert kernel.live_widgets(card)

    busy = kernel.start(BUSY)
    kernel.wait(lambda: "busy" in busy.printed, "the other cell holds the kernel")
    fake_server.task.say("processing")
    kernel.wait(lambda: "Generating" in kernel.shown(card), "the card moves on")
    fake_server.task.say("success")
    kernel.wait(lambda: videos(kernel, card), "the video")
    assert not busy.answered
    let_go(kernel)
    busy.wait()

    assert videos(kernel, card) == [small_mp4]
    kernel.wait(lambda: "Done" in kernel.shown(card), "its words")
    assert "$0.70" in kernel.shown(card)
    # What is left of the progress is ordinary output, which is saved and needs no kernel.
    assert "Generating" not in str(kernel.live_widgets(card))


def test_nothing_from_the_background_lands_in_a_later_cell(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("pending",)
    card = kernel.run(CELL)
    kernel.wait(lambda: "Accepted" in kernel.shown(card), "the task is accepted")
    busy = kernel.start(BUSY)
    kernel.wait(lambda: "busy" in busy.printed, "the other cell holds the kernel")
    fake_server.task.say("processing", "success")
    kernel.wait(lambda: videos(kernel, card), "the video")
    let_go(kernel)
    busy.wait()
    later = kernel.run("2 + 2")

    assert [m["msg_type"] for m in busy.outputs] == ["stream"] * len(busy.outputs)
    assert busy.printed == "busy\nover\n"
    assert [m["msg_type"] for m in later.outputs] == ["execute_result"]
    # Nor does it stand outside of all cells, where no front end would show it.
    cells = {card.id, busy.id, later.id}
    for message in kernel.messages:
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            assert message["parent_header"]["msg_id"] in cells, message["content"]


def test_a_failed_task_says_why_in_its_card(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("failed",)
    card = kernel.run(CELL)
    kernel.wait(lambda: "Failed" in kernel.shown(card), "the card says that it failed")
    assert "prompt violates the content policy" in kernel.shown(card)
    assert "not charged" in kernel.shown(card)
    assert kernel.live_widgets(card) == {}


def test_the_job_is_bound_to_the_name(kernel: Kernel, fake_server: FakeServer) -> None:
    card = kernel.run(CELL)
    kernel.wait(lambda: videos(kernel, card), "the video")
    assert kernel.run("[str(launch.status), launch.task_id, float(launch.cost)]").result == [
        "done",
        "task-fake0001",
        0.7,
    ]
    assert kernel.run("launch.path.is_absolute() and launch.path.suffix").result == ".mp4"
