"""One row of the ledger: a job as it is remembered."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from happyhorse_nb.models import Cost, Snapshot, Status


@dataclass(frozen=True)
class Kept:
    """An input of a job as it is kept: the name of its role, its URL or the digest under which its bytes are kept, what
    it is called, and a small picture."""

    role: str
    source: str
    label: str = ""
    thumbnail: bytes | None = None

    @property
    def address(self) -> bool:
        """Whether it is an address, of which nothing is kept."""
        return self.source.partition(":")[0].lower() in ("http", "https")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A job's last snapshot, and what else it takes to go on with it in another kernel.

    ``origin`` and ``account`` (a fingerprint, never the key) say where it may be asked about; ``request`` is the digest
    of model, prompt, inputs and all parameters but the seed; ``owner`` names the live process that watches it;
    ``inputs`` are empty where they are forgotten, or were never known here; ``target`` is the folder or file the video
    goes to.
    """

    snapshot: Snapshot
    origin: str
    account: str
    request: str
    target: Path
    inputs: tuple[Kept, ...] = ()
    owner: str | None = None
    starred: bool = False
    forgotten: bool = False
    #: Whether tables and gallery leave it out.
    removed: bool = False
    #: Whether the user has said which task is its.
    attached: bool = False
    #: 0 where its seed was asked for; where it was drawn here, which of several takes it is, from 1 on.
    take: int = 1
    #: Whether all that is known of its task is an id that was typed just now: the server has not answered for it yet.
    #: Not in the ledger.
    typed: bool = field(default=False, compare=False)

    @property
    def frame(self) -> str:
        """The source of the first input, of image to video the first frame; empty without one."""
        return self.inputs[0].source if self.inputs else ""

    @property
    def sources(self) -> str:
        """The sources of all inputs, a line each: jobs that were made from the same have them in common."""
        return "\n".join(one.source for one in self.inputs)

    @property
    def frame_label(self) -> str:
        """What the first input is called."""
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


#: The columns that follow a job's snapshot, written at every change of state.
CHANGING = (
    "status", "task_id", "said", "message", "remedy", "note", "submitted", "ended", "took", "estimate", "bill",
    "expires_at", "width", "height", "path", "size",
)  # fmt: skip
FIXED = (
    "id", "created", "origin", "account", "sandbox", "request", "take", "owner", "buyer", "model", "prompt", "params",
    "target",
)  # fmt: skip


#: Whether an earlier request was given the same task, and so counts what it costs. Earlier by when they were accepted.
SHARED = (
    "EXISTS (SELECT 1 FROM jobs AS other WHERE other.task_id = jobs.task_id AND other.origin = jobs.origin "
    "AND other.status NOT IN ('refused', 'failed') AND (coalesce(other.submitted, other.created), other.rowid) "
    "< (coalesce(jobs.submitted, jobs.created), jobs.rowid))"
)


def changing(snapshot: Snapshot) -> tuple[Any, ...]:
    """The values of the columns in `CHANGING`. The signed link is not among them: it is a secret, and is read anew."""
    cost = snapshot.cost
    return (
        str(snapshot.status),
        snapshot.task_id,
        *(_storable(words) for words in (snapshot.said, snapshot.message, snapshot.remedy, snapshot.note)),
        snapshot.submitted,
        snapshot.ended,
        snapshot.took,
        str(cost.amount) if cost and not cost.billed else None,
        str(cost.amount) if cost and cost.billed else None,
        snapshot.expires_at,
        snapshot.width,
        snapshot.height,
        str(snapshot.path) if snapshot.path else None,
        snapshot.size,
    )


def _storable(words: str) -> str:
    """Half a character, as in the name of a broken file, cannot be written down, and must not hold back the others."""
    return words.encode("utf-8", "replace").decode()


def fixed(record: Record) -> tuple[Any, ...]:
    """The values of the columns in `FIXED`."""
    snapshot = record.snapshot
    return (
        snapshot.id,
        snapshot.created,
        record.origin,
        record.account,
        int(snapshot.sandbox),
        record.request,
        record.take,
        # Whoever watches it later, this process has paid for it.
        record.owner,
        record.owner,
        snapshot.model,
        snapshot.prompt,
        json.dumps(dict(snapshot.params)),
        str(record.target),
    )


def cost_of(row: sqlite3.Row) -> Cost | None:
    """The bill of a row, else the estimate."""
    bill, estimate = row["bill"], row["estimate"]
    return Cost(Decimal(bill), billed=True) if bill else Cost(Decimal(estimate)) if estimate else None


def from_row(row: sqlite3.Row) -> Record:
    """A row as a record, without its inputs."""
    snapshot = Snapshot(
        status=Status(row["status"]),
        id=row["id"],
        task_id=row["task_id"],
        model=row["model"],
        prompt=row["prompt"],
        params=json.loads(row["params"]),
        said=row["said"],
        message=row["message"],
        remedy=row["remedy"],
        note=row["note"],
        created=row["created"],
        submitted=row["submitted"],
        ended=row["ended"],
        took=row["took"],
        cost=cost_of(row),
        expires_at=row["expires_at"],
        width=row["width"],
        height=row["height"],
        path=Path(row["path"]) if row["path"] else None,
        size=row["size"],
        sandbox=bool(row["sandbox"]),
        shared=bool(row["shared"]),
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
