"""The ledger's tables, in numbered steps. A step that was released is never changed; the next one changes what it made.

Each step runs in one transaction together with the record that it ran, so a kernel killed in the middle leaves the
ledger as it was before the step, and several kernels that open a new ledger at once run each step once.
"""

from __future__ import annotations

import sqlite3

from happyhorse_nb.errors import lasting

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
