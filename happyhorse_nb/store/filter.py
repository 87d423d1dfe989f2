"""Filters and orders of jobs, as SQL."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from happyhorse_nb.models import Status


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Jobs that meet all conditions; an empty one is met by every job.

    ``status``: one of these. ``text``: all of its words are in the prompt, an id or the file's name, whatever their
    case. ``since``: created then (Unix seconds) or later. ``model``: a model's id. ``starred``: with or without a star.
    ``forgotten``: wiped or not. ``removed``: left out of tables and gallery, or not.
    """

    status: frozenset[Status] = frozenset()
    text: str = ""
    since: float | None = None
    model: str = ""
    starred: bool | None = None
    forgotten: bool | None = None
    removed: bool | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Its SQL from WHERE on, with the values; an empty text for every job."""
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
            # Not LIKE, for which only ASCII letters have two cases.
            parts.append("instr(searched(prompt, id, task_id, path), ?) > 0")
            values.append(word.casefold())
        return (f"WHERE {' AND '.join(parts)}" if parts else ""), values


def of_account(origin: str, key: str) -> tuple[str, tuple[str, ...]]:
    """The SQL, with its values, for what belongs to a key's account, whichever of its keys made it."""
    keys = (
        "SELECT ? UNION SELECT theirs.key FROM joined AS ours JOIN joined AS theirs USING (origin, account) "
        "WHERE ours.origin = ? AND ours.key = ?"
    )
    return f"origin = ? AND account IN ({keys})", (origin, key, origin, key)


#: Every job.
EVERYTHING = Filter()
#: Jobs that a user still wants to see.
LISTED = Filter(forgotten=False, removed=False)
#: The orders of jobs by name; equal ones stand newest first.
ORDERS = {
    "newest": "created DESC, rowid DESC",
    "oldest": "created, rowid",
    "cost": "charge DESC, created DESC, rowid DESC",
    "prompt": "prompt COLLATE NOCASE, created DESC, rowid DESC",
    "state": "status, created DESC, rowid DESC",
    "starred": "starred DESC, created DESC, rowid DESC",
}
#: `Snapshot.charge` in SQL, to sort by it.
CHARGE = (
    "CASE WHEN (status IN ('cancelled', 'refused', 'failed') AND bill IS NULL) OR (status = 'stopped' AND "
    "task_id IS NULL AND submitted IS NULL) THEN 0 ELSE CAST(coalesce(bill, estimate, 0) AS REAL) END"
)


def teach(connection: sqlite3.Connection) -> None:
    """Give a connection the function that our SQL calls."""
    connection.create_function("searched", 4, _searched, deterministic=True)


def _searched(prompt: str, job_id: str, task_id: str | None, path: str | None) -> str:
    """The text that a search looks through. Of a path only the file's name: many share its folders."""
    return "\n".join((prompt, job_id, task_id or "", PurePath(path or "").name)).casefold()
