"""A video that is paid for comes to disk, though not under the name that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import happyhorse_nb as hh
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import FakeServer


def test_where_the_name_that_was_asked_for_cannot_be_written_any_more(
    generate: Generate, fake_server: FakeServer, tmp_path: Path, folder: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with fake_server.held("poll"):
        job = generate(save=gone / "launch.mp4")
        fake_server.wait_for("submit")
        gone.rmdir()
        gone.write_text("a file")
    ended(job)
    assert job.status == "done", job.error
    assert job.path is not None
    assert job.path.parent == folder
    assert f"launch.mp4 could not be written, so the video is in {folder}" in job.snapshot.note


@pytest.mark.parametrize(
    "name",
    ["x" * 300 + ".mp4", "~nobody-at-all/x.mp4", "zero\0.mp4", "half\ud800.mp4", "clip.mov"],
    ids=["too long", "nobody's", "a zero", "half a character", "another ending"],
)
def test_a_name_that_no_file_can_have_is_refused_before_it_is_paid_for(
    generate: Generate, fake_server: FakeServer, name: str
) -> None:
    with pytest.raises(hh.InvalidRequest, match="--save"):
        generate(save=name)
    assert fake_server.paid == 0
