"""Brings what was committed to the disk itself, for many writers at once, and keeps nobody from writing meanwhile.

SQLite can do that within each commit (``synchronous = FULL``), and holds its lock while the disk takes its time: a
thousand jobs then wait in one line, for three writes each. In WAL mode a commit is whole once it stands in the log
beside the ledger, and lasts once that log is on the disk; the second step needs no lock, and one of it serves all who
have committed before it (https://sqlite.org/wal.html, "Performance Considerations").
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from errno import ENOENT
from pathlib import Path
from threading import Lock

from happyhorse_nb.ledger.connection import identity
from happyhorse_nb.settings import bring_to_disk


class Disk:
    """Of one open connection, which it sets up: `harden` does at the end what every commit would do by itself.

    ``sync`` waits until the file behind a descriptor is on the disk. Its lock is not for the main thread: see
    `settings.process`.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, sync: Callable[[int], None] = os.fsync) -> None:
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
        #: None where the file system allows no log: then every commit waits for the disk.
        self._log = path.with_name(f"{path.name}-wal") if mode == "wal" else None
        # NORMAL still brings the log to the disk before any of it is moved into the ledger, and then the ledger.
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._log is None else 'NORMAL'}")
        #: Which file the connection writes its log into, as long as it is open.
        self._file = identity(self._log) if self._log is not None else None
        self._sync = sync
        self._lock = Lock()
        self._commits = self._hard = 0

    def check(self) -> None:
        """Raises FileNotFoundError where the log is not the one that is written: nobody would ever read it.

        That is so when it was deleted, or when a fork has dropped the locks by which others know that it is in use.
        """
        wanted = self._file
        if self._log is None or wanted is None or _found(self._log) == wanted:
            return
        # Not where the connection was closed while we looked: then it is gone rightly.
        if self._file is not None:
            raise FileNotFoundError(ENOENT, "its log was taken away while it was in use; restart this kernel")

    def closed(self) -> None:
        """The connection is about to be closed, and whoever closes the last one brings all of the log to the disk."""
        self._file = None

    def committed(self) -> None:
        """A commit more has been made. Called by one thread at a time."""
        self._commits += 1

    def harden(self) -> None:
        """Wait until all that is committed would outlive a power cut. Raises OSError."""
        if self._log is None or self._file is None:
            return
        wanted = self._commits
        with self._lock:
            # Whoever had the disk before may have brought ours along.
            if self._hard >= wanted:
                return
            until = self._commits
            # Opened anew: SQLite may have begun another log. It holds no lock on this file that a close would drop.
            try:
                log = os.open(self._log, os.O_RDWR | getattr(os, "O_BINARY", 0))
            except FileNotFoundError:
                # Nothing is left of it, rightly, if the connection was closed in this instant.
                self.check()
                return
            try:
                bring_to_disk(log, self._sync)
            finally:
                os.close(log)
            self.check()
            self._hard = until


def _found(log: Path) -> tuple[int, int] | None:
    try:
        return identity(log)
    except FileNotFoundError:
        return None
