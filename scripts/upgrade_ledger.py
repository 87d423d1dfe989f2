"""Brings the ledger of a build before the first release over to the tables of now: jobs, first frames, stars.

    python scripts/upgrade_ledger.py [LEDGER]

LEDGER is the file `ledger.sqlite3`, by default the one in HAPPYHORSE_HOME. The old file stays beside it as
`ledger-before.sqlite3`; videos and first frames stay where they are. Only Python's standard library is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = runpy.run_path(str(Path(__file__).parents[1] / "happyhorse_nb" / "store" / "schema.py"))
#: What was said of a job that was taken out of the queue, before that was a state of its own.
CANCELLED = (
    "Taken out of the queue; nothing was sent.",
    "Taken back before all of it was sent; nothing was accepted.",
)
#: What a request that left them out got from the models of that time.
DEFAULTS = {"resolution": "1080P", "duration": 5}


def upgrade(path: Path) -> int:
    """Bring that ledger over; returns how many jobs it has. Raises SystemExit with a line that says what is wrong."""
    made, before = path.with_name("ledger-new.sqlite3"), path.with_name("ledger-before.sqlite3")
    if not path.is_file():
        raise SystemExit(f"there is no ledger {path}. Give its path, or set HAPPYHORSE_HOME.")
    if before.exists():
        raise SystemExit(f"{before} exists and is never overwritten. Move it away.")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as old:
            old.row_factory = sqlite3.Row
            if not SCHEMA["unmarked"](old):
                raise SystemExit(f"the ledger {path} needs no upgrade.")
            # Fails while a kernel has the file open; and then all of it is in this one file.
            old.execute("PRAGMA journal_mode = DELETE")
            with closing(sqlite3.connect(made, isolation_level=None)) as new:
                SCHEMA["migrate"](new, now=time.time())
                new.execute("BEGIN")
                count = copy(old, new)
                new.execute("COMMIT")
    except sqlite3.Error as problem:
        made.unlink()
        raise SystemExit(f"{path} cannot be brought over: {problem}. Close the kernels that use it.") from None
    except BaseException:
        made.unlink()
        raise
    path.rename(before)
    made.rename(path)
    return count


def copy(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy all rows; returns how many jobs there are. Raises sqlite3.Error."""
    columns = [row[1] for row in new.execute("PRAGMA table_info(jobs)")]
    marks = ", ".join("?" * len(columns))
    # In the order in which they were made, which their row numbers tell.
    jobs = [dict(row) for row in old.execute("SELECT * FROM jobs ORDER BY rowid")]
    tables = {row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for job in jobs:
        now = of_now(job)
        new.execute(f"INSERT INTO jobs VALUES ({marks})", [now.get(name) for name in columns])  # noqa: S608 - marks alone
        if not job["frame"]:
            continue
        new.execute(
            "INSERT INTO inputs (job, position, role, source, label) VALUES (?, 0, 'first_frame', ?, ?)",
            (job["id"], job["frame"], job["frame_label"]),
        )
        if job.get("thumbnail"):
            new.execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (job["frame"], job["thumbnail"]))
    if "thumbnails" in tables:
        some = map(tuple, old.execute("SELECT frame, picture FROM thumbnails"))
        new.executemany("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", some)
    if "joined" in tables:
        new.executemany("INSERT INTO joined VALUES (?, ?, ?)", map(tuple, old.execute("SELECT * FROM joined")))
    return len(jobs)


def of_now(job: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it would be written today."""
    forgotten = job.get("forgotten", int(not job["request"] and bool(job["model"])))
    try:
        params = dict(json.loads(job["params"]))
    except (ValueError, TypeError):
        params = {}
    cancelled = job["status"] == "refused" and job["message"] in CANCELLED
    return {
        **job,
        "status": "cancelled" if cancelled else job["status"],
        "forgotten": forgotten,
        "request": digest(job, params, f"first_frame {digest_of(job['frame'])}") if job["request"] else "",
        "take": take_of(job, params),
        "buyer": job.get("buyer") or job["owner"],
        "starred": job.get("starred", 0),
        "attached": job.get("attached", 0),
    }


def take_of(job: Mapping[str, Any], params: Mapping[str, Any]) -> int:
    """Which take it is, 0 where its seed was asked for: once the digest alone told that."""
    if job.get("take") is not None:
        return int(job["take"])
    frame = digest_of(job["frame"])
    told = [digest(job, params, frame), *(digest(job, params, frame, f"take {number}") for number in range(2, 5))]
    return told.index(job["request"]) + 1 if job["request"] in told else 0


def digest_of(frame: str) -> str:
    """The digest of a first frame, of which a row has that or the address."""
    return hashlib.sha256(frame.encode()).hexdigest() if "://" in frame else frame


def digest(job: Mapping[str, Any], params: Mapping[str, Any], *inputs: str) -> str:
    """What equal requests have in common, as `happyhorse_nb.job.request` tells it."""
    told = {**DEFAULTS, **params, "seed": None}
    parts = [job["model"], sorted(told.items()), job["prompt"], *inputs]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def usual() -> Path:
    """The ledger in HAPPYHORSE_HOME. Raises SystemExit where that is not set."""
    home = os.environ.get("HAPPYHORSE_HOME")
    if not home:
        raise SystemExit("HAPPYHORSE_HOME is not set. Give the ledger's path, as in the error that named this script.")
    return Path(home).expanduser() / "ledger.sqlite3"


if __name__ == "__main__":
    ledger = Path(sys.argv[1]) if len(sys.argv) > 1 else usual()
    print(f"{upgrade(ledger)} jobs were brought over; the old ledger is {ledger.with_name('ledger-before.sqlite3')}")  # noqa: T201
