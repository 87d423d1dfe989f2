"""Videos and links follow the notebook, wherever the kernel goes; and what no link leads to is in the notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernels.conftest import NewKernel
from support.kernel import Cell, Kernel

CELL = "%%happyhorse {photo} --duration 3 --seed 7 --name launch --wait\nThe rocket lifts off"
GO = "import os\nos.mkdir('elsewhere')\nos.chdir('elsewhere')"


def video_of(kernel: Kernel, cell: Cell) -> str:
    """The HTML of the video under a cell."""
    [html] = [data["text/html"] for data in kernel.data(cell) if "<video" in data.get("text/html", "")]
    return str(html)


def test_after_a_cd_a_new_video_and_its_link_follow_the_notebook(
    new_kernel: NewKernel, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    kernel = new_kernel(JPY_SESSION_NAME=str(folder / "story.ipynb"), HAPPYHORSE_WAIT="1")
    kernel.run("%load_ext happyhorse_nb")
    kernel.run(GO)
    made = kernel.run(CELL.format(photo=photo))
    assert kernel.run("str(launch.path.parent)").result == str(folder / "happyhorse-videos")
    [link] = set(re.findall(r'<a href="([^"]+)"', video_of(kernel, made)))
    assert link.startswith("happyhorse-videos/")


def test_where_nobody_names_the_notebook_it_is_the_folder_of_the_import(new_kernel: NewKernel, photo: Path) -> None:
    kernel = new_kernel(HAPPYHORSE_WAIT="1")
    kernel.run("%load_ext happyhorse_nb")
    kernel.run(GO)
    made = kernel.run(CELL.format(photo=photo))
    assert kernel.run("str(launch.path.parent)").result == str(kernel.cwd / "happyhorse-videos")
    assert '<a href="happyhorse-videos/' in video_of(kernel, made)


def test_in_voila_which_serves_no_files_a_large_video_is_embedded(new_kernel: NewKernel, photo: Path) -> None:
    kernel = new_kernel(SERVER_SOFTWARE="voila/0.5")
    kernel.run("%load_ext happyhorse_nb\n%config HappyHorse.embed_limit = 0")
    assert "data:video/mp4" in video_of(kernel, kernel.run(CELL.format(photo=photo)))


def test_a_notebook_that_is_saved_elsewhere_has_a_link_that_works(new_kernel: NewKernel, photo: Path) -> None:
    kernel = new_kernel()
    kernel.allow_stdin = False
    kernel.run("%load_ext happyhorse_nb")
    html = video_of(kernel, kernel.run(CELL.format(photo=photo)))
    assert f'href="{(kernel.cwd / "happyhorse-videos").as_uri()}/' in html


def test_papermill_can_say_where_its_output_goes(new_kernel: NewKernel, photo: Path) -> None:
    kernel = new_kernel()
    kernel.allow_stdin = False
    kernel.run("import os\nos.mkdir('out')\nPAPERMILL_OUTPUT_PATH = 'out/story.ipynb'\n%load_ext happyhorse_nb")
    html = video_of(kernel, kernel.run(CELL.format(photo=photo)))
    assert '<a href="happyhorse-videos/' in html
    assert kernel.run("str(launch.path.parent)").result == str(kernel.cwd / "out" / "happyhorse-videos")


@pytest.mark.every_kernel
def test_a_video_that_stands_in_another_cell_is_not_embedded_once_more(
    new_kernel: NewKernel, photo: Path, tmp_path: Path
) -> None:
    kernel = new_kernel(JPY_SESSION_NAME=str(tmp_path / "work" / "story.ipynb"), HAPPYHORSE_WAIT="1")
    kernel.run("%load_ext happyhorse_nb")
    cell = CELL.format(photo=photo)
    assert "data:video/mp4" in video_of(kernel, kernel.run(cell, cell_id="first"))
    assert "data:video/mp4" not in video_of(kernel, kernel.run("launch", cell_id="second"))
    # Run again, a cell has nothing of what it has shown before.
    assert "data:video/mp4" in video_of(kernel, kernel.run(cell, cell_id="first"))
    kernel.run(cell.replace("--seed 7", "--seed 8").replace("launch", "other"), cell_id="first")
    assert "data:video/mp4" in video_of(kernel, kernel.run("launch", cell_id="second"))
    # Where the front end does not say which cell is which, nothing is known.
    assert "data:video/mp4" in video_of(kernel, kernel.run("launch"))
