"""The file that the ledger is: its connections, its transactions, and what is still to be written down."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from errno import ENOENT
from pathlib import Path
from threading import Lock, RLock, get_ident
from typing import Any, TypeVar

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.ledger.connection import connect, identity, reader, trouble
from happyhorse_nb.ledger.disk import Disk
from happyhorse_nb.ledger.record import CHANGING, Record, changing, from_row
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import LEDGER_FILE

T = TypeVar("T")
#: A job with the picture of its first frame. An older kernel that is still open writes it into the row.
_ROW = (
    "SELECT *, coalesce((SELECT picture FROM thumbnails WHERE thumbnails.frame = jobs.frame), thumbnail) AS picture "
    "FROM jobs"
)
#: Milliseconds that a reader is waited for before the pages beside the ledger are cleared.
_WIPE_WAIT = 100


class Journal:
    """One SQLite file in ``folder``, with the jobs of all kernels on this machine.

    Safe to use from several threads, and from several processes at once. Every method raises `LedgerError` when the
    file cannot be read or written. ``sync`` waits until the file behind a descriptor is on the disk.
    """

    def __init__(self, folder: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self.folder = folder
        self.path = folder / LEDGER_FILE
        self._lock = RLock()
        self._connection = connect(self.path)
        self._reader, self._reading = reader(self.path), RLock()
        #: The thread that is in a transaction: it sees what it writes.
        self._writer: int | None = None
        self._file = identity(self.path)
        self._disk = Disk(self._connection, self.path, sync)
        #: What is still to be written down, by job; whoever adds to it waits for no write.
        self._owed: dict[str, Snapshot] = {}
        self._owing = Lock()

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def update_later(self, snapshot: Snapshot) -> None:
        """Write down what a job has become as soon as the file can be written: with the next write, or `flush`.

        Until then this `Ledger` gives the job as it has become. A paid task's id is never lost to a lock.
        """
        with self._owing:
            self._owed[snapshot.id] = snapshot

    @property
    def owes(self) -> bool:
        """Whether something is still to be written down."""
        return bool(self._owed)

    def flush(self, *, patience: float = 0.1) -> None:
        """Write down what is owed, waiting at most ``patience`` seconds for whoever is writing.

        It outlives this process, and a power cut from the next `write` on.
        """
        # A transaction begins with what is owed, so within one there is nothing left to do.
        if not self._owed or self._writer == get_ident() or not self._lock.acquire(timeout=patience):
            return
        try:
            [[usual]] = self._connection.execute("PRAGMA busy_timeout").fetchall()
            try:
                self._connection.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
                with self._transaction(safe=False):
                    pass
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute(f"PRAGMA busy_timeout = {usual}")
        except sqlite3.Error as problem:
            raise LedgerError(trouble(self.path, problem)) from None
        finally:
            self._lock.release()

    def _change(self, snapshot: Snapshot, only: str = "", *values: str | None) -> bool:
        columns = ", ".join(f"{name} = ?" for name in CHANGING)
        # What is done stays done, with its path: a file that was moved away and cannot be fetched again may come back.
        kept = "" if snapshot.status == Status.DONE else "AND status != 'done'"
        statement = f"UPDATE jobs SET {columns} WHERE id = ? {kept} {only}"  # noqa: S608 - the names are ours
        return self._connection.execute(statement, (*changing(snapshot), snapshot.id, *values)).rowcount == 1

    def _select(self, rest: str, values: Sequence[Any]) -> list[Record]:
        with suppress(LedgerError):
            self.flush()
        return self._read(rest, values)

    def _read(self, rest: str, values: Sequence[Any]) -> list[Record]:
        """`_select` without a try to write down what is owed: it waits for nobody who writes."""
        rows = self._rows(f"{_ROW} {rest}", values)
        found = readable(from_row, rows)
        return [replace(r, snapshot=self._owed.get(r.snapshot.id, r.snapshot)) for r in found]

    def _wipe(self) -> None:
        """Have what was overwritten leave the file beside this one too, unless somebody reads it just now: whoever
        waited for that would hold up all who write. The last one to close the ledger does it then.
        """
        with self._reading:
            [[usual]] = self._rows("PRAGMA busy_timeout", ())
            self._rows(f"PRAGMA busy_timeout = {_WIPE_WAIT}", ())
            try:
                self._rows("PRAGMA wal_checkpoint(TRUNCATE)", ())
            finally:
                self._rows(f"PRAGMA busy_timeout = {usual}", ())

    def _rows(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        try:
            if self._writer == get_ident():
                return self._connection.execute(statement, values).fetchall()
            with self._reading:
                return self._reader.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeError) as problem:
            raise LedgerError(trouble(self.path, problem)) from None

    @contextmanager
    def _transaction(self, *, safe: bool = True) -> Iterator[None]:
        """One transaction, which begins with what is owed; with ``safe`` it outlives a power cut."""
        try:
            with self._lock:
                try:
                    if identity(self.path) != self._file:
                        raise FileNotFoundError(ENOENT, "another file is in its place")
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._writer = get_ident()
                    with self._owing:
                        owed = list(self._owed.values())
                    for snapshot in owed:
                        self._change(snapshot)
                    yield
                    self._connection.execute("COMMIT")
                    self._disk.committed()
                finally:
                    self._writer = None
                    # On a full disk SQLite has rolled back by itself.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                with self._owing:
                    for snapshot in owed:
                        # What it has become meanwhile is still owed.
                        if self._owed.get(snapshot.id) is snapshot:
                            del self._owed[snapshot.id]
            if safe:
                # With the lock free again: others write meanwhile.
                self._disk.harden()
        except (sqlite3.Error, UnicodeError, OSError) as problem:
            raise LedgerError(trouble(self.path, problem)) from None


def readable(read: Callable[[sqlite3.Row], T], rows: Sequence[sqlite3.Row]) -> Iterator[T]:
    """What the rows say, without those that somebody has written who should not have: the others are still of use."""
    for row in rows:
        try:
            found = read(row)
        except (ValueError, TypeError, ArithmeticError):
            continue
        yield found
