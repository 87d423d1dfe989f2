"""A ledger of a build before the first release: named in one line, and brought over by its script."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.settings import account_of
from happyhorse_nb.store import Ledger
from jobs.conftest import Generate
from support.fake_server import KEY, FakeServer

SCRIPT = Path(__file__).parents[2] / "scripts" / "upgrade_ledger.py"
#: What the last of those builds had made of a ledger.
OLD = """
CREATE TABLE migrations (number INTEGER PRIMARY KEY, applied REAL NOT NULL);
INSERT INTO migrations VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, created REAL NOT NULL, origin TEXT NOT NULL, account TEXT NOT NULL, sandbox INTEGER NOT NULL,
    request TEXT NOT NULL, owner TEXT, model TEXT NOT NULL, prompt TEXT NOT NULL, params TEXT NOT NULL,
    frame TEXT NOT NULL, frame_label TEXT NOT NULL, thumbnail BLOB, target TEXT NOT NULL, status TEXT NOT NULL,
    task_id TEXT, said TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL, note TEXT NOT NULL, submitted REAL,
    ended REAL, took REAL, estimate TEXT, bill TEXT, expires_at REAL, width INTEGER, height INTEGER, path TEXT,
    size INTEGER, buyer TEXT, starred INTEGER NOT NULL DEFAULT 0, forgotten INTEGER NOT NULL DEFAULT 0,
    attached INTEGER NOT NULL DEFAULT 0, take INTEGER, removed REAL
);
CREATE TABLE thumbnails (frame TEXT PRIMARY KEY, picture BLOB NOT NULL);
CREATE TABLE joined (origin TEXT NOT NULL, key TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (origin, key));
"""


def digest(params: dict[str, Any], prompt: str, frame: str, *more: str) -> str:
    """The digest of a request, as those builds told it."""
    told = {"resolution": "1080P", "duration": 5, "seed": None, **params}
    parts = ["happyhorse-1.0-i2v", sorted(told.items()), prompt, frame, *more]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


@pytest.fixture
def old(home: Path, photo: Path, folder: Path, fake_server: FakeServer) -> Path:
    """An old ledger with finished jobs."""
    folder.mkdir()
    home.mkdir(exist_ok=True)
    path = home / "ledger.sqlite3"
    account = account_of(KEY, fake_server.origin)
    frame = hashlib.sha256(photo.read_bytes()).hexdigest()
    ledger = sqlite3.connect(path, isolation_level=None)
    ledger.executescript(OLD)
    ledger.execute("INSERT INTO thumbnails VALUES (?, ?)", (frame, b"a picture"))
    ledger.execute("INSERT INTO joined VALUES ('https://x', 'one', 'two')")
    words = "The rocket lifts off"
    for number, (name, params, request, take) in enumerate(
        (
            # From before a seed was drawn for each request: the first and the second take, and one that named its seed.
            ("first", {"seed": 11}, digest({}, words, frame), None),
            ("second", {"seed": 12}, digest({}, words, frame, "take 2"), None),
            ("seven", {"seed": 7}, digest({"seed": 7}, words, frame), None),
            ("short", {"seed": 13, "duration": 3}, digest({"duration": 3}, words, frame), 1),
            ("out", {"seed": 14}, "", 1),
        )
    ):
        (folder / f"{name}.mp4").write_bytes(b"a film")
        ledger.execute(
            "INSERT INTO jobs (id, created, origin, account, sandbox, request, owner, model, prompt, params, frame, "
            "frame_label, target, status, task_id, said, message, remedy, note, estimate, path, starred, take) VALUES "
            "(?, ?, ?, ?, 1, ?, '0a', 'happyhorse-1.0-i2v', ?, ?, ?, 'photo.jpg', ?, 'done', ?, '', '', '', '', "
            "'0.70', ?, ?, ?)",
            (
                name, number, account.realm, account.key.fingerprint, request, words, json.dumps(params), frame,
                str(folder), f"task-{name}", str(folder / f"{name}.mp4"), int(name == "seven"), take,
            ),
        )  # fmt: skip
    ledger.execute(
        "UPDATE jobs SET status = 'refused', message = 'Taken out of the queue; nothing was sent.', task_id = NULL, "
        "path = NULL WHERE id = 'out'"
    )
    ledger.close()
    return path


def upgrade(path: Path) -> subprocess.CompletedProcess[str]:
    # -S: without any package that is installed.
    return subprocess.run([sys.executable, "-S", str(SCRIPT), str(path)], capture_output=True, text=True, timeout=60)


def test_an_old_ledger_is_named_in_one_line_and_brought_over_by_the_script(
    old: Path, home: Path, generate: Generate, fake_server: FakeServer
) -> None:
    before = old.read_bytes()
    with pytest.raises(hh.LedgerError) as refused:
        Ledger(home)
    line = str(refused.value)
    assert "\n" not in line
    assert f'python scripts/upgrade_ledger.py "{old}"' in line
    assert old.read_bytes() == before

    done = upgrade(old)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("5 jobs were brought over")
    assert (home / "ledger-before.sqlite3").read_bytes() == before
    assert stat.S_IMODE(old.stat().st_mode) == 0o600

    # Nothing is bought again.
    assert generate().id == "first"
    assert [job.id for job in generate(takes=2)] == ["first", "second"]  # type: ignore[attr-defined]
    assert [generate(seed=seed).id for seed in (7, 11, 12)] == ["seven", "first", "second"]
    assert generate(duration=3).id == "short"
    assert fake_server.paid == 0
    ledger = Ledger(home)
    rows = {row.snapshot.id: row for row in ledger.newest()}
    assert {row.thumbnail for row in rows.values()} == {b"a picture"}
    assert {row.frame_label for row in rows.values()} == {"photo.jpg"}
    assert {name for name, row in rows.items() if row.snapshot.status == "cancelled"} == {"out"}
    assert [name for name, row in rows.items() if row.starred] == ["seven"]
    assert ledger.account("https://x", "one") == "two"
    assert str(ledger.spent("0a", sandbox=True)) == "2.80"
    ledger.close()

    again = upgrade(old)
    assert again.returncode == 1
    assert "needs no upgrade" in again.stderr or "never overwritten" in again.stderr


def test_a_ledger_that_is_in_use_is_not_brought_over(old: Path) -> None:
    kernel = sqlite3.connect(old)
    kernel.execute("PRAGMA journal_mode = WAL")
    kernel.execute("SELECT * FROM jobs").fetchone()
    refused = upgrade(old)
    kernel.close()
    assert refused.returncode == 1
    assert refused.stderr.strip().endswith("Close the kernels that use it.")
    assert sqlite3.connect(old).execute("SELECT count(*) FROM jobs").fetchone() == (5,)
    assert not (old.parent / "ledger-new.sqlite3").exists()
