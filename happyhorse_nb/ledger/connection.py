"""Opens the ledger's file: private, shared with other kernels, and with its tables up to date."""

from __future__ import annotations

import sqlite3
import time
from errno import ENOENT
from pathlib import Path

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.ledger.filter import teach
from happyhorse_nb.ledger.migrations import NewerLedger, migrate

#: Seconds to wait for another kernel that is writing. A write takes milliseconds.
_BUSY = 10.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection that several threads may share. Raises `LedgerError`."""
    try:
        # Prompts and pictures are private; SQLite gives the files beside this one the same mode.
        path.touch(mode=0o600, exist_ok=True)
        connection = _open(path)
    except (sqlite3.Error, OSError) as problem:
        raise LedgerError(trouble(path, problem)) from None
    try:
        _share(connection)
        # What is forgotten is overwritten, not only marked as free.
        connection.execute("PRAGMA secure_delete = ON")
        migrate(connection, now=time.time())
    except NewerLedger:
        connection.close()
        raise LedgerError(
            f"a newer version of happyhorse-nb has written the ledger {path}. Upgrade this one, or set HAPPYHORSE_HOME "
            "elsewhere."
        ) from None
    except sqlite3.Error as problem:
        connection.close()
        raise LedgerError(trouble(path, problem)) from None
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """A second connection, for reading alone: it waits for no write. Raises `LedgerError`."""
    try:
        connection = _open(path)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as problem:
        raise LedgerError(trouble(path, problem)) from None
    return connection


def identity(path: Path) -> tuple[int, int]:
    """Which file is there now. SQLite goes on writing into one that was deleted, where nobody will ever read it.

    Raises FileNotFoundError.
    """
    try:
        found = path.stat()
    except OSError as problem:
        raise FileNotFoundError(ENOENT, "it is not there any more") from problem
    return found.st_dev, found.st_ino


def trouble(path: Path, problem: Exception) -> str:
    """What is wrong with the file, and what to do about it, in one line."""
    reason = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
    return f"the ledger {path} cannot be used: {reason.lower()}. Check the disk, or set HAPPYHORSE_HOME elsewhere."


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    teach(connection)
    return connection


def _share(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + _BUSY
    while True:
        try:
            # WAL lets readers read while another kernel writes. Where the file system has no shared memory SQLite
            # stays with its older journal by itself, which is slower and just as safe.
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as problem:
            # When several kernels open a new ledger at once, SQLite does not wait here by itself.
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
