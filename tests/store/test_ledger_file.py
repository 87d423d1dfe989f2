"""The ledger's file: made by several kernels at once, upgraded in whole steps, and never holding a secret."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import account_of
from happyhorse_nb.store import Ledger
from happyhorse_nb.store.record import changing, fixed
from happyhorse_nb.store.schema import MIGRATIONS, migrate
from store.rows import at_once, framed, record
from support.fake_server import KEY, SIGNATURE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "ledger"
    path.mkdir()
    return path


def numbers(path: Path) -> list[int]:
    """The migrations that a file says it has."""
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute("SELECT number FROM migrations ORDER BY number")]
    connection.close()
    return found


def test_the_steps_are_numbered_and_each_is_recorded(folder: Path) -> None:
    Ledger(folder).close()
    Ledger(folder).close()
    assert numbers(folder / "ledger.sqlite3") == list(range(1, len(MIGRATIONS) + 1))


def test_several_kernels_may_open_a_new_ledger_at_once(folder: Path) -> None:
    prepare = "from pathlib import Path; from happyhorse_nb.store import Ledger"
    act = "run = Ledger(Path(args[0])); print(run.count()); run.close()"
    assert at_once(8, prepare, act, folder) == ["0"] * 8
    assert numbers(folder / "ledger.sqlite3") == list(range(1, len(MIGRATIONS) + 1))


def test_many_jobs_of_one_first_frame_hold_its_picture_once(folder: Path) -> None:
    ledger = Ledger(folder)
    picture = bytes(20_000)
    for _ in range(200):
        ledger.add(framed(record(), thumbnail=picture), reuse=False)
    ledger.close()
    assert (folder / "ledger.sqlite3").stat().st_size < 20 * len(picture)


def test_a_step_that_fails_leaves_nothing_behind(folder: Path) -> None:
    path = folder / "ledger.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    # An index that the step makes is in its way, so it fails in its middle.
    connection.execute("CREATE TABLE other (created REAL)")
    connection.execute("CREATE INDEX jobs_task ON other (created)")
    with pytest.raises(sqlite3.Error):
        migrate(connection, now=0)
    assert not connection.in_transaction
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'jobs'").fetchall() == []
    connection.close()
    assert numbers(path) == []
    assert sqlite3.connect(path).execute("PRAGMA application_id").fetchone() == (0,)


def test_a_ledger_made_before_there_were_videos_as_inputs_is_brought_up_to_date(folder: Path) -> None:
    path = folder / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, applied REAL NOT NULL)")
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("INSERT INTO migrations VALUES (1, 0)")
    row = framed(record(), thumbnail=b"small")
    columns = fixed(row) | changing(row.snapshot)
    marks = ", ".join("?" * len(columns))
    connection.execute(f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))
    connection.execute("INSERT INTO inputs VALUES (?, 0, 'first_frame', ?, 'rocket.jpg')", (row.snapshot.id, "digest"))
    connection.commit()
    connection.close()
    ledger = Ledger(folder)
    found = ledger.find(row.snapshot.id)
    ledger.close()
    assert [(one.role, one.label, one.seconds) for one in found.inputs] == [("first_frame", "rocket.jpg", None)]
    assert numbers(path) == list(range(1, len(MIGRATIONS) + 1))


def test_a_ledger_of_a_newer_version_is_refused_in_one_line_and_left_alone(folder: Path) -> None:
    Ledger(folder).close()
    path = folder / "ledger.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO migrations VALUES (999, 0)")
    connection.close()
    with pytest.raises(LedgerError) as caught:
        Ledger(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert "newer version" in line
    assert "Upgrade" in line
    assert str(path) in line
    assert 999 in numbers(path)


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(folder: Path) -> None:
    path = folder / "ledger.sqlite3"
    path.write_bytes(b"somebody's notes, which are no database" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite3 cannot be used: file is not a database"):
        Ledger(folder)
    assert path.read_bytes() == before


def test_a_folder_that_is_gone_is_said_in_one_line(folder: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(LedgerError, match=r"cannot be used: no such file or directory\. Check the disk"):
        Ledger(folder)


def test_a_ledger_that_breaks_while_it_is_used_is_said_in_one_line(folder: Path) -> None:
    ledger = Ledger(folder)
    other = sqlite3.connect(ledger.path)
    other.execute("DROP TABLE jobs")
    other.close()
    for use in (ledger.count, ledger.newest, lambda: ledger.add(record(), reuse=True), lambda: ledger.find("a")):
        with pytest.raises(LedgerError, match="no such table: jobs"):
            use()
    ledger.close()


def test_nobody_else_on_the_machine_reads_it(folder: Path) -> None:
    ledger = Ledger(folder)
    ledger.add(record(), reuse=False)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ledger.close()


def test_neither_the_key_nor_a_signed_link_is_in_its_bytes(folder: Path) -> None:
    account = account_of(KEY)
    ledger = Ledger(folder)
    row = record()
    ledger.add(replace(row, account=account.key.fingerprint), reuse=False)
    link = f"https://videos.example.com/1.mp4?signature={SIGNATURE}"
    for status in (Status.PENDING, Status.DOWNLOADING, Status.DONE):
        ledger.update(replace(row.snapshot, status=status, task_id="task-1", video_url=link))
    found = ledger.find("task-1")
    assert found.snapshot.video_url is None
    assert found.account == account.key.fingerprint
    # As it lies on the disk while it is open, and after it was closed.
    for _ in range(2):
        written = b"".join(path.read_bytes() for path in folder.iterdir())
        assert b"the rocket lifts off" in written
        for secret in (KEY, SIGNATURE, "videos.example.com"):
            assert secret.encode() not in written
        ledger.close()


def test_what_is_written_is_on_the_disk_for_the_next_kernel(folder: Path) -> None:
    ledger = Ledger(folder)
    row = record()
    ledger.add(row, reuse=False)
    # Not closed: as if it had been killed here.
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    again = Ledger(copy)
    assert again.get(row.snapshot.id) == row
    again.close()
    ledger.close()


def test_a_row_comes_back_as_it_was_written(folder: Path) -> None:
    ledger = Ledger(folder)
    row = record(prompt="马在草原上奔跑 {x}\n\x00'; DROP TABLE jobs; --", note="prompt cut", sandbox=True)
    assert ledger.add(row, reuse=True) is None
    assert ledger.get(row.snapshot.id) == row
    now = replace(
        row.snapshot,
        status=Status.DONE,
        task_id="task-77",
        said="archived",
        message="m",
        remedy="r",
        submitted=1.5,
        ended=2.5,
        took=1.0,
        expires_at=3.0,
        width=1280,
        height=720,
        path=Path("/videos/a b.mp4"),
        size=12345,
    )
    ledger.update(now)
    assert ledger.get(row.snapshot.id) == replace(row, snapshot=now)
    ledger.close()


def test_a_text_that_cannot_be_written_is_refused_and_the_ledger_goes_on(folder: Path) -> None:
    ledger = Ledger(folder)
    with pytest.raises(LedgerError, match="surrogates"):
        ledger.add(record(prompt="half a character: \ud83d"), reuse=True)
    with pytest.raises(LedgerError):
        ledger.find("\ud83d")
    assert ledger.add(record(), reuse=True) is None
    assert ledger.count() == 1
    ledger.close()


def test_a_snapshot_of_no_job_changes_nothing(folder: Path) -> None:
    ledger = Ledger(folder)
    ledger.update(Snapshot(status=Status.DONE, id="none"))
    assert ledger.count() == 0
    ledger.close()
