"""The ledger's tables, in numbered steps. Nothing of the package is imported: `scripts/upgrade_ledger.py` reads this
with a bare Python."""

from __future__ import annotations

import sqlite3

#: Marks a ledger with these steps (SQLite's ``application_id``). Builds before the first release left no mark.
MARK = 0x48485242

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # 1. Times are Unix seconds; amounts are USD as decimal text, which adds up exactly.
    (
        f"PRAGMA application_id = {MARK}",
        # `account` is a key's fingerprint. `owner` watches the job, `buyer` has paid for it. `take` is 0 where the seed
        # was asked for, else which of several takes it is, from 1 on. `removed` is when it was removed from tables and
        # gallery. `attached`: the user has named its task.
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            created REAL NOT NULL,
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            sandbox INTEGER NOT NULL,
            request TEXT NOT NULL,
            take INTEGER NOT NULL,
            owner TEXT,
            buyer TEXT,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            params TEXT NOT NULL,
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
            size INTEGER,
            starred INTEGER NOT NULL DEFAULT 0,
            forgotten INTEGER NOT NULL DEFAULT 0,
            removed REAL,
            attached INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX jobs_request ON jobs (request, created)",
        "CREATE INDEX jobs_task ON jobs (task_id)",
        "CREATE INDEX jobs_buyer ON jobs (buyer)",
        # All columns of counts and sums.
        "CREATE INDEX jobs_sums ON jobs (created, status, starred, forgotten, removed, model, sandbox, bill, "
        "estimate, submitted, task_id)",
        "CREATE INDEX jobs_unfinished ON jobs (origin, account, status) WHERE status IN ('queued', 'submitting', "
        "'pending', 'processing', 'downloading', 'stopped')",
        # What a job is made from, in order. `source` is an address, or the digest of bytes.
        """
        CREATE TABLE inputs (
            job TEXT NOT NULL,
            position INTEGER NOT NULL,
            role TEXT NOT NULL,
            source TEXT NOT NULL,
            label TEXT NOT NULL,
            PRIMARY KEY (job, position)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX inputs_source ON inputs (source)",
        # One small picture for all jobs with the same input.
        "CREATE TABLE thumbnails (source TEXT PRIMARY KEY, picture BLOB NOT NULL)",
        # What each kernel takes of an account's requests a minute, see `leases`. No number is used twice, as a kernel
        # that has slept still knows its own.
        """
        CREATE TABLE leases (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            owner TEXT NOT NULL,
            ends REAL NOT NULL,
            count INTEGER NOT NULL,
            wants INTEGER NOT NULL,
            allows INTEGER NOT NULL
        )
        """,
        # Keys that the user has joined: those with the same `account`. A key without a row is an account of its own.
        """
        CREATE TABLE joined (
            origin TEXT NOT NULL,
            key TEXT NOT NULL,
            account TEXT NOT NULL,
            PRIMARY KEY (origin, key)
        )
        """,
    ),
    # 2. The family: videos as inputs, and pictures that are uploaded.
    (
        # Seconds of a video; NULL where that is not known.
        "ALTER TABLE inputs ADD COLUMN seconds REAL",
        # Pictures that the server holds, by the digest of their bytes, see `uploads`. `address` is the one to send,
        # sealed; `file` the id to delete it by; `owner` uploads it now, while both are empty, or deletes it, while only
        # the address is. `expires` is Unix seconds.
        """
        CREATE TABLE uploads (
            origin TEXT NOT NULL,
            account TEXT NOT NULL,
            digest TEXT NOT NULL,
            owner TEXT,
            file TEXT NOT NULL DEFAULT '',
            address TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL,
            expires REAL NOT NULL,
            PRIMARY KEY (origin, account, digest)
        ) WITHOUT ROWID
        """,
        # The pictures that a job is about to send, whose kernel is `owner`.
        """
        CREATE TABLE upload_uses (
            job TEXT NOT NULL,
            digest TEXT NOT NULL,
            owner TEXT NOT NULL,
            PRIMARY KEY (job, digest)
        ) WITHOUT ROWID
        """,
    ),
)


def migrate(connection: sqlite3.Connection, *, now: float) -> None:
    """Bring the tables up to date. Raises sqlite3.Error."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, applied REAL NOT NULL)")
    for number in range(version(connection) + 1, len(MIGRATIONS) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another kernel may have been first.
            if version(connection) < number:
                for statement in MIGRATIONS[number - 1]:
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, now))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def version(connection: sqlite3.Connection) -> int:
    """The number of the last step made, 0 in a file without tables. Raises sqlite3.Error."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        return 0
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0])


def unmarked(connection: sqlite3.Connection) -> bool:
    """Whether the file is a ledger of a build before the first release. Raises sqlite3.Error."""
    return version(connection) > 0 and connection.execute("PRAGMA application_id").fetchone()[0] != MARK
