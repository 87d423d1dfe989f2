"""The ledger: what was asked for, what became of it, and what it cost, in one SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from happyhorse_nb.errors import JobNotFound, LedgerError
from happyhorse_nb.ledger.migrations import migrate
from happyhorse_nb.ledger.record import CHANGING, FIXED, Record, changing, fixed, from_row
from happyhorse_nb.models import Snapshot, Status

#: Seconds to wait for another kernel that is writing. A write takes milliseconds.
_BUSY = 10.0
#: A request equal to a job in one of these states is not bought again; a stopped one still has its task.
_BOUGHT = (
    Status.DONE, Status.QUEUED, Status.SUBMITTING, Status.PENDING, Status.PROCESSING, Status.DOWNLOADING,
    Status.UNKNOWN, Status.STOPPED,
)  # fmt: skip


class Ledger:
    """The jobs of all kernels on this machine, kept in ``folder``.

    Safe to use from several threads, and from several processes at once. Every method raises `LedgerError` when the
    file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.sqlite3"
        self._lock = RLock()
        try:
            self._connection = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            # WAL lets readers read while another kernel writes. Where the file system has no shared memory SQLite
            # stays with its older journal by itself, which is slower and just as safe.
            self._connection.execute("PRAGMA journal_mode = WAL")
            # The intent must be on the disk, not in a cache, before a paid request leaves.
            self._connection.execute("PRAGMA synchronous = FULL")
            migrate(self._connection, now=time.time())
        except (sqlite3.Error, RuntimeError) as problem:
            raise LedgerError(self._trouble(problem)) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, record: Record, *, reuse: bool) -> Record | None:
        """Write a new job down, unless (with ``reuse``) an equal request is in the ledger: then that one is returned.

        Both in one transaction, so that two kernels that ask for the same at once buy it once.
        """
        with self._transaction():
            if reuse:
                equal = self._bought(record)
                if equal is not None:
                    return equal
            names = FIXED + CHANGING
            marks = ", ".join("?" * len(names))
            self._connection.execute(
                f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - the names are ours
                fixed(record) + changing(record.snapshot),
            )
        return None

    def equal(self, record: Record) -> Record | None:
        """The newest job that an equal request has made, is making, or may have made."""
        return self._bought(record)

    def update(self, snapshot: Snapshot) -> None:
        """Write down what a job has become."""
        columns = ", ".join(f"{name} = ?" for name in CHANGING)
        with self._transaction():
            statement = f"UPDATE jobs SET {columns} WHERE id = ?"  # noqa: S608 - the names are ours
            self._connection.execute(statement, (*changing(snapshot), snapshot.id))

    def own(self, job_id: str, owner: str | None) -> None:
        """Write down which process watches a job."""
        with self._transaction():
            self._connection.execute("UPDATE jobs SET owner = ? WHERE id = ?", (owner, job_id))

    def get(self, job_id: str) -> Record | None:
        """The job of that id."""
        found = self._select("WHERE id = ?", (job_id,))
        return found[0] if found else None

    def of_task(self, task_id: str, origin: str) -> Record | None:
        """The job of that task on that server."""
        found = self._select("WHERE task_id = ? AND origin = ?", (task_id, origin))
        return found[0] if found else None

    def unfinished(self, origin: str, account: str) -> list[Record]:
        """The jobs of an account whose task may still give a video, oldest first."""
        return self._select(
            "WHERE origin = ? AND account = ? AND status IN ('pending', 'processing', 'downloading', 'stopped', "
            "'queued', 'submitting') ORDER BY created",
            (origin, account),
        )

    def find(self, piece: str) -> Record:
        """The one job whose id or task id contains the piece. Raises `JobNotFound` for none, or for more than one."""
        piece = piece.strip()
        escaped = piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = self._select(
            "WHERE id LIKE ? ESCAPE '\\' OR task_id LIKE ? ESCAPE '\\' ORDER BY created DESC LIMIT 6",
            (f"%{escaped}%", f"%{escaped}%"),
        )
        exact = [r for r in found if piece in (r.snapshot.id, r.snapshot.task_id, r.snapshot.short_id)]
        if len(found) == 1 or len(exact) == 1:
            return (exact or found)[0]
        shown = piece if len(piece) <= 40 else piece[:39] + "…"
        if not found or not piece:
            raise JobNotFound(f"no job has {shown!r} in its id. %happyhorse jobs lists them.")
        some = ", ".join(r.snapshot.short_id for r in found[:5])
        raise JobNotFound(f"{shown!r} is in the id of more than one job ({some}). Give more of it.")

    def newest(self, limit: int = -1, offset: int = 0) -> list[Record]:
        """Jobs, newest first."""
        return self._select("ORDER BY created DESC, rowid DESC LIMIT ? OFFSET ?", (limit, offset))

    def count(self) -> int:
        """How many jobs there are."""
        return int(self._rows("SELECT count(*) FROM jobs", ())[0][0])

    def spent(self, owner: str) -> float:
        """USD that one process has spent: bills, and estimates where there is none yet; the sandbox's not counted."""
        rows = self._rows(
            "SELECT coalesce(bill, estimate) FROM jobs WHERE owner = ? AND sandbox = 0 "
            "AND status NOT IN ('refused', 'failed')",
            (owner,),
        )
        return sum(float(row[0]) for row in rows if row[0] is not None)

    def history(self, snapshot: Snapshot, *, limit: int = 50) -> list[float]:
        """How many seconds finished jobs like this one took, newest first; the sandbox's apart from real ones."""
        import json

        rows = self._rows(
            "SELECT took FROM jobs WHERE status = 'done' AND took > 0 AND model = ? AND params = ? AND sandbox = ? "
            "ORDER BY created DESC LIMIT ?",
            (snapshot.model, json.dumps(dict(snapshot.params)), int(snapshot.sandbox), limit),
        )
        return [float(row[0]) for row in rows]

    def _bought(self, record: Record) -> Record | None:
        marks = ", ".join("?" * len(_BOUGHT))
        found = self._select(
            f"WHERE request = ? AND origin = ? AND account = ? AND status IN ({marks}) ORDER BY created DESC LIMIT 1",
            (record.request, record.origin, record.account, *map(str, _BOUGHT)),
        )
        return found[0] if found else None

    def _select(self, rest: str, values: Sequence[Any]) -> list[Record]:
        rows = self._rows(f"SELECT * FROM jobs {rest}", values)  # noqa: S608 - what is ours ends at the question marks
        return [from_row(row) for row in rows]

    def _rows(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as problem:
                raise LedgerError(self._trouble(problem)) from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as problem:
                raise LedgerError(self._trouble(problem)) from None

    def _trouble(self, problem: Exception) -> str:
        return f"the ledger {self.path} cannot be used: {problem}. Check the disk, or set HAPPYHORSE_HOME elsewhere."
