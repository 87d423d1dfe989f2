from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
from render.samples import HOSTILE, sample


@pytest.fixture
def made(tmp_path: Path, small_mp4: bytes) -> Snapshot:
    path = tmp_path / "happyhorse-videos" / "2026-11-22 rocket #1? 50% 8f31c2.mp4"
    path.parent.mkdir()
    path.write_bytes(small_mp4)
    return sample(Status.DONE, path=path, size=len(small_mp4))


LINK = "happyhorse-videos/2026-11-22%20rocket%20%231%3F%2050%25%208f31c2.mp4"


def test_a_small_video_is_inside_the_output(made: Snapshot, tmp_path: Path, small_mp4: bytes) -> None:
    html = render.video(made, embed_limit=15, start=tmp_path)._repr_html_()
    assert f'<source src="data:video/mp4;base64,{b64encode(small_mp4).decode()}" type="video/mp4">' in html
    assert 'controls preload="metadata"' in html
    assert f'<a href="{LINK}">happyhorse-videos/2026-11-22 rocket #1? 50% 8f31c2.mp4</a>' in html
    assert f"{round(len(small_mp4) / 1000)} kB" in html


def test_a_large_one_is_linked_by_a_path_relative_to_the_notebook(made: Snapshot, tmp_path: Path) -> None:
    html = render.video(made, embed_limit=0.000001, start=tmp_path)._repr_html_()
    assert f'<video src="{LINK}" controls' in html
    assert "base64" not in html
    assert str(tmp_path) not in html


def test_the_limit_itself_is_still_inside(made: Snapshot, tmp_path: Path, small_mp4: bytes) -> None:
    limit = len(small_mp4) / 1_000_000
    assert "base64" in render.video(made, embed_limit=limit, start=tmp_path)._repr_html_()


def test_a_terminal_shows_the_path(made: Snapshot, tmp_path: Path) -> None:
    output = render.video(made, embed_limit=15, start=tmp_path)
    assert repr(output) == output.data["text/plain"] == str(made.path)


def test_a_file_outside_the_notebooks_folder_is_shown_with_its_whole_path(made: Snapshot, tmp_path: Path) -> None:
    start = tmp_path / "notebooks"
    start.mkdir()
    html = render.video(made, embed_limit=15, start=start)._repr_html_()
    assert f'<a href="../{LINK}">{made.path}</a>' in html


@pytest.mark.parametrize(("size", "width"), [((1184, 790), 640), ((720, 1280), 360), ((320, 214), 320)])
def test_the_place_is_taken_before_the_video_is_read(
    made: Snapshot, tmp_path: Path, size: tuple[int, int], width: int
) -> None:
    shown = sample(Status.DONE, path=made.path, width=size[0], height=size[1])
    html = render.video(shown, embed_limit=15, start=tmp_path)._repr_html_()
    assert f' width="{width}"' in html
    assert f"aspect-ratio:{size[0]}/{size[1]}" in html


def test_a_video_of_unknown_size_cannot_fill_the_page(made: Snapshot, tmp_path: Path) -> None:
    shown = sample(Status.DONE, path=made.path, width=None)
    assert (
        "max-width:min(100%,640px);max-height:640px"
        in render.video(shown, embed_limit=15, start=tmp_path)._repr_html_()
    )


def test_a_hostile_prompt_stays_inside_its_attribute(made: Snapshot, tmp_path: Path) -> None:
    shown = sample(Status.DONE, path=made.path, prompt='" onplay="alert(1)' + HOSTILE)
    html = render.video(shown, embed_limit=0, start=tmp_path)._repr_html_()
    assert 'aria-label="Video: &quot; onplay=&quot;alert(1)&lt;script&gt;' in html
    assert "<script" not in html


def test_a_file_that_is_gone_says_where_it_was_and_what_to_do(made: Snapshot, tmp_path: Path) -> None:
    assert made.path is not None
    made.path.unlink()
    output = render.video(made, embed_limit=15, start=tmp_path)
    assert str(made.path) in output._repr_html_()
    assert "%happyhorse show h0192abc" in output._repr_html_()
    assert "<video" not in output._repr_html_()
    assert str(made.path) in repr(output)


def test_a_file_that_cannot_be_read_says_why(made: Snapshot, tmp_path: Path) -> None:
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    output = render.video(sample(Status.DONE, path=folder), embed_limit=15, start=tmp_path)
    assert "cannot be read (Is a directory)" in output._repr_html_()


def test_a_job_without_a_file_says_how_to_get_one(tmp_path: Path) -> None:
    assert (
        "%happyhorse resume h0192abc" in render.video(sample(Status.DONE), embed_limit=15, start=tmp_path)._repr_html_()
    )
