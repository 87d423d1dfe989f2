"""Takes and their comparison in kernels of three kinds."""

from __future__ import annotations

import pytest

from support.fake_server import FakeServer
from support.kernel import Kernel

pytestmark = pytest.mark.every_kernel

VIEW = "application/vnd.jupyter.widget-view+json"
CELL = "%%happyhorse rocket.jpg --takes 2 --resolution 720P --name two\nThe rocket lifts off"


def test_takes_come_as_one_card_end_in_their_comparison_and_one_is_kept(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    with fake_server.held("submit"):
        cell = kernel.run(CELL)
        assert cell.ok
        assert "2 takes, about $1.28 of play money in all" in kernel.shown(cell)
    kernel.wait(lambda: VIEW in kernel.data(cell)[-1], "the buttons")
    card, comparison, _ = kernel.data(cell)
    assert VIEW not in card
    assert "2 takes, $1.40 of play money in all" in card["text/html"]
    assert comparison["text/html"].count('src="data:video/mp4;base64,') == 2
    [button] = [id_ for id_, state in kernel.widgets.items() if state.get("description") == "Keep B"]
    kernel.click(button)
    kernel.wait(lambda: "Kept B" in kernel.data(cell)[-1].get("text/html", ""), "what was kept")
    assert VIEW not in kernel.data(cell)[-1]
    assert kernel.shown(kernel.run("[job.starred for job in two]")) == "[False, True]"

    again = kernel.run(CELL)
    assert "made before, nothing now" in kernel.shown(again)
    shown = kernel.run("%happyhorse show two")
    assert "2 done" in kernel.shown(shown)
    assert kernel.run("%happyhorse compare two[0] two[1]").ok
    assert kernel.run("%happyhorse stop two").printed.count("is done already") == 2
    assert fake_server.paid == 2
