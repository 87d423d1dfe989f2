"""The ledger: what was asked for, what became of it, and what it cost, in one SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from happyhorse_nb.models import Snapshot
from happyhorse_nb.store.questions import Questions
from happyhorse_nb.store.record import CHANGING, FIXED, Record, changing, fixed


class Ledger(Questions):
    """The jobs of all kernels on this machine: what they are is read and written down here, and nowhere else."""

    def add(self, record: Record, *, reuse: bool) -> Record | None:
        """Write a new job down, unless (with ``reuse``) an equal request is in the ledger: then that one is returned.

        Both in one transaction, so that two kernels that ask for the same at once buy it once.
        """
        return self.add_all([record], reuse=reuse)[0]

    def add_all(self, records: Sequence[Record], *, reuse: bool) -> list[Record | None]:
        """`add` for each of them, in one transaction: all are written down, or none.

        It outlives this process; a power cut only from the next `write` on, which comes before anything is paid for.
        """
        return self._transaction(lambda: [self._add(record, reuse=reuse) for record in records], safe=False)

    def update(self, snapshot: Snapshot) -> None:
        """Write down what a job has become."""
        self._transaction(lambda: self._change(snapshot))

    def write(self, claims: Sequence[tuple[Snapshot, str]] = ()) -> list[bool]:
        """Write down what is owed, and that these queued jobs are being sent by these owners: at once, on the disk.

        False for a job that is not queued any more, or not this owner's: whoever took its kernel for dead may have
        settled it, and bought it. Then it must not be sent.
        """
        return self._transaction(
            lambda: [self._change(job, "AND status = 'queued' AND owner IS ?", owner) for job, owner in claims]
        )

    def settle(self, snapshot: Snapshot, *, was: Record) -> bool:
        """Write down what became of a job that nobody works on; False when the row ``was`` has changed meanwhile."""
        return self._transaction(
            lambda: self._change(snapshot, "AND status = ? AND owner IS ?", str(was.snapshot.status), was.owner)
        )

    def own(self, job_id: str, owner: str, *, instead_of: str | None, buys: bool = False) -> bool:
        """Write down which process watches a job, ``instead_of`` the one that did; False when another was faster.

        ``buys``: it is also the one that pays for it, for the job was not sent yet; False when it was, or has ended.
        """

        def own() -> bool:
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

        return self._transaction(own)

    def attach(self, record: Record, *, was: Record, instead: Record | None, freed: Record | None) -> bool:
        """Write down that the user has given a job a task; False when the row ``was`` has changed meanwhile.

        ``instead`` is the row that this task alone had until now, and has no more; ``freed`` is a new row for the task
        that the job had before.
        """
        job, columns = record.snapshot, ", ".join(f"{name} = ?" for name in CHANGING)

        def attach() -> bool:
            changed = self._connection.execute(
                f"UPDATE jobs SET {columns}, attached = 1, owner = NULL "  # noqa: S608 - the names are ours
                "WHERE id = ? AND task_id IS ? AND status = ? AND owner IS ?",
                (*changing(job), job.id, was.snapshot.task_id, str(was.snapshot.status), was.owner),
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
        """From now on two keys of a server, by their fingerprints, are of one account, with all joined to them."""

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
        """Have tables and gallery leave these jobs out from ``now`` on (Unix seconds), or with None show them again."""
        marks = ", ".join("?" * len(job_ids))
        self._transaction(
            lambda: self._connection.execute(
                f"UPDATE jobs SET removed = ? WHERE id IN ({marks})",  # noqa: S608 - marks alone
                (now, *job_ids),
            )
        )

    def forget(self, job_id: str, *, path: Path | None = None) -> list[str]:
        """Wipe what a job was about; what it cost stays. Returns the sources of its inputs that no other job has.

        ``path`` is where its file is now, if it was moved. The bytes are overwritten in the file, not only marked as
        free.
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
        names = (*FIXED, *CHANGING)
        marks = ", ".join("?" * len(names))
        self._connection.execute(
            f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - the names are ours
            (*fixed(record), *changing(record.snapshot)),
        )
        for position, one in enumerate(record.inputs):
            self._connection.execute(
                "INSERT INTO inputs VALUES (?, ?, ?, ?, ?)",
                (record.snapshot.id, position, one.role, one.source, one.label),
            )
            if one.thumbnail is not None:
                self._connection.execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (one.source, one.thumbnail))
        return None
