"""One row of the ledger: a job as it is stored."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from happyhorse_nb.models import Cost, Snapshot, Status

#: What the source of a job's video begins with, before the job's id.
JOB = "job:"


@dataclass(frozen=True)
class StoredInput:
    """An input of a stored job: its role's name; its URL, the digest of its bytes, or ``job:`` and the id of the job
    whose video it is; its name, a small picture, and the length of a video, if known (seconds)."""

    role: str
    source: str
    label: str = ""
    thumbnail: bytes | None = None
    seconds: float | None = None

    @property
    def address(self) -> bool:
        """Whether it is a URL, whose bytes are not stored."""
        return self.source.partition(":")[0].lower() in ("http", "https")

    @property
    def job(self) -> str:
        """The id of the job whose video it is; empty for any other input."""
        return self.source.removeprefix(JOB) if self.source.startswith(JOB) else ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A job's last snapshot, and what else another kernel needs to go on with it.

    ``origin`` and ``account`` (a fingerprint, never the key) say where it may be asked about; ``request`` is the digest
    of model, prompt, inputs and all parameters but the seed; ``owner`` names the live process that watches it;
    ``inputs`` are empty where they are forgotten or unknown; ``target`` is the folder or file for the video.
    """

    snapshot: Snapshot
    origin: str
    account: str
    request: str
    target: Path
    inputs: tuple[StoredInput, ...] = ()
    owner: str | None = None
    starred: bool = False
    forgotten: bool = False
    #: Whether tables and gallery leave it out.
    removed: bool = False
    #: Whether the user has named its task.
    attached: bool = False
    #: 0 where its seed was asked for; where it was drawn, which of several takes it is, from 1 on.
    take: int = 1
    #: Whether a task's id was just typed, and the server has not answered about it yet. Not in the ledger.
    typed: bool = field(default=False, compare=False)
    #: Whether its video was here and its file is gone; its row stays done, as the file may be back. Not in the ledger.
    lost: bool = field(default=False, compare=False)

    @property
    def frame(self) -> str:
        """The source of the first input; empty without one."""
        return self.inputs[0].source if self.inputs else ""

    @property
    def sources(self) -> str:
        """The sources of all inputs, a line each."""
        return "\n".join(one.source for one in self.inputs)

    @property
    def frame_label(self) -> str:
        """The name of the first input."""
        return self.inputs[0].label if self.inputs else ""

    @property
    def thumbnail(self) -> bytes | None:
        """A small picture of the first input that has one."""
        return next((one.thumbnail for one in self.inputs if one.thumbnail is not None), None)

    @property
    def made(self) -> bool:
        """Whether its video is made, and on disk."""
        now = self.snapshot
        return now.status == Status.DONE and now.path is not None and now.path.exists()


#: The columns with values that are the snapshot's own.
_AS_IT_IS = ("task_id", "submitted", "ended", "took", "expires_at", "width", "height", "size")

#: Whether an earlier request, by when it was accepted, was given the same task and so counts its cost.
SHARED = (
    "EXISTS (SELECT 1 FROM jobs AS other WHERE other.task_id = jobs.task_id AND other.origin = jobs.origin "
    "AND other.status NOT IN ('refused', 'failed') AND (coalesce(other.submitted, other.created), other.rowid) "
    "< (coalesce(jobs.submitted, jobs.created), jobs.rowid))"
)


def changing(snapshot: Snapshot) -> dict[str, Any]:
    """The columns that are written at every change of state, without the signed link, which is a secret."""
    cost = snapshot.cost
    words = {name: _storable(getattr(snapshot, name)) for name in ("said", "message", "remedy", "note")}
    same = {name: getattr(snapshot, name) for name in _AS_IT_IS}
    return {
        "status": str(snapshot.status),
        **words,
        **same,
        "estimate": str(cost.amount) if cost and not cost.billed else None,
        "bill": str(cost.amount) if cost and cost.billed else None,
        "path": str(snapshot.path) if snapshot.path else None,
    }


def _storable(words: str) -> str:
    """Half a character, as in the name of a broken file, cannot be stored, and must not keep the rest from it."""
    return words.encode("utf-8", "replace").decode()


def fixed(record: Record) -> dict[str, Any]:
    """The columns that are written once."""
    snapshot = record.snapshot
    return {
        "id": snapshot.id,
        "created": snapshot.created,
        "origin": record.origin,
        "account": record.account,
        "sandbox": int(snapshot.sandbox),
        "request": record.request,
        "take": record.take,
        "owner": record.owner,
        # It pays, whoever watches the job later.
        "buyer": record.owner,
        "model": snapshot.model,
        "prompt": snapshot.prompt,
        "params": json.dumps(dict(snapshot.params)),
        "target": str(record.target),
    }


def cost_of(row: sqlite3.Row) -> Cost | None:
    """The bill of a row, else the estimate."""
    bill, estimate = row["bill"], row["estimate"]
    return Cost(Decimal(bill), billed=True) if bill else Cost(Decimal(estimate)) if estimate else None


def from_row(row: sqlite3.Row) -> Record:
    """A row as a record, without its inputs."""
    same = ("id", "model", "prompt", "said", "message", "remedy", "note", "created", *_AS_IT_IS)
    snapshot = Snapshot(
        status=Status(row["status"]),
        params=json.loads(row["params"]),
        cost=cost_of(row),
        path=Path(row["path"]) if row["path"] else None,
        sandbox=bool(row["sandbox"]),
        shared=bool(row["shared"]),
        **{name: row[name] for name in same},
    )
    return Record(
        snapshot=snapshot,
        origin=row["origin"],
        account=row["account"],
        request=row["request"],
        owner=row["owner"],
        target=Path(row["target"]),
        starred=bool(row["starred"]),
        forgotten=bool(row["forgotten"]),
        removed=row["removed"] is not None,
        attached=bool(row["attached"]),
        take=row["take"],
    )
