"""What loading the extension says of videos that wait is what resuming then does."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from happyhorse_nb.magic.extension import load
from happyhorse_nb.models import Status
from happyhorse_nb.settings import account_of
from happyhorse_nb.store import Ledger
from store.rows import record

ORIGIN = "https://videos.example.com"


@pytest.fixture
def left(home: Path) -> None:
    """A task of a kernel that has ended, made with the key ``mine``."""
    home.mkdir()
    ledger = Ledger(home)
    row = replace(
        record(created=time.time()), origin=ORIGIN, account=account_of("mine", ORIGIN).key.fingerprint, owner="dead"
    )
    ledger.add(row, reuse=False)
    ledger.update(replace(row.snapshot, status=Status.PENDING, task_id="task-1"))
    ledger.close()


@pytest.mark.parametrize(
    ("origin", "key", "said"),
    [
        (ORIGIN, "mine", "1 video was not finished when a kernel ended: %happyhorse resume goes on.\n"),
        (ORIGIN + "/", "mine", "1 video was not finished when a kernel ended: %happyhorse resume goes on.\n"),
        (ORIGIN, "another", ""),
        ("https://elsewhere.example.com", "mine", ""),
        # Which key it is going to be is not asked at this moment.
        (
            ORIGIN,
            "",
            "1 video was not finished when a kernel ended: %happyhorse resume goes on, with the key it was made "
            "with.\n",
        ),
    ],
)
@pytest.mark.usefixtures("left")
def test_only_what_resume_would_take_up_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], origin: str, key: str, said: str
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", origin)
    monkeypatch.setenv("MODELLIX_API_KEY", key)
    load(InteractiveShell())
    assert capsys.readouterr().out == said
