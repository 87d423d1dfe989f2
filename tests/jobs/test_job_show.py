"""Any job of the ledger can be shown again, and what runs elsewhere moves on here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.job import display
from happyhorse_nb.job.request import prepare
from happyhorse_nb.models import Status
from happyhorse_nb.settings import current_account
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Presence
from jobs.conftest import Generate
from jobs.seen import DEADLINE
from store.rows import record


@pytest.mark.parametrize("status", list(Status))
def test_a_job_in_any_state_is_shown(home: Path, status: Status, capsys: pytest.CaptureFixture[str]) -> None:
    run = engine()
    other = Presence(home)
    missing = home / "nowhere" / "clip.mp4" if status == Status.DONE else None
    row = record(id="shown", owner=other.id, status=status, task_id="task-shown", path=missing)
    run.ledger.add(row, reuse=False)
    display.present(hh.find("shown"), wait=False)
    first = capsys.readouterr().out
    assert "shown" in first
    if status.ended:
        hh.forget(hh.find("shown"))
        display.present(hh.find("shown"), wait=False)
        assert "shown" in capsys.readouterr().out
    other.close()


def test_a_job_of_another_live_kernel_moves_on_where_it_is_shown(
    generate: Generate, settings: Settings, photo: Path, home: Path
) -> None:
    run = engine()
    other = Presence(home)
    request = prepare(photo, "from elsewhere", {}, settings=settings, home=home)
    row = request.record(current_account(), owner=other.id, cost=None)
    pending = replace(row.snapshot, status=Status.PENDING, task_id="task-elsewhere")
    run.ledger.add(replace(row, snapshot=pending), reuse=False)
    job = hh.find("elsewhere")
    display.present(job, wait=False)
    failed = replace(pending, status=Status.FAILED, message="so it is there")
    run.ledger.update(failed)
    with pytest.raises(hh.JobFailed, match="so it is there"):
        job.result(timeout=DEADLINE)
    other.close()


def test_a_paid_video_is_shown_although_the_working_folder_was_deleted(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Python may import nothing there that it has not imported before.
    generate("another").result()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    work.rmdir()
    job = generate()
    assert job.result(timeout=60).path == job.path
    display.present(job)
    assert str(job.path) in capsys.readouterr().out
    assert str(job.path) in repr(hh.jobs())
