"""Reads and writes the ledger's file. What is paid for is on disk before that."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from errno import ENOENT
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, TypeVar

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import LEDGER_FILE, bring_to_disk, process
from happyhorse_nb.store.connection import Handle, connect, identity, reader, trouble
from happyhorse_nb.store.record import SHARED, Record, StoredInput, changing, from_row


class Disk:
    """Brings what one open connection has committed to the disk: `harden`, once for many commits.

    ``sync`` waits until the file behind a descriptor is on disk. The lock is not for the main thread: see
    `settings.process`.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, sync: Callable[[int], None] = os.fsync) -> None:
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        #: None where the file system allows no log; then every commit waits for the disk.
        self._log = path.with_name(f"{path.name}-wal") if mode == "wal" else None
        # NORMAL still brings the log to the disk before it moves any of it into the ledger, and then the ledger.
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._log is None else 'NORMAL'}")
        #: The log's identity while the connection is open.
        self._file = identity(self._log) if self._log is not None else None
        self._sync = sync
        self._lock = Lock()
        self._commits = self._hard = 0

    def check(self) -> None:
        """Raise FileNotFoundError where the log that is written is not the one that others read: it was deleted, or a
        fork has dropped the locks that show it is in use."""
        wanted = self._file
        with suppress(FileNotFoundError):
            if self._log is None or wanted is None or identity(self._log) == wanted:
                return
        # (If the connection was closed meanwhile, it is gone rightly.)
        if self._file is not None:
            raise FileNotFoundError(ENOENT, "its log was taken away while it was in use; start the program anew")

    def closed(self) -> None:
        """The connection is about to be closed; whoever closes last brings all of the log to the disk."""
        self._file = None

    def committed(self) -> None:
        """A commit was made. Called by one thread at a time."""
        self._commits += 1

    def harden(self) -> None:
        """Wait until all commits would survive a power cut. Raises OSError."""
        if self._log is None or self._file is None:
            return
        wanted = self._commits
        with self._lock:
            # Another thread may have brought ours to the disk, too.
            if self._hard >= wanted:
                return
            until = self._commits
            # Opened anew, as SQLite may have begun another log. (It has no lock on this file that closing it drops.)
            try:
                log = os.open(self._log, os.O_RDWR | getattr(os, "O_BINARY", 0))
            except FileNotFoundError:
                # Right if the connection was closed just now.
                self.check()
                return
            try:
                bring_to_disk(log, self._sync)
            finally:
                os.close(log)
            self.check()
            self._hard = until


T = TypeVar("T")
_ROW = f"SELECT *, {SHARED} AS shared FROM jobs"  # noqa: S608 - ours
_INPUTS = (
    "SELECT job, role, source, label, picture, seconds FROM inputs LEFT JOIN thumbnails USING (source) "
    "WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, position"
)
#: Milliseconds to wait for a reader before the log is cleared.
_WIPE_WAIT = 100


