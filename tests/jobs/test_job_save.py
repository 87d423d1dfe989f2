"""A video that is paid for comes to disk, though not under the name that was asked for."""

from __future__ import annotations

from pathlib import Path

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
