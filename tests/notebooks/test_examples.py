"""Every notebook that the project ships runs on the embedded server, without a key, and holds its videos."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from support.saved import videos, visible, widgets
from support.videos import look_into

EXAMPLES = Path(__file__).parent.parent.parent / "notebooks"
#: Waits for clicks, so it makes nothing by itself; tests/browser clicks it.
FORM = "02_form.ipynb"


def test_there_are_examples() -> None:
    assert (EXAMPLES / "01_quickstart.ipynb").exists()
    assert (EXAMPLES / FORM).exists()


@pytest.mark.parametrize("name", [path.name for path in sorted(EXAMPLES.glob("*.ipynb")) if path.name != FORM])
async def test_an_example_runs_and_keeps_its_videos(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("happyhorse-videos", ".ipynb_checkpoints"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(folder / name, as_version=4)
    shipped = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "data:video" not in shipped, "examples are shipped without their videos: the file would be megabytes"

    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    await client.async_execute()
    nbformat.write(notebook, folder / name)
    saved = nbformat.read(folder / name, as_version=4)

    found = [video for cell in saved.cells for video in videos(cell)]
    assert found
    for video in found:
        assert look_into(video).codec == "h264"
    for word in ("pending", "processing"):
        assert word not in visible(saved).lower()
    assert widgets(saved) == []
    page, _ = HTMLExporter().from_notebook_node(saved)
    assert page.count("data:video/mp4;base64,") == len(found)
