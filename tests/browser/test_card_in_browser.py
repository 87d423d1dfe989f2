"""The card and the video in a real JupyterLab and a real Notebook 7."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from support.fake_server import KEY, FakeServer
from support.lab import App, Lab, Notebook, play

pytestmark = pytest.mark.browser

CELL = "%%happyhorse rocket.jpg --duration 5 --resolution 720P --seed 7\nThe rocket lifts off, take {take}"
BUSY = "import os, time\nprint('busy')\nwhile not os.path.exists('{name}'): time.sleep(0.01)\nprint('over')"
SEEN = {"width": 320, "height": 214, "seconds": pytest.approx(2.0, abs=0.05)}


@pytest.fixture(scope="module")
def server(small_mp4: bytes) -> Iterator[FakeServer]:
    """One fake server for a module, since the Jupyter server lives as long."""
    with FakeServer(video=small_mp4) as server:
        yield server


@pytest.fixture(scope="module")
def lab(front_end: App, server: FakeServer, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp(front_end)
    shutil.copy(photo, root / "rocket.jpg")
    env = {
        "HAPPYHORSE_HOME": str(root / "home"),
        "MODELLIX_API_KEY": KEY,
        "MODELLIX_BASE_URL": server.origin,
    }
    with Lab(front_end, root=root, env=env) as lab:
        yield lab


def start(lab: Lab, page: Page, name: str) -> Notebook:
    """A notebook with a card whose task is on the server."""
    take = f"{lab.app} {name}"
    lab.write(name, "%load_ext happyhorse_nb", CELL.replace("{take}", take), BUSY.replace("{name}", f"{name}.let-go"))
    notebook = lab.open(page, name)
    notebook.run_to_end(0)
    notebook.run_to_end(1)
    return notebook


@pytest.mark.front_ends("lab", "notebook")
def test_the_card_moves_while_another_cell_is_busy(lab: Lab, page: Page, server: FakeServer) -> None:
    server.words = ("pending",)
    notebook = start(lab, page, "moves.ipynb")
    card = notebook.output(1)
    expect(card).to_contain_text("Accepted")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("busy")

    bar = card.get_by_role("progressbar")
    server.task.say("processing")
    expect(card).to_contain_text("Generating")
    before = bar.get_attribute("aria-valuenow")
    expect(bar).not_to_have_attribute("aria-valuenow", before or "")
    server.task.say("success")
    expect(card).to_contain_text("Done")
    assert notebook.play(1) == SEEN
    # Its buttons are made by then, on another thread than the one that is busy.
    expect(card.get_by_role("button", name="Another seed")).to_be_visible()
    # All that time the other cell held the kernel, and nothing of ours has landed in it.
    assert notebook.output(2).inner_text().split() == ["busy"]
    (lab.root / "moves.ipynb.let-go").touch()
    expect(notebook.output(2)).to_contain_text("over")
    card.get_by_role("button", name="☆").click()
    expect(card.get_by_role("button", name="★")).to_be_visible()


@pytest.mark.front_ends("lab", "notebook")
def test_the_video_is_in_the_saved_notebook_with_and_without_a_kernel(lab: Lab, page: Page, server: FakeServer) -> None:
    server.words = ("pending", "processing", "success")
    notebook = start(lab, page, "kept.ipynb")
    assert notebook.play(1) == SEEN
    expect(notebook.output(1)).to_contain_text("Done")
    saved = notebook.save()
    assert "data:video/mp4;base64," in str(saved["cells"][1]["outputs"])
    assert KEY not in notebook.path.read_text()

    notebook.reload()
    assert notebook.play(1) == SEEN
    expect(notebook.output(1)).to_contain_text("Done")

    notebook.shut_down_kernel()
    page.close()
    again = page.context.new_page()
    again.goto(lab.url("kept.ipynb"))
    reopened = Notebook(again, notebook.path)
    assert reopened.play(1) == SEEN
    expect(reopened.output(1)).to_contain_text("Done")
    # A dead widget would say so here.
    expect(reopened.output(1)).not_to_contain_text("model not found")


def test_a_page_made_of_the_saved_notebook_plays_the_video(lab: Lab, page: Page, server: FakeServer) -> None:
    server.words = ("pending", "success")
    notebook = start(lab, page, "page.ipynb")
    notebook.play(1)
    notebook.save()
    html, _ = HTMLExporter().from_filename(str(notebook.path))
    path = notebook.path.with_suffix(".html")
    path.write_text(html)
    # As sent to somebody by mail: nothing is fetched from anywhere, and no server is there.
    page.context.set_offline(True)
    page.goto(path.as_uri())
    assert play(page.locator("video")) == SEEN
    expect(page.locator("body")).to_contain_text("Done")
