"""What the kernels of this machine have spent of an account's requests in the last minute, and are about to spend.

A kernel takes some requests for a few seconds ahead, so that not each one is a write; what it did not use comes back
with its next lease, and the lease of a kernel that has died runs out by itself. Nothing of this need survive the
machine, so nothing waits for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from happyhorse_nb.store.connection import Handle
from happyhorse_nb.store.filter import of_account

#: Seconds for which requests are leased.
LEASED = 2.0
#: A minute, and a second for what requests take to arrive: the server counts when they come.
MINUTE = 61.0
#: Seconds to wait for another kernel that is writing: whoever waits here holds up all reads of its own.
_BUSY = 0.02
#: A lease that ends further ahead than this was written before the machine was started anew.
_AHEAD = 10.0
#: Where there are more kernels than requests a minute: seconds for which who had one leaves the next to each other one.
_TURN = 2.0


@dataclass(frozen=True)
class Lease:
    """So many requests may leave in the next `LEASED` seconds.

    ``kernels`` is how many kernels want some now, ``known`` how many have wanted some lately, with this one.
    """

    count: int
    kernels: int = 1
    known: int = 1


@dataclass(frozen=True)
class _Other:
    """Another kernel: what it has spent in the last minute, whether it wants more now, and how much it knows of."""

    spent: int
    hungry: bool
    allows: int


class Leases:
    """One process's share of what one account may ask. Used by one thread.

    ``clock`` gives seconds, the same to all processes of this machine; the usual one is counted from its start, and so
    nobody sets it back or forward.
    """

    def __init__(
        self, path: Path, owner: str, *, origin: str, account: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._who = (origin, account, owner)
        self._clock = clock
        # An own connection: it waits for nobody for long, and never for the disk.
        self._handle = Handle(self._open)
        self._row: int | None = None
        #: When it was last given any.
        self._had = float("-inf")

    def lease(self, *, used: int, ago: float, wants: int, limit: int, spare: int) -> Lease | None:
        """Give back what is left of the last lease, of which ``used`` were spent, the last one ``ago`` seconds ago.

        The new one is of at most ``wants`` out of ``limit`` a minute, ``spare`` of which stay free for others. None
        where the ledger cannot be written now.
        """
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
        # It makes no new file.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        # It leaves it to others to move the log into the ledger, which is safe only if the disk is waited for.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _lease(
        self, connection: sqlite3.Connection, used: int, last: float, wants: int, limit: int, spare: int
    ) -> Lease:
        now = self._clock()
        connection.execute("DELETE FROM leases WHERE ends <= ? OR ends > ?", (now - MINUTE, now + _AHEAD))
        if self._row is not None:
            # What was used was used by then; where nothing was, the row only says that nothing is wanted any more.
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
            self._had = now
        self._row = self._insert(connection, now + LEASED, count, wants, limit) if wants else None
        return Lease(count, 1 + sum(other.hungry for other in others), 1 + len(others))

    def _free(self, others: Sequence[_Other], mine: int, limit: int, spare: int, now: float) -> int:
        """How many may be taken out of ``limit`` a minute, of which this kernel has spent ``mine``."""
        spent = mine + sum(other.spent for other in others)
        free = limit - spare - spent
        hungry = sum(other.hungry for other in others)
        if not hungry:
            return free
        # Nobody takes more than an even part of what those leave who want nothing now.
        even = (limit - sum(other.spent for other in others if not other.hungry)) // (1 + hungry)
        if even < 1 and now - self._had >= MINUTE + _TURN * hungry:
            even = 1
        free = min(free, even - mine)
        most = max(other.allows for other in others)
        if most > limit:
            # Another kernel knows of more than we do, and may spend it all: our even part of what we know is ours.
            free = max(free, min(limit // (1 + hungry) - mine, most - spare - spent))
        return free

    def _insert(self, connection: sqlite3.Connection, ends: float, count: int, wants: int, allows: int) -> int | None:
        return connection.execute(
            "INSERT INTO leases (origin, account, owner, ends, count, wants, allows) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*self._who, ends, count, wants, allows),
        ).lastrowid
