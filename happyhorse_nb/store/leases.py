"""How the kernels of this machine share an account's requests a minute.

A kernel leases requests for a few seconds, so that not each one is a write. What it did not use comes back with its
next lease; a dead kernel's lease runs out. Nothing here need survive a power cut, so nothing waits for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from happyhorse_nb.store.connection import Handle
from happyhorse_nb.store.filter import of_account

#: Seconds that a lease lasts.
LEASED = 2.0
#: A minute, and a second that requests may take to the server, which counts them when they arrive.
MINUTE = 61.0
#: Seconds to wait for another kernel's write, during which all reads here wait.
_BUSY = 0.02
#: A lease that ends later than that was written before the machine was restarted.
_AHEAD = 10.0
#: With more kernels than requests a minute: seconds for which one leaves the next request to each other kernel.
_TURN = 2.0


@dataclass(frozen=True)
class Lease:
    """``count`` requests may leave in the next `LEASED` seconds.

    ``kernels`` is how many kernels want requests now, ``known`` how many did lately, this one included.
    """

    count: int
    kernels: int = 1
    known: int = 1


@dataclass(frozen=True)
class _Other:
    """Another kernel: its requests of the last minute, whether it wants more, and what limit it knows."""

    spent: int
    hungry: bool
    allows: int


class Leases:
    """One process's share of an account's requests. Used by one thread.

    ``clock`` gives seconds that are the same in all processes; the default counts from the machine's start.
    """

    def __init__(
        self, path: Path, owner: str, *, origin: str, account: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._who = (origin, account, owner)
        self._clock = clock
        # A connection of its own, which waits for nobody for long and never for the disk.
        self._handle = Handle(self._open)
        self._row: int | None = None
        #: When it last got any.
        self._last_given = float("-inf")

    def lease(self, *, used: int, ago: float, wants: int, limit: int, spare: int) -> Lease | None:
        """Return what is left of the last lease, of which ``used`` were used, the last one ``ago`` seconds ago, and
        take a new one: at most ``wants`` of ``limit`` a minute, leaving ``spare`` to others. None where the ledger
        cannot be written now."""
        try:
            with self._handle as connection:
                connection.execute("BEGIN IMMEDIATE")
                found = self._lease(connection, used, self._clock() - ago, wants, limit, spare)
                connection.execute("COMMIT")
        except sqlite3.Error:
            self.close()
            return None
        return found

    def close(self) -> None:
        """Close the file."""
        self._handle.close(for_good=False)

    def _open(self) -> sqlite3.Connection:
        # (Opened so that no new file is made.)
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        # Moving the log into the ledger is safe only with waiting for the disk, so it is left to others.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _lease(
        self, connection: sqlite3.Connection, used: int, last: float, wants: int, limit: int, spare: int
    ) -> Lease:
        now = self._clock()
        connection.execute("DELETE FROM leases WHERE ends <= ? OR ends > ?", (now - MINUTE, now + _AHEAD))
        if self._row is not None:
            # The used requests were used by then; with none, the row only says that nothing is wanted any more.
            connection.execute(
                "UPDATE leases SET count = ?, ends = ?, wants = 0 WHERE number = ?", (used, min(last, now), self._row)
            )
        elif used:
            self._insert(connection, min(last, now), used, 0, limit)
        origin, account, owner = self._who
        ours, who = of_account(origin, account)
        rows = connection.execute(
            "SELECT owner, sum(count), max(CASE WHEN ends > ? THEN wants ELSE 0 END), max(allows) FROM leases "  # noqa: S608 - ours
            f"WHERE {ours} AND owner != ? GROUP BY owner",
            (now, *who, owner),
        ).fetchall()
        [mine] = connection.execute(
            f"SELECT coalesce(sum(count), 0) FROM leases WHERE {ours} AND owner = ?",  # noqa: S608 - ours
            (*who, owner),
        ).fetchone()
        others = [_Other(int(count), bool(want), int(allows)) for _, count, want, allows in rows]
        count = max(0, min(wants, self._free(others, mine, limit, spare, now)))
        if count:
            self._last_given = now
        self._row = self._insert(connection, now + LEASED, count, wants, limit) if wants else None
        return Lease(count, 1 + sum(other.hungry for other in others), 1 + len(others))

    def _free(self, others: Sequence[_Other], mine: int, limit: int, spare: int, now: float) -> int:
        """How many of ``limit`` a minute are free for this kernel, which has used ``mine``."""
        spent = mine + sum(other.spent for other in others)
        free = limit - spare - spent
        hungry = sum(other.hungry for other in others)
        if not hungry:
            return free
        # At most an even part of what is left by those who want nothing now.
        even = (limit - sum(other.spent for other in others if not other.hungry)) // (1 + hungry)
        if even < 1 and now - self._last_given >= MINUTE + _TURN * hungry:
            even = 1
        free = min(free, even - mine)
        most = max(other.allows for other in others)
        if most > limit:
            # Another kernel knows a higher limit and may use all of it; our part of the limit we know stays ours.
            free = max(free, min(limit // (1 + hungry) - mine, most - spare - spent))
        return free

    def _insert(self, connection: sqlite3.Connection, ends: float, count: int, wants: int, allows: int) -> int | None:
        return connection.execute(
            "INSERT INTO leases (origin, account, owner, ends, count, wants, allows) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*self._who, ends, count, wants, allows),
        ).lastrowid
