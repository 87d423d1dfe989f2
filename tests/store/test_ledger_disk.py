"""What is written is on the disk itself when it has to be, and a disk that takes its time holds nobody up meanwhile."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.models import Status
from happyhorse_nb.store import Ledger
from store.rows import record


class SlowDisk:
    """A disk that takes as long as it is told to, and keeps what it was asked to bring to itself, and when."""

    def __init__(self) -> None:
        self.asked = Event()
        self.goes_on = Event()
        self.goes_on.set()
        self.synced: list[int] = []

    def __call__(self, descriptor: int) -> None:
        self.asked.set()
        assert self.goes_on.wait(30)
        os.fsync(descriptor)
        self.synced.append(os.fstat(descriptor).st_ino)


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.fixture
def ledger(tmp_path: Path, disk: SlowDisk) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path, sync=disk)
    yield ledger
    ledger.close()


def test_a_claim_returns_only_when_the_log_it_stands_in_is_on_the_disk(ledger: Ledger, disk: SlowDisk) -> None:
    row = record(id="one", owner="me")
    ledger.add(row, reuse=False)
    # An intent alone is worth nothing to anybody: it waits for no disk.
    assert disk.synced == []
    disk.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        claim = pool.submit(ledger.write, [(replace(row.snapshot, status=Status.SUBMITTING), "me")])
        assert disk.asked.wait(30)
        assert not claim.done()
        disk.goes_on.set()
        assert claim.result(30) == [True]
    log = ledger.path.with_name(f"{ledger.path.name}-wal")
    assert disk.synced == [log.stat().st_ino]


def test_while_the_disk_takes_its_time_others_write_and_read(ledger: Ledger, disk: SlowDisk) -> None:
    row = record(id="one", owner="me")
    ledger.add(row, reuse=False)
    disk.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        claim = pool.submit(ledger.write, [(replace(row.snapshot, status=Status.SUBMITTING), "me")])
        assert disk.asked.wait(30)
        ledger.add(record(id="two", request="another"), reuse=True)
        ledger.update_later(replace(record(id="two").snapshot, message="moved on"))
        assert ledger.count() == 2
        other = sqlite3.connect(ledger.path, timeout=0)
        other.execute("UPDATE jobs SET message = 'from another kernel' WHERE id = 'two'")
        other.commit()
        other.close()
        assert not claim.done()
        disk.goes_on.set()
        claim.result(30)


def test_one_wait_for_the_disk_serves_all_who_have_written_before_it(ledger: Ledger, disk: SlowDisk) -> None:
    rows = [record(id=str(number), request=str(number), owner="me") for number in range(50)]
    for row in rows:
        ledger.add(row, reuse=False)
    claims = [(replace(row.snapshot, status=Status.SUBMITTING), "me") for row in rows]
    assert ledger.write(claims) == [True] * 50
    assert len(disk.synced) == 1
    # What was written down while the disk was busy is waited for, and once for all of it.
    disk.goes_on.clear()
    disk.asked.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ledger.update, replace(rows[0].snapshot, message="first"))
        assert disk.asked.wait(30)
        more = [pool.submit(ledger.update, replace(row.snapshot, message="more")) for row in rows[1:8]]
        reader = sqlite3.connect(ledger.path)
        while reader.execute("SELECT count(*) FROM jobs WHERE message = 'more'").fetchone() != (len(more),):
            assert not any(write.done() for write in more)
        reader.close()
        disk.goes_on.set()
        for write in (first, *more):
            write.result(30)
    assert len(disk.synced) == 3


def test_a_disk_that_fails_is_said_and_the_claim_is_none(tmp_path: Path) -> None:
    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    ledger = Ledger(tmp_path, sync=fails)
    row = record(id="one", owner="me")
    ledger.add(row, reuse=False)
    with pytest.raises(LedgerError, match=r"cannot be used: input/output error\. Check the disk"):
        ledger.write([(replace(row.snapshot, status=Status.SUBMITTING), "me")])
    ledger.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_cannot_be_asked_for_it_holds_a_ledger_all_the_same(tmp_path: Path, number: int) -> None:
    def cannot(_: int) -> None:
        raise OSError(number, os.strerror(number))

    ledger = Ledger(tmp_path, sync=cannot)
    row = record(id="one", owner="me")
    ledger.add(row, reuse=False)
    assert ledger.write([(replace(row.snapshot, status=Status.SUBMITTING), "me")]) == [True]
    ledger.close()


class Patient(Ledger):
    """Counts how often somebody waits for whoever is writing."""

    waits = 0

    def flush(self, *, patience: float = 0.1) -> None:
        self.waits += self.owes
        super().flush(patience=patience)


def test_who_looks_again_and_again_waits_for_no_writer_and_sees_what_has_become(tmp_path: Path) -> None:
    ledger, new = Patient(tmp_path), record()
    ledger.add(new, reuse=False)
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.update_later(replace(new.snapshot, status=Status.PENDING, task_id="task-1"))
    found = ledger.look_at(new.snapshot.id)
    assert found is not None
    assert found.snapshot.task_id == "task-1"
    assert ledger.look_at("another") is None
    assert ledger.waits == 0
    other.execute("ROLLBACK")
    other.close()
    ledger.flush()
    assert not ledger.owes
    ledger.close()


def test_what_changes_while_it_is_written_down_is_written_down_again(ledger: Ledger, disk: SlowDisk) -> None:
    row = record(id="one")
    ledger.add(row, reuse=False)
    ledger.update_later(replace(row.snapshot, message="before"))
    disk.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(ledger.write)
        assert disk.asked.wait(30)
        ledger.update_later(replace(row.snapshot, message="after"))
        disk.goes_on.set()
        write.result(30)
    owed = ledger.owes
    ledger.write()
    assert (owed, ledger.owes) == (True, False)
    found = ledger.get("one")
    assert found is not None
    assert found.snapshot.message == "after"
