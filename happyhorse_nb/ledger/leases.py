"""What the kernels of this machine have spent of an account's requests in the last minute, and are about to spend.

A kernel takes some requests for a few seconds ahead, so that not each one is a write; what it did not use comes back
with its next lease, and the lease of a kernel that has died runs out by itself. Nothing of this need survive the
machine, so nothing waits for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Seconds for which requests are leased.
LEASED = 2.0
#: A minute, and a second for what requests take to arrive: the server counts when they come.
MINUTE = 61.0
#: Seconds to wait for another kernel that is writing: whoever waits here holds up all reads of its own.
_BUSY = 0.02
#: A lease that ends further ahead than this was written before the clock was set back.
_AHEAD = 10.0


@dataclass(frozen=True)
class Lease:
    """So many requests may leave in the next `LEASED` seconds; ``kernels`` is how many want some now."""

    count: int
    kernels: int = 1


class Leases:
    """One process's share of what one account may ask. Used by one thread; ``clock`` gives Unix seconds."""

    def __init__(
        self, path: Path, owner: str, *, origin: str, account: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._who = (origin, account, owner)
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._row: int | None = None

    def lease(self, *, used: int, ago: float, wants: int, limit: int, keep: int) -> Lease | None:
        """Give back what is left of the last lease, of which ``used`` were spent, the last one ``ago`` seconds ago.

        The new one is of at most ``wants`` out of ``limit`` a minute, ``keep`` of which stay free for others. None
        where the ledger cannot be written now.
        """
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            found = self._lease(connection, used, self._clock() - ago, wants, limit, keep)
            connection.execute("COMMIT")
        except sqlite3.Error:
            self.close()
            return None
        return found

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # An own connection: it waits for nobody for long, and never for the disk. So it leaves it to others to move
            # the log into the ledger, which is safe only if the disk is waited for. It makes no new file.
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_BUSY,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        return self._connection

    def _lease(
        self, connection: sqlite3.Connection, used: int, last: float, wants: int, limit: int, keep: int
    ) -> Lease:
        now = self._clock()
        connection.execute("DELETE FROM leases WHERE ends <= ? OR ends > ?", (now - MINUTE, now + _AHEAD))
        if self._row is not None:
            # What was used was used by then; where nothing was, the row only says that nothing is wanted any more.
            connection.execute(
                "UPDATE leases SET count = ?, ends = ?, wants = 0 WHERE rowid = ?", (used, min(last, now), self._row)
            )
        elif used:
            self._insert(connection, min(last, now), used, 0)
        origin, account, owner = self._who
        rows = connection.execute(
            "SELECT owner, sum(count), max(CASE WHEN ends > ? THEN wants ELSE 0 END) FROM leases "
            "WHERE origin = ? AND account = ? GROUP BY owner",
            (now, origin, account),
        ).fetchall()
        spent = {name: int(count) for name, count, _ in rows}
        hungry = [name for name, _, want in rows if want and name != owner]
        free = limit - keep - sum(spent.values())
        if hungry:
            # Nobody takes more than an even part of what those leave who want nothing now.
            theirs = sum(count for name, count in spent.items() if name != owner and name not in hungry)
            free = min(free, (limit - theirs) // (1 + len(hungry)) - spent.get(owner, 0))
        count = max(0, min(wants, free))
        self._row = self._insert(connection, now + LEASED, count, wants) if wants else None
        return Lease(count, 1 + len(hungry))

    def _insert(self, connection: sqlite3.Connection, ends: float, count: int, wants: int) -> int | None:
        return connection.execute(
            "INSERT INTO leases (origin, account, owner, ends, count, wants) VALUES (?, ?, ?, ?, ?, ?)",
            (*self._who, ends, count, wants),
        ).lastrowid
