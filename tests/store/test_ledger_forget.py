"""What is forgotten is gone from the disk, and what waits to be taken up is seen at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from happyhorse_nb.models import Cost, Status
from happyhorse_nb.store import Frames, Ledger, Presence, orphans
from store.rows import framed, record

SECRET = "a prompt that nobody else may read"
PICTURE = b"the bytes of a very private thumbnail"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path)
    yield found
    found.close()


def test_a_forgotten_prompt_and_thumbnail_are_nowhere_in_the_files(ledger: Ledger) -> None:
    row = record(id="one", prompt=SECRET)
    ledger.add(framed(row, thumbnail=PICTURE), reuse=False)
    ledger.update(replace(row.snapshot, status=Status.DONE, cost=Cost(Decimal("0.70"), billed=True)))
    files = [path for path in ledger.folder.iterdir() if path.is_file()]
    assert any(SECRET.encode() in path.read_bytes() for path in files)
    ledger.forget("one")
    for path in ledger.folder.iterdir():
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert PICTURE not in content, path
    left = ledger.get("one")
    assert left is not None
    assert (left.snapshot.prompt, left.thumbnail, str(left.snapshot.cost)) == ("", None, "$0.70")


def test_the_first_frame_goes_with_the_last_job_that_has_it(ledger: Ledger) -> None:
    digest = "ab" * 32
    frames = Frames(ledger.folder)
    frames.put(digest, b"picture")
    for name in ("one", "two"):
        ledger.add(framed(record(id=name), digest, PICTURE), reuse=False)
    assert ledger.forget("one") == []
    assert [row.thumbnail is None for name in ("one", "two") if (row := ledger.get(name))] == [True, False]
    assert ledger.forget("two") == [digest]
    assert [row.thumbnail is None for name in ("one", "two") if (row := ledger.get(name))] == [True, True]
    frames.drop(digest)
    assert frames.get(digest) is None


def test_a_forgotten_request_is_not_taken_for_an_equal_one(ledger: Ledger) -> None:
    ledger.add(record(id="one"), reuse=False)
    ledger.forget("one")
    assert ledger.add(record(id="two"), reuse=True) is None


def test_only_tasks_that_nobody_watches_wait_to_be_taken_up(ledger: Ledger, tmp_path: Path) -> None:
    me = Presence(tmp_path)
    now = 1_800_000_000.0
    for name, status, owner, task, sandbox, created in (
        ("mine", Status.PENDING, me.id, "task-1", False, now),
        ("left", Status.PROCESSING, "dead", "task-2", False, now),
        ("play", Status.DOWNLOADING, "dead", "task-3", True, now),
        ("over", Status.DONE, "dead", "task-4", False, now),
        ("wish", Status.STOPPED, "dead", "task-5", False, now),
        ("unsent", Status.QUEUED, "dead", None, False, now),
        ("old", Status.PENDING, "dead", "task-6", False, now - 30 * 86400),
    ):
        row = record(id=name, created=created, sandbox=sandbox)
        ledger.add(replace(row, owner=owner), reuse=False)
        ledger.update(replace(row.snapshot, status=status, task_id=task))

    def waiting() -> list[str]:
        return sorted(record.snapshot.id for record in orphans(tmp_path, now=now))

    # One that was queued is sent by whoever takes it up.
    assert waiting() == ["left", "play", "unsent"]
    me.close()
    assert waiting() == ["left", "mine", "play", "unsent"]
