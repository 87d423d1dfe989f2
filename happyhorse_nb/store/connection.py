"""Opens the ledger and brings its tables up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from threading import get_ident

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.settings import process
from happyhorse_nb.store.filter import teach
from happyhorse_nb.store.schema import MIGRATIONS, migrate, unmarked, version

#: Seconds to wait for another kernel's write, which takes milliseconds.
_BUSY = 10.0


class Handle(process.Guard):
    """A connection that several threads use one at a time, by ``with``. It is opened on first use and closed for forks.

    ``opens`` opens it, while the handle is held; ``closing`` is called before it is closed. Not for the main thread, as
    no lock is: see `settings.process`.
    """

    def __init__(self, opens: Callable[[], sqlite3.Connection], *, closing: Callable[[], None] = lambda: None) -> None:
        self._opens, self._closing = opens, closing
        self._found: sqlite3.Connection | None = None
        self._over = False
        # Last: from here on another thread may close it for a fork.
        super().__init__()
        process.wait_for_forks()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Raises sqlite3.Error and what ``opens`` raises."""
        if self._found is None:
            if self._over:
                raise sqlite3.ProgrammingError("it is closed")
            if process.carried("ledger"):
                # What SQLite knows of its locks here is true of the parent only: others would not see ours.
                raise sqlite3.OperationalError("this program has forked while it was in use; start it anew")
            self._found = self._opens()
        return self._found

    def acquire(self, patience: float = -1) -> bool:
        """Hold it, unless somebody else does for longer than ``patience`` seconds; whether it is held."""
        return self._lock.acquire(timeout=patience)

    def release(self) -> None:
        """Stop holding it."""
        self._lock.release()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            return self.connection
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def close(self, *, for_good: bool = True) -> None:
        """Close it, ``for_good`` or until it is needed again."""
        with self._lock:
            self._over = for_good
            self._shut()

    def before_fork(self) -> None:
        """Close it, once nobody uses it."""
        super().before_fork()
        if self._forking == get_ident():
            self._shut()

    def in_fork(self) -> None:
        """Begin anew. A connection that is open all the same is the parent's, which closing it here would harm."""
        super().in_fork()
        if self._found is not None:
            process.carry("ledger", self._found)

    def _shut(self) -> None:
        found, self._found = self._found, None
        if found is not None:
            self._closing()
            with suppress(sqlite3.Error):
                found.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection that threads may share. Raises `LedgerError`."""
    try:
        # Prompts and pictures are private; SQLite gives the files beside this one the same mode.
        path.touch(mode=0o600, exist_ok=True)
        connection = _open(path)
    except (sqlite3.Error, OSError) as problem:
        raise trouble(path, problem) from None
    try:
        # Checked first: another version's file is not touched.
        unusable = _unusable(connection, path)
        if not unusable:
            _share(connection)
            # What is forgotten is overwritten.
            connection.execute("PRAGMA secure_delete = ON")
            migrate(connection, now=time.time())
    except sqlite3.Error as problem:
        connection.close()
        raise trouble(path, problem) from None
    if unusable:
        connection.close()
        raise unusable
    return connection


def _unusable(connection: sqlite3.Connection, path: Path) -> LedgerError | None:
    """Why another version's ledger cannot be used, and what to do; None for a usable one."""
    if unmarked(connection):
        return LedgerError(
            f"the ledger {path} is of a build before the first release",
            remedy=f'Close its kernels and run `python scripts/upgrade_ledger.py "{path}"` in the source of '
            "happyhorse-nb, or set HAPPYHORSE_HOME elsewhere.",
        )
    if version(connection) > len(MIGRATIONS):
        return LedgerError(
            f"a newer version of happyhorse-nb has written the ledger {path}",
            remedy="Upgrade this one, or set HAPPYHORSE_HOME elsewhere.",
        )
    return None


def reader(path: Path) -> sqlite3.Connection:
    """A second connection, only for reading: it waits for no write. Raises `LedgerError`."""
    try:
        connection = _open(path)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as problem:
        raise trouble(path, problem) from None
    return connection


def identity(path: Path) -> tuple[int, int]:
    """Which file is there now; SQLite goes on writing into a deleted one. Raises FileNotFoundError."""
    try:
        found = path.stat()
    except OSError as problem:
        raise FileNotFoundError(ENOENT, "it is not there any more") from problem
    return found.st_dev, found.st_ino


def trouble(path: Path, problem: Exception) -> LedgerError:
    """The error that says what is wrong with the file, and what to do about it."""
    reason = (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
    return LedgerError(
        f"the ledger {path} cannot be used: {reason.lower()}",
        remedy="Check the disk, or set HAPPYHORSE_HOME elsewhere.",
    )


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    teach(connection)
    return connection


def _share(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + _BUSY
    while True:
        try:
            # WAL lets others read during a write. Without shared memory SQLite stays with its older journal, which is
            # slower and just as safe.
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as problem:
            # SQLite does not wait here when several kernels open a new ledger at once.
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
