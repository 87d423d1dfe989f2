"""The kernel helper sees what a front end sees: the tests of every kernel lean on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kernel import Kernel


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Kernel]:
    env = {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "IPYTHONDIR": str(tmp_path / "ipython")}
    with Kernel(Path(sys.executable), env=env, cwd=tmp_path) as kernel:
        yield kernel


def test_a_cell_and_what_it_shows(plain: Kernel) -> None:
    cell = plain.run("print('words')\n[1, 'two']")
    assert (cell.printed, cell.result) == ("words\n", [1, "two"])
    assert plain.shown(cell) == "words\n [1, 'two']"
    assert plain.run("1 / 0").error[-1] == "ZeroDivisionError: division by zero"


def test_updates_of_displays_and_widgets_are_followed(plain: Kernel) -> None:
    plain.run("import ipywidgets as w\nfrom IPython.display import display, HTML")
    cell = plain.run("place = display(HTML('<b>one</b>'), display_id=True)\nlabel = w.HTML('x')\nw.VBox([label])")
    assert plain.shown(cell) == "one x"
    assert len(plain.live_widgets(cell)) == 2
    plain.run("place.update(HTML('two'))\nlabel.value = '<i>y</i>'")
    assert plain.shown(cell) == "two y"


def test_a_click_reaches_the_widget(plain: Kernel) -> None:
    cell = plain.run(
        "import ipywidgets as w\nb = w.Button()\nb.on_click(lambda _: setattr(b, 'description', 'was clicked'))\nb"
    )
    [button] = plain.live_widgets(cell)
    plain.click(button)
    plain.wait(lambda: "was clicked" in plain.shown(cell), "the click")


def test_an_interrupt_a_restart_and_a_silent_end(plain: Kernel) -> None:
    busy = plain.start("import time\nprint('on')\ntime.sleep(600)")
    plain.wait(lambda: "on" in busy.printed, "the cell runs")
    plain.interrupt()
    assert busy.wait().reply["ename"] == "KeyboardInterrupt"
    plain.run("x = 1")
    plain.restart()
    assert plain.run("'x' in globals()").result is False
    ended = plain.shutdown()
    assert (ended.code, ended.noise) == (0, "")


def test_noise_is_seen(plain: Kernel) -> None:
    plain.run("import os; os.write(2, b'noise')")
    # Killed: a kernel that ends by itself may have a word of ipykernel's own to say, when its streams end in disorder.
    assert plain.kill().noise == "noise"
