"""Notebooks run without anybody watching: what is saved holds the videos, and no state of a time gone by."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter

from support.fake_server import KEY, FakeServer
from support.kernel import kernel_of
from support.saved import videos, visible, widgets

#: With frequent looks at tasks: how seldom they may be is shown elsewhere.
LOAD = "%load_ext happyhorse_nb\n%config HappyHorse.max_poll_gap = 0.25"
CELL = "%%happyhorse rocket.jpg --duration 5 --name launch\nThe rocket lifts off"
NO_WAIT = CELL.replace("--name", "--no-wait --name")
#: Holds the main thread until the job is over, and does nothing that would show it.
BUSY = "import time\nwhile not launch.done(): time.sleep(0.01)"


@pytest.fixture
def folder(tmp_path: Path, photo: Path, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a notebook runs: with the photo, an account on the fake server, and no user's settings."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(photo, folder)
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    monkeypatch.setenv("MODELLIX_BASE_URL", fake_server.origin)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return folder


def notebook_of(*cells: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


async def run(notebook: nbformat.NotebookNode, folder: Path, python: Path) -> nbformat.NotebookNode:
    """Run it by nbclient on the kernel of that interpreter, save it, and give what was saved."""
    client = NotebookClient(notebook, timeout=600, kernel_name="driven", resources={"metadata": {"path": str(folder)}})
    manager = client.create_kernel_manager()
    manager.kernel_spec_manager = kernel_of(python, folder.parent / "kernelspecs")
    await client.async_execute()
    path = folder / "saved.ipynb"
    nbformat.write(notebook, path)
    return nbformat.read(path, as_version=4)


@pytest.mark.every_kernel
async def test_nbclient_waits_and_saves_the_video(
    folder: Path, python: Path, fake_server: FakeServer, small_mp4: bytes
) -> None:
    saved = await run(notebook_of(LOAD, CELL), folder, python)
    assert videos(saved.cells[1]) == [small_mp4]
    assert "Done" in visible(saved)
    for word in ("pending", "processing", "Accepted", "Generating", "Sending"):
        assert word not in visible(saved)
    assert widgets(saved) == []
    assert KEY not in (folder / "saved.ipynb").read_text()
    assert fake_server.paid == 1


@pytest.mark.every_kernel
async def test_a_job_that_ends_while_a_later_cell_runs_is_saved_under_its_own(
    folder: Path, python: Path, fake_server: FakeServer, small_mp4: bytes
) -> None:
    saved = await run(notebook_of(LOAD, NO_WAIT, BUSY), folder, python)
    assert videos(saved.cells[1]) == [small_mp4]
    assert saved.cells[2].outputs == []
    assert "processing" not in visible(saved)
    assert widgets(saved) == []


async def test_a_wait_in_a_cell_of_its_own(folder: Path, python: Path, small_mp4: bytes) -> None:
    saved = await run(notebook_of(LOAD, NO_WAIT, "%happyhorse wait"), folder, python)
    assert videos(saved.cells[1]) == [small_mp4]
    assert widgets(saved) == []


async def test_a_failed_task_is_saved_as_such(folder: Path, python: Path, fake_server: FakeServer) -> None:
    fake_server.words = ("failed",)
    with pytest.raises(Exception, match="content policy"):
        await run(notebook_of(LOAD, CELL), folder, python)


async def test_happyhorse_wait_tells_a_kernel_to_wait(
    folder: Path, python: Path, small_mp4: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAPPYHORSE_WAIT", "1")
    saved = await run(notebook_of(LOAD, CELL, "str(launch.status)"), folder, python)
    assert saved.cells[2].outputs[0].data["text/plain"] == "'done'"
    assert videos(saved.cells[1]) == [small_mp4]


async def test_takes_are_waited_for_and_saved_with_their_comparison(
    folder: Path, python: Path, fake_server: FakeServer, small_mp4: bytes
) -> None:
    saved = await run(notebook_of(LOAD, CELL + " of {3}", CELL.replace("--name", "--takes 3 --name")), folder, python)
    assert videos(saved.cells[2]) == [small_mp4] * 3
    assert "Nothing differs but the seed." in visible(saved)
    for word in ("pending", "Generating", "will appear here", "Keep A"):
        assert word not in visible(saved)
    assert widgets(saved) == []
    # The cell before had another prompt.
    assert fake_server.paid == 4


def test_papermill_saves_the_video(folder: Path, small_mp4: bytes) -> None:
    nbformat.write(notebook_of(LOAD, CELL), folder / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "in.ipynb", "out.ipynb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    saved = nbformat.read(folder / "out.ipynb", as_version=4)
    assert videos(saved.cells[1]) == [small_mp4]
    assert "processing" not in visible(saved)
    assert widgets(saved) == []


async def test_nbconvert_makes_a_page_with_the_video(folder: Path, python: Path) -> None:
    saved = await run(notebook_of(LOAD, CELL), folder, python)
    page, _ = HTMLExporter().from_notebook_node(saved)
    assert "<video" in page
    assert "data:video/mp4;base64," in page
    assert "Done" in page


async def test_markdown_has_the_words_of_a_card_and_the_link_to_its_video_and_no_style_sheet(
    folder: Path, python: Path
) -> None:
    saved = await run(notebook_of(LOAD, CELL, CELL.replace("--name", "--again --no-wait --name")), folder, python)
    text, _ = MarkdownExporter().from_notebook_node(saved)
    before = text.partition("data:video/mp4")[0]
    assert "<style" not in text
    words = " ".join(re.sub("<[^>]*>", " ", before).split())
    assert re.search(r"Done · in .* \$0\.70.* The rocket lifts off 5 s, 1080P.* happyhorse-videos/.*\.mp4", words)
    # The first frame is a picture of its own length.
    card = re.sub('data:image/jpeg;base64,[^"]*', "", before.partition('<a href="happyhorse-videos/')[0])
    assert len(card) < 4_000
