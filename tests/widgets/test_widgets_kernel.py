"""The card in a real kernel: what a front end receives, and when."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import happyhorse_nb
from support.kernel import Cell, Kernel

VIEW = "application/vnd.jupyter.widget-view+json"
TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture
def kernel(tmp_path: Path, small_mp4: bytes) -> Iterator[Kernel]:
    (tmp_path / "clip.mp4").write_bytes(small_mp4)
    path = os.pathsep.join([str(Path(happyhorse_nb.__file__).parent.parent), str(TESTS)])
    with Kernel(Path(sys.executable), env={"PYTHONPATH": path}, cwd=tmp_path) as kernel:
        kernel.run("from pathlib import Path\nfrom happyhorse_nb.widgets import show\nfrom widgets.fakes import *")
        yield kernel


def video_in(kernel: Kernel, cell: Cell) -> bool:
    return any("<video" in str(bundle.get("text/html")) for bundle in kernel.data(cell))


def test_the_card_lives_on_while_other_cells_run_and_nothing_lands_in_them(kernel: Kernel) -> None:
    cell = kernel.run("job = FakeJob()\nshow(job, embed_limit=15)")
    assert "Generating" in kernel.shown(cell)
    busy = kernel.start(
        "import os, time\njob.live(1, Path('clip.mp4'))\nwhile not os.path.exists('let-go'): time.sleep(0.01)"
    )
    kernel.wait(lambda: video_in(kernel, cell) and "Done" in kernel.shown(cell), "the end")
    assert not busy.answered
    (kernel.cwd / "let-go").touch()
    busy.wait()
    panel, *rest = kernel.data(cell)
    assert VIEW not in panel
    assert "Done" in kernel.shown(cell)
    [_] = [bundle for bundle in rest if "data:video/mp4;base64," in bundle.get("text/html", "")]
    assert busy.outputs == []
    assert cell.printed == ""


def test_at_most_two_messages_a_second_however_busy_the_job(kernel: Kernel) -> None:
    kernel.run("import time\nstart = time.monotonic()\njob = FakeJob()\nshow(job, embed_limit=15)")
    first = len(kernel.messages)

    def ends() -> int:
        values = [str(state.get("value")) for state in kernel.widgets.values()]
        return sum("aria-live" in value and "Done" in value for value in values)

    before = ends()
    kernel.run("job.live(4, Path('clip.mp4'), every=0.02)")
    kernel.wait(lambda: ends() > before, "the end")
    ticks = [m for m in kernel.messages[first:] if m["msg_type"] == "comm_msg"]
    # In the time that it really took; that two never come too close is tested on a clock of its own.
    seconds = kernel.run("time.monotonic() - start").result
    assert 2 <= len(ticks) <= 2 * (seconds + 1)


def test_the_video_button_fills_the_panels_own_slot(kernel: Kernel) -> None:
    cell = kernel.run("job = FakeJob()\nshow(job, embed_limit=15)\njob.done(Path('clip.mp4'))")
    [button] = [id_ for id_, state in kernel.widgets.items() if state.get("description") == "Show video"]
    assert video_in(kernel, cell)
    kernel.click(button)
    slots = [id_ for id_, state in kernel.widgets.items() if state.get("_model_name") == "OutputModel"]
    kernel.wait(lambda: any("<video" in str(kernel.widgets[slot].get("outputs")) for slot in slots), "the video")


def test_the_stop_button_reaches_the_job(kernel: Kernel) -> None:
    kernel.run("job = FakeJob()\nshow(job, embed_limit=15)")
    [button] = [id_ for id_, state in kernel.widgets.items() if state.get("description") == "Stop watching"]
    kernel.click(button)
    kernel.wait(lambda: kernel.run("job.stopped").result == 1, "the stop")
