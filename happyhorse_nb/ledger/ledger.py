"""The ledger: what was asked for, what became of it, and what it cost, in one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from errno import ENOENT
from pathlib import Path
from threading import Lock, RLock, get_ident
from typing import Any, TypeVar

from happyhorse_nb.errors import JobNotFound, LedgerError
from happyhorse_nb.ledger.connection import connect, identity, reader, trouble
from happyhorse_nb.ledger.disk import Disk
from happyhorse_nb.ledger.filter import EVERYTHING, Filter
from happyhorse_nb.ledger.record import CHANGING, FIXED, Record, changing, cost_of, fixed, from_row
from happyhorse_nb.models import MODELS, Snapshot, Status
from happyhorse_nb.settings import LEDGER_FILE

T = TypeVar("T")
#: A request equal to a job in one of these states is not bought again; a stopped one still has its task. An expired
#: one has none, and no video: running again makes one. Its task was asked for long after it was accepted.
_BOUGHT = (
    Status.DONE, Status.QUEUED, Status.SUBMITTING, Status.PENDING, Status.PROCESSING, Status.DOWNLOADING,
    Status.UNKNOWN, Status.STOPPED,
)  # fmt: skip


#: As the index of these says it, word for word: else it is not used.
_UNFINISHED = "status IN ('queued', 'submitting', 'pending', 'processing', 'downloading', 'stopped')"
_OLDEST = "min(CASE WHEN status = 'queued' THEN created END)"


@dataclass(frozen=True)
class Busy:
    """What one process does on an account: how many tasks run, and when its oldest queued job was created."""

    owner: str | None
    running: int
    oldest: float | None


class Ledger:
    """The jobs of all kernels on this machine, kept in ``folder``.

    Safe to use from several threads, and from several processes at once. Every method raises `LedgerError` when the
    file cannot be read or written. ``sync`` waits until the file behind a descriptor is on the disk.
    """

    def __init__(self, folder: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self.folder = folder
        self.path = folder / LEDGER_FILE
        self._lock = RLock()
        self._connection = connect(self.path)
        self._reader, self._reading = reader(self.path), RLock()
        #: The thread that is in a transaction: it sees what it writes.
        self._writer: int | None = None
        self._file = identity(self.path)
        self._disk = Disk(self._connection, self.path, sync)
        #: What is still to be written down, by job; whoever adds to it waits for no write.
        self._owed: dict[str, Snapshot] = {}
        self._owing = Lock()

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def add(self, record: Record, *, reuse: bool) -> Record | None:
        """Write a new job down, unless (with ``reuse``) an equal request is in the ledger: then that one is returned.

        Both in one transaction, so that two kernels that ask for the same at once buy it once.
        """
        return self.add_all([record], reuse=reuse)[0]

    def add_all(self, records: Sequence[Record], *, reuse: bool) -> list[Record | None]:
        """`add` for each of them, in one transaction: all are written down, or none.

        It outlives this process; a power cut only from the next `write` on, which comes before anything is paid for.
        """
        with self._transaction(safe=False):
            return [self._add(record, reuse=reuse) for record in records]

    def equal(self, record: Record) -> Record | None:
        """The newest job that an equal request has made, is making, or may have made."""
        return self._bought(record)

    def update(self, snapshot: Snapshot) -> None:
        """Write down what a job has become."""
        with self._transaction():
            self._change(snapshot)

    def update_later(self, snapshot: Snapshot) -> None:
        """Write down what a job has become as soon as the file can be written: with the next write, or `flush`.

        Until then this `Ledger` gives the job as it has become. A paid task's id is never lost to a lock.
        """
        with self._owing:
            self._owed[snapshot.id] = snapshot

    @property
    def owes(self) -> bool:
        """Whether something is still to be written down."""
        return bool(self._owed)

    def write(self, claims: Sequence[tuple[Snapshot, str]] = ()) -> list[bool]:
        """Write down what is owed, and that these queued jobs are being sent by these owners: at once, on the disk.

        False for a job that is not queued any more, or not this owner's: whoever took its kernel for dead may have
        settled it, and bought it. Then it must not be sent.
        """
        with self._transaction():
            return [self._change(job, "AND status = 'queued' AND owner IS ?", owner) for job, owner in claims]

    def flush(self, *, patience: float = 0.1) -> None:
        """Write down what is owed, waiting at most ``patience`` seconds for whoever is writing.

        It outlives this process, and a power cut from the next `write` on.
        """
        # A transaction begins with what is owed, so within one there is nothing left to do.
        if not self._owed or self._writer == get_ident() or not self._lock.acquire(timeout=patience):
            return
        try:
            [[usual]] = self._connection.execute("PRAGMA busy_timeout").fetchall()
            try:
                self._connection.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
                with self._transaction(safe=False):
                    pass
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute(f"PRAGMA busy_timeout = {usual}")
        except sqlite3.Error as problem:
            raise LedgerError(trouble(self.path, problem)) from None
        finally:
            self._lock.release()

    def settle(self, snapshot: Snapshot, *, was: Record) -> bool:
        """Write down what became of a job that nobody works on; False when the row ``was`` has changed meanwhile."""
        with self._transaction():
            return self._change(snapshot, "AND status = ? AND owner IS ?", str(was.snapshot.status), was.owner)

    def own(self, job_id: str, owner: str, *, instead_of: str | None, buys: bool = False) -> bool:
        """Write down which process watches a job, ``instead_of`` the one that did; False when another was faster.

        ``buys``: it is also the one that pays for it, for the job was not sent yet; False when it was, or has ended.
        """
        with self._transaction():
            if buys:
                changed = self._connection.execute(
                    "UPDATE jobs SET owner = ?, buyer = ? WHERE id = ? AND owner IS ? AND status = 'queued'",
                    (owner, owner, job_id, instead_of),
                )
            else:
                changed = self._connection.execute(
                    "UPDATE jobs SET owner = ? WHERE id = ? AND owner IS ?", (owner, job_id, instead_of)
                )
        return changed.rowcount == 1

    def get(self, job_id: str) -> Record | None:
        """The job of that id."""
        found = self._select("WHERE id = ?", (job_id,))
        return found[0] if found else None

    def of_task(self, task_id: str, origin: str) -> Record | None:
        """The job of that task on that server."""
        found = self._select("WHERE task_id = ? AND origin = ?", (task_id, origin))
        return found[0] if found else None

    def unfinished(self, origin: str, account: str) -> list[Record]:
        """The jobs of an account whose task may still give a video, oldest first."""
        return self._select(
            f"WHERE {_UNFINISHED} AND origin = ? AND account = ? ORDER BY created, rowid", (origin, account)
        )

    def busy(self, origin: str, account: str, *, but: str) -> list[Busy]:
        """What the owners other than ``but`` have on an account: tasks that run, and their oldest queued job."""
        rows = self._rows(
            f"SELECT owner, sum(status != 'queued') AS running, {_OLDEST} AS oldest FROM jobs WHERE {_UNFINISHED} "  # noqa: S608 - ours
            "AND status NOT IN ('downloading', 'stopped') AND origin = ? AND account = ? AND owner IS NOT ? "
            "GROUP BY owner",
            (origin, account, but),
        )
        return [Busy(row["owner"], row["running"], row["oldest"]) for row in rows]

    def unknown(self, origin: str, account: str) -> list[Record]:
        """The jobs of an account of which it is not known whether the server accepted them."""
        return self._select(
            "WHERE origin = ? AND account = ? AND status = 'unknown' AND task_id IS NULL", (origin, account)
        )

    def interrupted(self, *, since: float) -> list[Record]:
        """The jobs created since then (Unix seconds) that were on their way when they were last written down."""
        return self._select(
            f"WHERE {_UNFINISHED} AND status NOT IN ('submitting', 'stopped') AND (status = 'queued' OR task_id IS NOT "
            "NULL) AND created >= ?",
            (since,),
        )

    def find(self, piece: str) -> Record:
        """The one job whose id or task id contains the piece. Raises `JobNotFound` for none, or for more than one."""
        piece = piece.strip()
        shown = piece if len(piece) <= 40 else piece[:39] + "…"
        if not piece:
            raise JobNotFound("no piece of an id is given. %happyhorse jobs lists them.")
        escaped = piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = self._select(
            "WHERE id LIKE ? ESCAPE '\\' OR task_id LIKE ? ESCAPE '\\' "
            "ORDER BY coalesce(? IN (id, task_id), 0) DESC, created DESC LIMIT 6",
            (f"%{escaped}%", f"%{escaped}%", piece),
        )
        exact = [r for r in found if piece in (r.snapshot.id, r.snapshot.task_id, r.snapshot.short_id)]
        if len(found) == 1 or len(exact) == 1:
            return (exact or found)[0]
        if not found:
            raise JobNotFound(f"no job has {shown!r} in its id. %happyhorse jobs lists them.")
        names = [r.snapshot.short_id for r in found[:5]]
        if len(set(names)) < len(names):
            # Ids of this server begin alike, or one task is known twice: ours tell them apart.
            names = [r.snapshot.id for r in found[:5]]
        some = ", ".join(names)
        raise JobNotFound(f"{shown!r} is in the id of more than one job ({some}). Give more of it.")

    def newest(self, limit: int = -1, offset: int = 0, *, only: Filter = EVERYTHING) -> list[Record]:
        """Jobs, newest first."""
        where, values = only.where()
        order = "ORDER BY created DESC, rowid DESC"
        # Inside, only the index is read: what a page skips costs nothing, however large its thumbnails are.
        page = f"SELECT rowid FROM jobs {where} {order} LIMIT ? OFFSET ?"  # noqa: S608 - the filter's own
        return self._select(f"WHERE rowid IN ({page}) {order}", (*values, limit, offset))

    def count(self, only: Filter = EVERYTHING) -> int:
        """How many jobs there are."""
        where, values = only.where()
        return int(self._rows(f"SELECT count(*) FROM jobs {where}", values)[0][0])  # noqa: S608 - the filter's own

    def costs(self, only: Filter = EVERYTHING) -> list[Snapshot]:
        """What each job costs, in no order: snapshots with state, cost, whether it was sent, and is play money.

        What many jobs cost alike is read once, and one snapshot stands for them as often as there are such jobs.
        """
        where, values = only.where()
        told = "status, bill, estimate, sandbox, coalesce(task_id, submitted) IS NOT NULL AS sent"
        rows = self._rows(
            f"SELECT {told}, count(*) AS jobs FROM jobs {where} "  # noqa: S608 - the filter's own
            "GROUP BY status, bill, estimate, sandbox, sent",
            values,
        )

        def alike(row: sqlite3.Row) -> list[Snapshot]:
            cost, sent = cost_of(row), 0.0 if row["sent"] else None
            snapshot = Snapshot(status=Status(row["status"]), cost=cost, submitted=sent, sandbox=bool(row["sandbox"]))
            return [snapshot] * int(row["jobs"])

        return [snapshot for some in _readable(alike, rows) for snapshot in some]

    def starred(self, job_id: str) -> bool:
        """Whether a job has a star."""
        return any(row["starred"] for row in self._rows("SELECT starred FROM jobs WHERE id = ?", (job_id,)))

    def star(self, job_id: str, *, on: bool) -> None:
        """Give a job a star, or take it back."""
        with self._transaction():
            self._connection.execute("UPDATE jobs SET starred = ? WHERE id = ?", (int(on), job_id))

    def forget(self, job_id: str, *, path: Path | None = None) -> str | None:
        """Wipe what a job was about; what it cost stays. Returns the digest of its first frame if no other job has it.

        ``path`` is where its file is now, if it was moved.

        The bytes are overwritten in the file, not only marked as free.
        """
        with self._transaction():
            row = self._connection.execute("SELECT frame FROM jobs WHERE id = ?", (job_id,)).fetchone()
            self._connection.execute(
                "UPDATE jobs SET prompt = '', thumbnail = NULL, frame = '', frame_label = '', request = '', "
                "message = '', note = '', said = '', forgotten = 1, path = coalesce(?, path) WHERE id = ?",
                (str(path) if path else None, job_id),
            )
            frame = str(row["frame"]) if row is not None else ""
            used = self._connection.execute("SELECT 1 FROM jobs WHERE frame = ? LIMIT 1", (frame,)).fetchone()
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)", ())
        return None if used is not None or not frame else frame

    def spent(self, buyer: str) -> Decimal:
        """USD that one process has spent: bills, and estimates where there is none yet; the sandbox's not counted."""
        rows = self._rows(
            "SELECT status, bill, estimate FROM jobs WHERE buyer = ? AND sandbox = 0 AND status != 'refused' "
            "AND (status != 'failed' OR bill IS NOT NULL)",
            (buyer,),
        )
        return sum((cost.amount for cost in _readable(cost_of, rows) if cost is not None), Decimal(0))

    def history(self, snapshot: Snapshot, *, limit: int = 50) -> list[float]:
        """How many seconds finished jobs like this one took, newest first; the sandbox's apart from real ones."""
        rows = self._rows(
            "SELECT took, params FROM jobs WHERE status = 'done' AND took > 0 AND model = ? AND sandbox = ? "
            "ORDER BY created DESC LIMIT ?",
            (snapshot.model, int(snapshot.sandbox), 20 * limit),
        )
        work = _work(snapshot.model, snapshot.params)

        def took(row: sqlite3.Row) -> float | None:
            return float(row["took"]) if _work(snapshot.model, json.loads(row["params"])) == work else None

        return [seconds for seconds in _readable(took, rows) if seconds is not None][:limit]

    def _add(self, record: Record, *, reuse: bool) -> Record | None:
        equal = self._bought(record) if reuse else None
        if equal is not None:
            return equal
        # Whoever watches it later, it is this process that has paid for it.
        names = (*FIXED, *CHANGING, "buyer")
        marks = ", ".join("?" * len(names))
        self._connection.execute(
            f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - the names are ours
            (*fixed(record), *changing(record.snapshot), record.owner),
        )
        return None

    def _bought(self, record: Record) -> Record | None:
        marks = ", ".join("?" * len(_BOUGHT))
        found = self._select(
            f"WHERE request = ? AND origin = ? AND account = ? AND status IN ({marks}) ORDER BY created DESC LIMIT 1",
            (record.request, record.origin, record.account, *map(str, _BOUGHT)),
        )
        return found[0] if found else None

    def _change(self, snapshot: Snapshot, only: str = "", *values: str | None) -> bool:
        columns = ", ".join(f"{name} = ?" for name in CHANGING)
        # What is done stays done, with its path: a file that was moved away and cannot be fetched again may come back.
        kept = "" if snapshot.status == Status.DONE else "AND status != 'done'"
        statement = f"UPDATE jobs SET {columns} WHERE id = ? {kept} {only}"  # noqa: S608 - the names are ours
        return self._connection.execute(statement, (*changing(snapshot), snapshot.id, *values)).rowcount == 1

    def _select(self, rest: str, values: Sequence[Any]) -> list[Record]:
        with suppress(LedgerError):
            self.flush()
        rows = self._rows(f"SELECT * FROM jobs {rest}", values)  # noqa: S608 - what is ours ends at the question marks
        found = _readable(from_row, rows)
        return [replace(r, snapshot=self._owed.get(r.snapshot.id, r.snapshot)) for r in found]

    def _rows(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        try:
            if self._writer == get_ident():
                return self._connection.execute(statement, values).fetchall()
            with self._reading:
                return self._reader.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeError) as problem:
            raise LedgerError(trouble(self.path, problem)) from None

    @contextmanager
    def _transaction(self, *, safe: bool = True) -> Iterator[None]:
        """One transaction, which begins with what is owed; with ``safe`` it outlives a power cut."""
        try:
            with self._lock:
                try:
                    if identity(self.path) != self._file:
                        raise FileNotFoundError(ENOENT, "another file is in its place")
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._writer = get_ident()
                    with self._owing:
                        owed = list(self._owed.values())
                    for snapshot in owed:
                        self._change(snapshot)
                    yield
                    self._connection.execute("COMMIT")
                    self._disk.committed()
                finally:
                    self._writer = None
                    # On a full disk SQLite has rolled back by itself.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                with self._owing:
                    for snapshot in owed:
                        # What it has become meanwhile is still owed.
                        if self._owed.get(snapshot.id) is snapshot:
                            del self._owed[snapshot.id]
            if safe:
                # With the lock free again: others write meanwhile.
                self._disk.harden()
        except (sqlite3.Error, UnicodeError, OSError) as problem:
            raise LedgerError(trouble(self.path, problem)) from None


def _readable(read: Callable[[sqlite3.Row], T], rows: Sequence[sqlite3.Row]) -> Iterator[T]:
    """What the rows say, without those that somebody has written who should not have: the others are still of use."""
    for row in rows:
        try:
            found = read(row)
        except (ValueError, TypeError, ArithmeticError):
            continue
        yield found


def _work(model: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how long a task takes: all parameters, given or not, except the random numbers' start."""
    defaults = {p.name: p.default for p in MODELS[model].options} if model in MODELS else {}
    return {name: value for name, value in {**defaults, **params}.items() if name != "seed"}
