"""Opens the ledger: one connection per thread, its schema brought up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from threading import get_ident
from types import TracebackType

from happyhorse_nb.errors import LedgerError, lasting
from happyhorse_nb.settings import process
from happyhorse_nb.store.filter import teach

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # 1: jobs. Times are Unix seconds; amounts are USD as decimal text, which adds up exactly.
    (
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            created REAL NOT NULL,
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            sandbox INTEGER NOT NULL,
            request TEXT NOT NULL,
            owner TEXT,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            params TEXT NOT NULL,
            frame TEXT NOT NULL,
            frame_label TEXT NOT NULL,
            thumbnail BLOB,
            target TEXT NOT NULL,
            status TEXT NOT NULL,
            task_id TEXT,
            said TEXT NOT NULL,
            message TEXT NOT NULL,
            remedy TEXT NOT NULL,
            note TEXT NOT NULL,
            submitted REAL,
            ended REAL,
            took REAL,
            estimate TEXT,
            bill TEXT,
            expires_at REAL,
            width INTEGER,
            height INTEGER,
            path TEXT,
            size INTEGER
        )
        """,
        "CREATE INDEX jobs_created ON jobs (created)",
        "CREATE INDEX jobs_request ON jobs (request, created)",
        "CREATE INDEX jobs_task ON jobs (task_id)",
    ),
    # 2: who has bought a job; its owner is whoever watches it now.
    (
        "ALTER TABLE jobs ADD COLUMN buyer TEXT",
        "UPDATE jobs SET buyer = owner",
    ),
    # 3: stars; what is forgotten (a request that was made here is wiped by nothing else); and an index with all that
    # counts and sums look at, which in the table itself lies behind the thumbnails.
    (
        "ALTER TABLE jobs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0",
        "UPDATE jobs SET forgotten = 1 WHERE request = '' AND model != ''",
        "CREATE INDEX jobs_sums ON jobs (created, status, starred, forgotten, model, sandbox, bill, estimate, "
        "submitted, task_id)",
        "DROP INDEX jobs_created",
    ),
    # 4: what each kernel takes of an account's requests a minute, see `leases`; and the way to what is unfinished and
    # to what a kernel has bought, among thousands of jobs.
    (
        """
        CREATE TABLE leases (
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            owner TEXT NOT NULL,
            ends REAL NOT NULL,
            count INTEGER NOT NULL,
            wants INTEGER NOT NULL
        )
        """,
        "CREATE INDEX jobs_unfinished ON jobs (origin, account, status) WHERE status IN ('queued', 'submitting', "
        "'pending', 'processing', 'downloading', 'stopped')",
        "CREATE INDEX jobs_buyer ON jobs (buyer)",
    ),
    # 5: how many requests a minute each kernel knows of; and no number of a row is ever given twice, for a kernel that
    # has slept still knows its own.
    (
        "DROP TABLE leases",
        """
        CREATE TABLE leases (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            owner TEXT NOT NULL,
            ends REAL NOT NULL,
            count INTEGER NOT NULL,
            wants INTEGER NOT NULL,
            allows INTEGER NOT NULL DEFAULT 0
        )
        """,
    ),
    # 6: one small picture for all jobs of a first frame, by what `jobs.frame` says, and apart from them: a row is
    # written anew, all of it, whenever its job changes.
    (
        "CREATE TABLE thumbnails (frame TEXT PRIMARY KEY, picture BLOB NOT NULL)",
        "INSERT OR IGNORE INTO thumbnails SELECT frame, thumbnail FROM jobs "
        "WHERE thumbnail IS NOT NULL AND frame != ''",
        "UPDATE jobs SET thumbnail = NULL WHERE thumbnail IS NOT NULL",
    ),
    # 7: which keys are of one account, where the user has said so: those with the same `account` here. A key without a
    # row is an account of its own. And which jobs have their task from the user's word, not from the server's.
    (
        """
        CREATE TABLE joined (
            origin TEXT NOT NULL,
            key TEXT NOT NULL,
            account TEXT NOT NULL,
            PRIMARY KEY (origin, key)
        )
        """,
        "ALTER TABLE jobs ADD COLUMN attached INTEGER NOT NULL DEFAULT 0",
    ),
    # 8: whether a job's seed was asked for (0) or drawn here, and then which of several takes it is (from 1 on). NULL
    # is of an older version: there the digest in `request` says it, which from now on is that of all but the seed.
    ("ALTER TABLE jobs ADD COLUMN take INTEGER",),
    # 9: when a job was removed from tables and gallery (Unix seconds), so that what was removed last comes back first.
    (
        "ALTER TABLE jobs ADD COLUMN removed REAL",
        "DROP INDEX jobs_sums",
        "CREATE INDEX jobs_sums ON jobs (created, status, starred, forgotten, removed, model, sandbox, bill, "
        "estimate, submitted, task_id)",
    ),
)


@lasting
class NewerLedger(Exception):
    """The ledger was written by a newer version of this package."""


def migrate(connection: sqlite3.Connection, *, now: float) -> None:
    """Bring the tables up to date. Raises sqlite3.Error and `NewerLedger`."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, applied REAL NOT NULL)")
    known = len(MIGRATIONS)
    if _newest(connection) > known:
        raise NewerLedger
    for number in range(_newest(connection) + 1, known + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _newest(connection) < number:
                for statement in MIGRATIONS[number - 1]:
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, now))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0])


#: Seconds to wait for another kernel that is writing. A write takes milliseconds.
_BUSY = 10.0


class Handle(process.Guard):
    """A connection that several threads use, one at a time: ``with`` it; opened when it is needed, and not in a fork.

    ``opens`` makes it, with the handle held, and again after a fork; ``closing`` is called before it is closed. Not for
    the main thread, as no lock is: see `settings.process`.
    """

    def __init__(self, opens: Callable[[], sqlite3.Connection], *, closing: Callable[[], None] = lambda: None) -> None:
        self._opens, self._closing = opens, closing
        self._found: sqlite3.Connection | None = None
        self._over = False
        # Last: from here on another thread may close it, for a fork.
        super().__init__()
        process.wait_for_forks()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Raises sqlite3.Error and what ``opens`` raises."""
        if self._found is None:
            if self._over:
                raise sqlite3.ProgrammingError("it is closed")
            if process.carried("ledger"):
                # What SQLite believes of its locks here is true of the parent alone: others would not see ours.
                raise sqlite3.OperationalError("this program has forked while it was in use; start it anew")
            self._found = self._opens()
        return self._found

    def acquire(self, patience: float = -1) -> bool:
        """Hold it, if nobody else does after so many seconds."""
        return self._lock.acquire(timeout=patience)

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            return self.connection
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.release()

    def close(self, *, for_good: bool = True) -> None:
        """Close it, ``for_good`` or until it is needed again."""
        with self._lock:
            self._over = for_good
            self._shut()

    def before_fork(self) -> None:
        """Close it, as soon as nobody uses it."""
        super().before_fork()
        if self._forking == get_ident():
            self._shut()

    def in_fork(self) -> None:
        """Begin anew. What is open all the same is the parent's: to close it here would harm that one."""
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