class Journal:
    """One SQLite file in ``folder``, with the jobs of all kernels on this machine.

    Usable from several threads and processes at once, and in a fork. Every method raises `LedgerError` when the file
    cannot be read or written. ``sync`` waits until the file behind a descriptor is on disk.

    Reads and writes run on a thread that no interrupt reaches (`process.uninterrupted`): an interrupt only ends the
    wait for them.
    """

    def __init__(self, folder: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self.folder = folder
        self.path = folder / LEDGER_FILE
        self._sync = sync
        #: The file's identity, once it was opened.
        self._file: tuple[int, int] | None = None
        self._disk: Disk | None = None
        self._writing = Handle(self._open, closing=self._closing)
        self._reading = Handle(self._open_to_read)
        #: The thread in a transaction: it reads what it has written.
        self._writer: int | None = None
        #: What is still to be written, by job; adding to it waits for no write.
        self._owed: dict[str, Snapshot] = {}
        self._owing = process.Guard()

        def begin() -> None:
            with self._writing, self._reading:
                pass

        process.uninterrupted(begin)

    def close(self) -> None:
        """Close the file."""

        def close() -> None:
            self._reading.close()
            self._writing.close()

        process.uninterrupted(close)

    def update_later(self, snapshot: Snapshot) -> None:
        """Write down what a job has become with the next write or `flush`; reading it gives that already.

        So the id of a paid task is not lost while the file is locked.
        """
        self._owing(lambda: self._owed.update({snapshot.id: snapshot}))

    @property
    def owes(self) -> bool:
        """Whether something is still to be written down."""
        return bool(self._owed)

    def flush(self, *, patience: float = 0.1) -> None:
        """Write down what is owed, waiting at most ``patience`` seconds for other writers.

        It survives this process, and a power cut after the next `write`.
        """
        # Within a transaction nothing is owed: it begins with that.
        if self._owed and self._writer != get_ident():
            process.uninterrupted(lambda: self._flush(patience))

    def _flush(self, patience: float) -> None:
        if not self._writing.acquire(patience):
            return
        try:
            connection = self._connection
            [[usual]] = connection.execute("PRAGMA busy_timeout").fetchall()
            try:
                connection.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
                self._transact(lambda: None, safe=False)
            finally:
                with suppress(sqlite3.Error):
                    connection.execute(f"PRAGMA busy_timeout = {usual}")
        except (sqlite3.Error, OSError) as problem:
            raise trouble(self.path, problem) from None
        finally:
            self._writing.release()

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._writing.connection

    def _open(self) -> sqlite3.Connection:
        if self._file is not None:
            self._check()
        connection = connect(self.path)
        self._file = identity(self.path)
        self._disk = Disk(connection, self.path, self._sync)
        return connection

    def _open_to_read(self) -> sqlite3.Connection:
        self._check()
        return reader(self.path)

    def _closing(self) -> None:
        if self._disk is not None:
            self._disk.closed()

    def _check(self) -> None:
        """Raise FileNotFoundError where nobody would ever read what is written here."""
        if identity(self.path) != self._file:
            raise FileNotFoundError(ENOENT, "another file is in its place")
        if self._disk is not None:
            self._disk.check()

    def _change(self, snapshot: Snapshot, only: str = "", *values: str | None) -> bool:
        columns = changing(snapshot)
        names = ", ".join(f"{name} = ?" for name in columns)
        # A job that is done stays so, with its path: a file that was moved away may come back.
        unless_done = "" if snapshot.status == Status.DONE else "AND status != 'done'"
        statement = f"UPDATE jobs SET {names} WHERE id = ? {unless_done} {only}"  # noqa: S608 - the names are ours
        return self._connection.execute(statement, (*columns.values(), snapshot.id, *values)).rowcount == 1

    def _select(self, rest: str, values: Sequence[Any]) -> list[Record]:
        def select() -> list[Record]:
            with suppress(LedgerError):
                self.flush()
            return self._read(rest, values)

        return process.uninterrupted(select)

    def _read(self, rest: str, values: Sequence[Any]) -> list[Record]:
        """`_select` without writing down what is owed first: it waits for no writer."""
        rows = self._rows(f"{_ROW} {rest}", values)
        found = list(readable(from_row, rows))
        inputs: defaultdict[str, list[StoredInput]] = defaultdict(list)
        for row in self._rows(_INPUTS, (json.dumps([r.snapshot.id for r in found]),)) if found else ():
            inputs[row["job"]].append(
                StoredInput(row["role"], row["source"], row["label"], row["picture"], row["seconds"])
            )
        return [
            replace(r, snapshot=self._owed.get(r.snapshot.id, r.snapshot), inputs=tuple(inputs[r.snapshot.id]))
            for r in found
        ]

    def _wipe(self) -> None:
        """Remove what was overwritten from the log too, unless somebody reads it now: waiting would hold up all
        writers. The last one to close the ledger does it then."""

        def wipe() -> None:
            with self._reading:
                [[usual]] = self._rows("PRAGMA busy_timeout", ())
                self._rows(f"PRAGMA busy_timeout = {_WIPE_WAIT}", ())
                try:
                    self._rows("PRAGMA wal_checkpoint(TRUNCATE)", ())
                finally:
                    self._rows(f"PRAGMA busy_timeout = {usual}", ())

        process.uninterrupted(wipe)

    def _rows(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        def rows() -> list[sqlite3.Row]:
            if self._writer == get_ident():
                return self._connection.execute(statement, values).fetchall()
            with self._reading as connection:
                return connection.execute(statement, values).fetchall()

        try:
            return process.uninterrupted(rows)
        except (sqlite3.Error, UnicodeError, OSError) as problem:
            raise trouble(self.path, problem) from None

    def _transaction(self, work: Callable[[], T], *, safe: bool = True) -> T:
        """Do the work in one transaction that begins with what is owed; if ``safe``, it survives a power cut."""
        return process.uninterrupted(lambda: self._transact(work, safe=safe))

    def _transact(self, work: Callable[[], T], *, safe: bool) -> T:
        try:
            with self._writing as connection:
                disk = self._disk
                assert disk is not None, "it comes with the connection"
                # Also noticed when somebody has put another file there: what is bought must be where others look.
                self._check()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    self._writer = get_ident()
                    owed = list(self._owed.values())
                    for snapshot in owed:
                        self._change(snapshot)
                    answer = work()
                    connection.execute("COMMIT")
                    disk.committed()
                finally:
                    self._writer = None
                    # (On a full disk SQLite has rolled back by itself.)
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                self._check()
                self._owing(lambda: self._paid(owed))
            if safe:
                # Without the lock, so that others write meanwhile.
                disk.harden()
            return answer
        except (sqlite3.Error, UnicodeError, OSError) as problem:
            raise trouble(self.path, problem) from None

    def _paid(self, owed: Sequence[Snapshot]) -> None:
        for snapshot in owed:
            # Unless it has changed since.
            if self._owed.get(snapshot.id) is snapshot:
                del self._owed[snapshot.id]


def readable(read: Callable[[sqlite3.Row], T], rows: Sequence[sqlite3.Row]) -> Iterator[T]:
    """What the rows say, without rows that something else has written and that cannot be read."""
    for row in rows:
        try:
            found = read(row)
        except (ValueError, TypeError, ArithmeticError):
            continue
        yield found
