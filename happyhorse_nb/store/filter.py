"""Which jobs are asked for: a filter that the ledger understands."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from happyhorse_nb.models import Status


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Jobs that fit all of it; what is left empty lets every job pass.

    ``status``: one of these states. ``text``: all of its words in the prompt, an id or the file's name, in capitals or
    not. ``since``: created at that instant (Unix seconds) or later. ``model``: a model's id. ``starred``: with a star,
    or without. ``forgotten``: what it was about is wiped, or is not. ``removed``: tables and gallery leave it out,
    or do not.
    """

    status: frozenset[Status] = frozenset()
    text: str = ""
    since: float | None = None
    model: str = ""
    starred: bool | None = None
    forgotten: bool | None = None
    removed: bool | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The SQL of it, from WHERE on, with its values; an empty text where every job passes."""
        parts: list[str] = []
        values: list[Any] = []
        if self.status:
            parts.append(f"status IN ({', '.join('?' * len(self.status))})")
            values += sorted(map(str, self.status))
        if self.since is not None:
            parts.append("created >= ?")
            values.append(self.since)
        if self.model:
            parts.append("model = ?")
            values.append(self.model)
        for column, wanted in (("starred", self.starred), ("forgotten", self.forgotten)):
            if wanted is not None:
                parts.append(f"{column} = ?")
                values.append(int(wanted))
        if self.removed is not None:
            parts.append(f"removed IS {'NOT ' if self.removed else ''}NULL")
        for word in self.text.split():
            # Not LIKE: to SQLite only ASCII's letters are the same in capitals.
            parts.append("instr(searched(prompt, id, task_id, path), ?) > 0")
            values.append(word.casefold())
        return (f"WHERE {' AND '.join(parts)}" if parts else ""), values


def of_account(origin: str, key: str) -> tuple[str, tuple[str, ...]]:
    """The SQL of what belongs to the account of a key's fingerprint, whichever of its keys made it; with its values."""
    keys = (
        "SELECT ? UNION SELECT theirs.key FROM joined AS ours JOIN joined AS theirs USING (origin, account) "
        "WHERE ours.origin = ? AND ours.key = ?"
    )
    return f"origin = ? AND account IN ({keys})", (origin, key, origin, key)


#: Every job.
EVERYTHING = Filter()
#: Those that a user still wants to see.
LISTED = Filter(forgotten=False, removed=False)
#: In which order jobs can be had, by its word; those that are alike in it stand newest first.
ORDERS = {
    "newest": "created DESC, rowid DESC",
    "oldest": "created, rowid",
    "cost": "charge DESC, created DESC, rowid DESC",
    "prompt": "prompt COLLATE NOCASE, created DESC, rowid DESC",
    "state": "status, created DESC, rowid DESC",
    "starred": "starred DESC, created DESC, rowid DESC",
}
#: What a job costs, as `Snapshot.charge` has it, to put jobs in order by it.
CHARGE = (
    "CASE WHEN (status IN ('cancelled', 'refused', 'failed') AND bill IS NULL) OR (status = 'stopped' AND "
    "task_id IS NULL AND submitted IS NULL) THEN 0 ELSE CAST(coalesce(bill, estimate, 0) AS REAL) END"
)


def teach(connection: sqlite3.Connection) -> None:
    """Give a connection the function that our SQL calls."""
    connection.create_function("searched", 4, _searched, deterministic=True)


def _searched(prompt: str, job_id: str, task_id: str | None, path: str | None) -> str:
    """What a search looks through. Of a path only the file's name: its folders are those of many others."""
    return "\n".join((prompt, job_id, task_id or "", PurePath(path or "").name)).casefold()
