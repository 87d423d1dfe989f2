"""What is forgotten with its file goes to the trash: moved, never deleted, and never over another file."""

from __future__ import annotations

from pathlib import Path

import pytest

import happyhorse_nb as hh
from jobs.conftest import Generate
from jobs.seen import DEADLINE


def test_a_forgotten_video_lies_in_the_trash_beside_it(generate: Generate, folder: Path) -> None:
    job = generate()
    job.result(timeout=DEADLINE)
    assert job.path is not None
    content, name = job.path.read_bytes(), job.path.name
    (folder / ".trash").mkdir()
    (folder / ".trash" / name).write_text("another one that was thrown away")
    hh.forget(job, trash=True)
    assert not job.path.exists()
    left = hh.find(job.id)
    assert left.path == folder / ".trash" / f"{Path(name).stem} (2).mp4"
    assert left.path.read_bytes() == content
    assert (folder / ".trash" / name).read_text() == "another one that was thrown away"
    assert (left.snapshot.prompt, str(left.status)) == ("", "done")


def test_without_being_asked_the_file_stays(generate: Generate, folder: Path) -> None:
    job = generate()
    job.result(timeout=DEADLINE)
    hh.forget(job)
    assert job.path is not None
    assert job.path.exists()
    assert not (folder / ".trash").exists()


def test_a_file_that_cannot_be_moved_is_forgotten_by_nobody(generate: Generate, folder: Path) -> None:
    job = generate()
    job.result(timeout=DEADLINE)
    (folder / ".trash").write_text("a file where the folder would be")
    with pytest.raises(hh.InvalidRequest, match="nothing was forgotten"):
        hh.forget(job, trash=True)
    assert job.path is not None
    assert job.path.exists()
    assert hh.find(job.id).snapshot.prompt == "The rocket lifts off"
    (folder / ".trash").unlink()


def test_a_job_whose_file_is_gone_is_forgotten_all_the_same(generate: Generate, folder: Path) -> None:
    job = generate()
    job.result(timeout=DEADLINE)
    assert job.path is not None
    job.path.unlink()
    hh.forget(job, trash=True)
    assert hh.find(job.id).snapshot.prompt == ""
    assert not (folder / ".trash").exists()


def test_what_lies_in_the_trash_stays_there(generate: Generate, folder: Path) -> None:
    job = generate()
    job.result(timeout=DEADLINE)
    hh.forget(job, trash=True)
    thrown = hh.find(job.id).path
    hh.forget(hh.find(job.id), trash=True)
    assert hh.find(job.id).path == thrown
    assert thrown is not None
    assert thrown.parent == folder / ".trash"
    assert thrown.exists()
