"""The ledger: what was asked for, what became of it, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.store.record import Record, changing, fixed
from happyhorse_nb.store.uploads import Uploads


class Ledger(Uploads):
    """The jobs of all kernels on this machine, in one SQLite file."""

    def add(self, record: Record, *, reuse: bool) -> Record | None:
        """Write a new job down, unless (with ``reuse``) an equal request is in the ledger: then return that one.

        In one transaction, so that two kernels that ask for the same at once buy it once.
        """
        return self.add_all([record], reuse=reuse)[0]

    def add_all(self, records: Sequence[Record], *, reuse: bool) -> list[Record | None]:
        """`add` for all of them or none, in one transaction.

        It survives this process; a power cut only after the next `write`, which comes before anything is paid for.
        """
        return self._transaction(lambda: [self._add(record, reuse=reuse) for record in records], safe=False)

    def update(self, snapshot: Snapshot) -> None:
        """Write down what a job has become."""
        self._transaction(lambda: self._change(snapshot))

    def write(self, claims: Sequence[tuple[Snapshot, str]] = ()) -> list[bool]:
        """Write down what is owed, and that these queued jobs are being sent by these owners; on the disk.

        False for a job that is no longer queued or no longer this owner's, because somebody took its kernel for dead:
        it must not be sent.
        """
        return self._transaction(
            lambda: [self._change(job, "AND status = 'queued' AND owner IS ?", owner) for job, owner in claims]
        )

    def settle(self, snapshot: Snapshot, *, was: Record) -> bool:
        """Write down what became of a job that nobody works on; False when the row ``was`` has changed since."""
        return self._transaction(
            lambda: self._change(snapshot, "AND status = ? AND owner IS ?", str(was.snapshot.status), was.owner)
        )

    def own(self, was: Record, owner: str, *, now: Snapshot | None = None) -> bool:
        """Write down which process watches a job, and that it is ``now`` like this; False when the row ``was`` has
        changed since, as another process was first. For a job that is still queued, that process also pays. A done one
        stays so, as in `update`."""
        columns = {"owner": owner}
        if now is not None and was.snapshot.status != Status.DONE:
            columns |= changing(now)
        if was.snapshot.status == Status.QUEUED:
            columns["buyer"] = owner
        # The state too: a stopped job still has its owner, and one that has taken it up since is at work on it.
        statement = (
            f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in columns)} "  # noqa: S608 - the names are ours
            "WHERE id = ? AND owner IS ? AND status = ?"
        )
        values = (*columns.values(), was.snapshot.id, was.owner, str(was.snapshot.status))
        return self._transaction(lambda: self._connection.execute(statement, values).rowcount == 1)

    def attach(self, record: Record, *, was: Record, instead: Record | None, freed: Record | None) -> bool:
        """Write down that the user has given a job a task; False when the row ``was`` has changed since.

        ``instead`` is the row that the task had alone until now, which is deleted; ``freed`` is a new row for the job's
        former task.
        """
        job, columns = record.snapshot, changing(record.snapshot)

        def attach() -> bool:
            changed = self._connection.execute(
                f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in columns)}, attached = 1, owner = NULL "  # noqa: S608 - the names are ours
                "WHERE id = ? AND task_id IS ? AND status = ? AND owner IS ?",
                (*columns.values(), job.id, was.snapshot.task_id, str(was.snapshot.status), was.owner),
            )
            if changed.rowcount == 1:
                if instead is not None:
                    self._connection.execute("DELETE FROM jobs WHERE id = ?", (instead.snapshot.id,))
                    self._connection.execute("DELETE FROM inputs WHERE job = ?", (instead.snapshot.id,))
                if freed is not None:
                    self._add(freed, reuse=False)
            return changed.rowcount == 1

        return self._transaction(attach)

    def join(self, origin: str, key: str, other: str) -> None:
        """Join two keys of a server, by their fingerprints, and all keys joined to either, into one account."""

        def join() -> None:
            one, two = self.account(origin, key), self.account(origin, other)
            for name, account in ((key, one), (other, two)):
                self._connection.execute("INSERT OR IGNORE INTO joined VALUES (?, ?, ?)", (origin, name, account))
            self._connection.execute(
                "UPDATE joined SET account = ? WHERE origin = ? AND account = ?", (one, origin, two)
            )

        self._transaction(join)

    def star(self, job_id: str, *, on: bool) -> None:
        """Give a job a star, or take it back."""
        self._transaction(
            lambda: self._connection.execute("UPDATE jobs SET starred = ? WHERE id = ?", (int(on), job_id))
        )

    def remove(self, job_ids: Sequence[str], *, now: float | None) -> None:
        """Leave these jobs out of tables and gallery from ``now`` on (Unix seconds), or with None show them again."""
        marks = ", ".join("?" * len(job_ids))
        self._transaction(
            lambda: self._connection.execute(
                f"UPDATE jobs SET removed = ? WHERE id IN ({marks})",  # noqa: S608 - marks alone
                (now, *job_ids),
            )
        )

    def forget(self, job_id: str, *, path: Path | None = None) -> list[str]:
        """Wipe what a job was about; its cost stays. Returns the sources of its inputs that no other job has.

        ``path`` is where its file is now, if it was moved. The bytes are overwritten in the file.
        """

        def forget() -> list[str]:
            self._connection.execute(
                "UPDATE jobs SET prompt = '', request = '', message = '', note = '', said = '', forgotten = 1, "
                "path = coalesce(?, path) WHERE id = ?",
                (str(path) if path else None, job_id),
            )
            rows = self._connection.execute("DELETE FROM inputs WHERE job = ? RETURNING source", (job_id,)).fetchall()
            free = [
                source
                for source in dict.fromkeys(str(row["source"]) for row in rows)
                if not self._connection.execute("SELECT 1 FROM inputs WHERE source = ?", (source,)).fetchone()
            ]
            self._connection.executemany("DELETE FROM thumbnails WHERE source = ?", [(source,) for source in free])
            return free

        free = self._transaction(forget)
        self._wipe()
        return free

    def _add(self, record: Record, *, reuse: bool) -> Record | None:
        equal = self.equal(record) if reuse else None
        if equal is not None:
            return equal
        columns = {**fixed(record), **changing(record.snapshot)}
        self._connection.execute(
            f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608 - ours
            tuple(columns.values()),
        )
        for position, one in enumerate(record.inputs):
            self._connection.execute(
                "INSERT INTO inputs (job, position, role, source, label, seconds) VALUES (?, ?, ?, ?, ?, ?)",
                (record.snapshot.id, position, one.role, one.source, one.label, one.seconds),
            )
            if one.thumbnail is not None:
                self._connection.execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (one.source, one.thumbnail))
        return None
