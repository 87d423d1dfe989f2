"""What a form pays for: once for two clicks, and only for what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.fake_server import FakeServer
from support.kernel import Cell, Kernel


def part(cell: Cell, description: str) -> tuple[str, dict[str, Any]]:
    """The id and the state of the form's widget whose label begins so."""
    shown = cell.kernel.live_widgets(cell)
    [found] = [(name, state) for name, state in shown.items() if str(state.get("description")).startswith(description)]
    return found


def wait_ready(cell: Cell) -> str:
    """The id of Generate, once it can be clicked."""
    cell.kernel.wait(lambda: part(cell, "Generate")[1]["disabled"] is False, "Generate is enabled")
    return part(cell, "Generate")[0]


def test_two_clicks_on_takes_buy_them_once_even_where_nothing_is_reused(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    kernel.run("import happyhorse_nb as hh\n%config HappyHorse.reuse = False")
    button = wait_ready(kernel.run("%happyhorse form rocket.jpg --takes 2 --resolution 720P"))
    kernel.click(button)
    kernel.click(button)
    assert kernel.run("len(hh.jobs())").result == 2
    fake_server.wait_for("submit", 2)


def test_another_picture_than_was_shown_is_not_paid_for(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh\nfrom PIL import Image; img = Image.new('RGB', (400, 400), 'red')")
    form = kernel.run("%happyhorse form img --resolution 720P")
    button = wait_ready(form)
    kernel.run("img = Image.new('RGB', (500, 400), 'blue')")
    kernel.click(button)
    kernel.wait(lambda: "The picture has changed" in kernel.shown(form), "what is said")
    assert "500 x 400" in kernel.shown(form)
    assert kernel.run("len(hh.jobs())").result == 0
    kernel.click(wait_ready(form))
    fake_server.wait_for("submit")


@pytest.mark.every_kernel
def test_a_chosen_file_becomes_the_first_frame(kernel: Kernel, photo: Path) -> None:
    form = kernel.run("%happyhorse form")
    chooser, state = part(form, "Choose a file")
    data = photo.read_bytes()
    about = {"name": "photo.jpg", "type": "image/jpeg", "size": len(data)}
    if "_counter" in state:
        # As ipywidgets 7 sends it.
        sent = {"metadata": [{**about, "lastModified": 1}], "data": [None], "error": "", "_counter": 1}
        place: list[Any] = ["data", 0]
    else:
        sent = {"value": [{**about, "last_modified": 1}]}
        place = ["value", 0, "content"]
    update = {"method": "update", "state": sent, "buffer_paths": [place]}
    session = kernel.client.session
    message = session.msg("comm_msg", {"comm_id": chooser, "data": update})
    session.send(kernel.client.shell_channel.socket, message, buffers=[data])
    wait_ready(form)
    assert "640 x 427" in kernel.shown(form)


def test_the_file_is_of_the_folder_in_which_the_form_was_filled_in(
    kernel: Kernel, fake_server: FakeServer, photo: Path
) -> None:
    kernel.run("import happyhorse_nb as hh, os")
    button = wait_ready(kernel.run(f"%happyhorse form {photo} --save launch.mp4"))
    kernel.run("os.mkdir('elsewhere')\nos.chdir('elsewhere')")
    kernel.click(button)
    fake_server.wait_for("submit")
    assert kernel.run("[str(job._state.record.target) for job in hh.jobs()]").result == [str(kernel.cwd / "launch.mp4")]
