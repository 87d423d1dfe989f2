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
    or without. ``forgotten``: what it was about is wiped, or is not.
    """

    status: frozenset[Status] = frozenset()
    text: str = ""
    since: float | None = None
    model: str = ""
    starred: bool | None = None
    forgotten: bool | None = None

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


def teach(connection: sqlite3.Connection) -> None:
    """Give a connection the function that a filter's SQL calls."""
    connection.create_function("searched", 4, _searched, deterministic=True)


def _searched(prompt: str, job_id: str, task_id: str | None, path: str | None) -> str:
    """What a search looks through. Of a path only the file's name: its folders are those of many others."""
    return "\n".join((prompt, job_id, task_id or "", PurePath(path or "").name)).casefold()
