"""In a notebook's cell, what costs much is asked about with one button; where nobody watches it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_server import FakeServer
from support.kernel import Cell, Kernel

CELL = "%%happyhorse rocket.jpg --takes 4 --duration 15 --name launch\nThe rocket lifts off"
ACTION = "Make 4 videos, about $13.74"


def button(cell: Cell, words: str = ACTION) -> str:
    """The id of the button with those words."""
    [found] = [name for name, state in cell.kernel.live_widgets(cell).items() if state.get("description") == words]
    return found


@pytest.mark.every_kernel
def test_a_cell_shows_the_price_and_one_button_and_the_press_does_what_the_cell_would_have_done(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    kernel.run("import happyhorse_nb as hh")
    asked = kernel.run(CELL)
    assert asked.error == []
    assert "Not bought yet" in kernel.shown(asked)
    assert "4 videos, about $13.74 of play money" in kernel.shown(asked)
    assert kernel.run("len(hh.jobs())").result == 0
    # What a saved notebook, or a page without widgets, has of it.
    assert "--yes (yes=True)" in kernel.data(asked)[0]["text/plain"]
    assert "Run the cell to be asked" in kernel.data(asked)[0]["text/html"]
    # The cells below do not find an older job under the name.
    early = kernel.run("launch.result()")
    assert 'nothing is bought yet. Press "Make 4 videos' in early.error[-1]
    assert "nothing is bought yet" in kernel.run("%happyhorse show launch").error[-1]
    press = button(asked)
    kernel.click(press)
    kernel.click(press)
    fake_server.wait_for("submit", 4)
    kernel.run("launch.result(); None")
    assert kernel.run("type(launch).__name__, launch.status").result == ("Takes", "4 done")
    kernel.wait(lambda: "4 done" in kernel.shown(asked), "the card in its place")
    kernel.wait(lambda: "data:video/mp4" in str(kernel.data(asked)), "the comparison, to be saved")
    fake_server.quiet()
    assert fake_server.paid == 4
    # Run again it costs nothing, so nobody is asked.
    again = kernel.run(CELL)
    assert "Not bought yet" not in kernel.shown(again)
    assert fake_server.paid == 4


def test_a_call_in_a_cell_asks_too_and_its_value_is_what_is_bought(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh\n%config HappyHorse.ask_above = 1.0")
    asked = kernel.run("job = hh.generate('rocket.jpg', 'a call')\njob")
    # The last value of its cell is the question itself, which stands there once.
    assert kernel.shown(asked).count("Not bought yet") == 1
    kernel.click(button(asked, "Make 1 video, about $1.14"))
    fake_server.wait_for("submit", 1)
    assert kernel.run("job.result(); job.path.exists(), job.seed == hh.jobs()[0].seed").result == (True, True)
    kernel.wait(lambda: "Done" in kernel.shown(asked), "the card")
    # Named later, it is the job.
    assert kernel.run("%happyhorse show job").error == []
    new = kernel.run("%happyhorse again job --seed 7")
    kernel.click(button(new, "Make 1 video, about $1.14"))
    fake_server.wait_for("submit", 2)
    assert kernel.run("hh.jobs()[0].seed").result == 7


def test_who_says_yes_is_not_asked(kernel: Kernel, fake_server: FakeServer) -> None:
    cell = kernel.run(CELL.replace("--name", "--yes --no-wait --name"))
    assert cell.error == []
    assert "Not bought yet" not in kernel.shown(cell)
    fake_server.wait_for("submit", 2)


def test_where_nobody_watches_it_is_refused_in_one_line(new_kernel: Any, fake_server: FakeServer) -> None:
    kernel = new_kernel(HAPPYHORSE_WAIT="1")
    kernel.run("%load_ext happyhorse_nb")
    cell = kernel.run(CELL)
    assert len(cell.error) == 1
    assert "Add --yes (yes=True) if it is meant, or raise %config HappyHorse.ask_above." in cell.error[0]
    assert fake_server.paid == 0


def test_what_goes_wrong_is_said_beside_the_button_which_can_be_pressed_again(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    asked = kernel.run(CELL)
    kernel.run("%config HappyHorse.budget = 1.0")
    kernel.click(button(asked))
    kernel.wait(lambda: "would exceed the $1.00" in kernel.shown(asked), "why not")
    kernel.run("%config HappyHorse.budget = None")
    kernel.click(button(asked))
    fake_server.wait_for("submit", 2)


def test_the_form_s_button_is_the_answer_itself(kernel: Kernel, fake_server: FakeServer) -> None:
    form = kernel.run("%happyhorse form rocket.jpg --takes 4 --duration 15")
    press = button(form, "Generate 4, about $13.74")
    kernel.wait(lambda: kernel.live_widgets(form)[press]["disabled"] is False, "Generate is enabled")
    kernel.click(press)
    fake_server.wait_for("submit", 2)


def test_the_balance_is_said_with_its_money(kernel: Kernel) -> None:
    assert kernel.run("%happyhorse balance").printed == "The account holds $12.34 of play money.\n"
