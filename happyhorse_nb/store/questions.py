"""What the ledger is asked: which jobs there are, what they cost and how long they took."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from happyhorse_nb.errors import InvalidRequest, JobNotFound
from happyhorse_nb.models import MODELS, Snapshot, Status
from happyhorse_nb.store.filter import CHARGE, EVERYTHING, ORDERS, Filter, of_account
from happyhorse_nb.store.journal import Journal, readable
from happyhorse_nb.store.record import SHARED, Record, cost_of

#: A request equal to a job in one of these states is not bought again; a stopped one still has its task. For an expired
#: one the server is asked once more (`expired`), then it is bought.
_BOUGHT = (
    Status.DONE, Status.QUEUED, Status.SUBMITTING, Status.PENDING, Status.PROCESSING, Status.DOWNLOADING,
    Status.UNKNOWN, Status.STOPPED,
)  # fmt: skip
#: Word for word as in the index, which is not used otherwise.
_UNFINISHED = "status IN ('queued', 'submitting', 'pending', 'processing', 'downloading', 'stopped')"
_LISTED = "`%happyhorse jobs` lists them."
#: How many letters of a fingerprint name a key.
LETTERS = 6
#: `SHARED` for many jobs at once: it looks only at the few tasks that are there twice.
_SHARED = (
    "rowid IN (SELECT rowid FROM jobs WHERE task_id IN (SELECT task_id FROM jobs WHERE task_id IS NOT NULL "  # noqa: S608 - ours
    f"GROUP BY task_id HAVING count(*) > 1) AND {SHARED})"
)
_OLDEST = "min(CASE WHEN status = 'queued' THEN created END)"


@dataclass(frozen=True)
class Key:
    """A key that jobs were made with, by its fingerprint: its server, its account (the fingerprint of one of that
    account's keys), and when it was last used (Unix seconds)."""

    origin: str
    fingerprint: str
    account: str
    last: float

    @property
    def letters(self) -> str:
        """The first letters, which name it."""
        return self.fingerprint[:LETTERS]

    def __str__(self) -> str:
        return f"{self.letters}, last used {time.strftime('%Y-%m-%d %H:%M', time.localtime(self.last))}"


@dataclass(frozen=True)
class Take:
    """A job and its number, from 1 on, among the ``of`` jobs with the same request."""

    record: Record
    number: int = 1
    of: int = 1


class Questions(Journal):
    """Reads the ledger. What is still to be written counts as written."""

    def equal(self, record: Record) -> Record | None:
        """The newest job that an equal request has made, is making, or may have made.

        It is of the same account, or of another key of the same server with its video on disk. Raises `InvalidRequest`
        where another key's has no video: if that key is of the same account, it would be paid for twice.
        """
        marks = ", ".join("?" * len(_BOUGHT))
        ours, who = of_account(record.origin, record.account)
        asked, alike = _asks_for(record)
        bought = f"WHERE {asked} AND origin = ? AND status IN ({marks})"
        values = (*alike, record.origin, *map(str, _BOUGHT))
        for found in self._select(f"{bought} AND {ours} ORDER BY created DESC LIMIT 1", (*values, *who)):
            return found
        theirs = self._select(f"{bought} AND NOT ({ours}) ORDER BY created DESC", (*values, *who))
        made = next((other for other in theirs if other.made), None)
        if theirs and made is None:
            raise self._made_with_another_key(theirs[0])
        return made

    def _made_with_another_key(self, equal: Record) -> InvalidRequest:
        now = equal.snapshot
        key = next(key for key in self.keys() if (key.origin, key.fingerprint) == (equal.origin, equal.account))
        state = "done, its file gone," if now.status == Status.DONE else str(now.status)
        return InvalidRequest(
            f"an equal request is {state} as {now.short_id}, under another key of this server ({key})",
            remedy=f"Is that key of this account? `%happyhorse login --same-account {key.letters}` joins its jobs to "
            "it. Else `--again` buys another video.",
            param="again",
        )

    def keys(self) -> list[Key]:
        """The keys that jobs were made with, the last used first."""
        rows = self._rows(
            "SELECT jobs.origin, jobs.account AS key, coalesce(joined.account, jobs.account) AS account, "
            "max(jobs.created) AS last FROM jobs LEFT JOIN joined ON joined.origin = jobs.origin AND "
            "joined.key = jobs.account GROUP BY jobs.origin, jobs.account ORDER BY last DESC",
            (),
        )
        return [Key(row["origin"], row["key"], row["account"], row["last"]) for row in rows]

    def account(self, origin: str, key: str) -> str:
        """The account of a key, by the fingerprint of one of its keys."""
        rows = self._rows("SELECT account FROM joined WHERE origin = ? AND key = ?", (origin, key))
        return str(rows[0]["account"]) if rows else key

    def keys_of(self, origin: str, key: str) -> frozenset[str]:
        """The fingerprints of all keys of a key's account, this one included."""
        rows = self._rows(
            "SELECT key FROM joined WHERE origin = ? AND account = ?", (origin, self.account(origin, key))
        )
        return frozenset({key, *(str(row["key"]) for row in rows)})

    def expired(self, record: Record) -> Record | None:
        """The newest job of the account with an equal request whose task the server no longer knew."""
        asked, alike = _asks_for(record)
        ours, who = of_account(record.origin, record.account)
        return self._one(
            f"WHERE {asked} AND {ours} AND status = 'expired' AND task_id IS NOT NULL ORDER BY created DESC LIMIT 1",
            (*alike, *who),
        )

    def get(self, job_id: str) -> Record | None:
        """The job of that id."""
        return self._one("WHERE id = ?", (job_id,))

    def look_at(self, job_id: str) -> Record | None:
        """`get` without waiting for writers, for those who look again and again."""
        return next(iter(self._read("WHERE id = ?", (job_id,))), None)

    def of_task(self, task_id: str, origin: str) -> Record | None:
        """The job of that task on that server."""
        return self._one("WHERE task_id = ? AND origin = ?", (task_id, origin))

    def _one(self, rest: str, values: Sequence[Any]) -> Record | None:
        return next(iter(self._select(rest, values)), None)

    def sharer(self, job_id: str) -> Record | None:
        """The earliest other job with this one's task, unless this one is the earliest."""
        found = self._read(
            "WHERE rowid IN (SELECT other.rowid FROM jobs, jobs AS other WHERE jobs.id = ? AND other.id != jobs.id "  # noqa: S608 - ours
            f"AND other.task_id = jobs.task_id AND other.origin = jobs.origin AND {SHARED}) "
            "ORDER BY coalesce(submitted, created), rowid LIMIT 1",
            (job_id,),
        )
        return next(iter(found), None)

    def unfinished(self, origin: str, account: str) -> list[Record]:
        """The jobs of an account whose task may still give a video, oldest first."""
        ours, who = of_account(origin, account)
        return self._select(f"WHERE {_UNFINISHED} AND {ours} ORDER BY created, rowid", who)

    def busy(self, origin: str, account: str, *, but: str) -> list[sqlite3.Row]:
        """For each ``owner`` other than ``but``: how many tasks are ``running`` on an account, and when the ``oldest``
        queued job was created."""
        ours, who = of_account(origin, account)
        return self._rows(
            f"SELECT owner, sum(status != 'queued') AS running, {_OLDEST} AS oldest FROM jobs WHERE {_UNFINISHED} "  # noqa: S608 - ours
            f"AND status NOT IN ('downloading', 'stopped') AND {ours} AND owner IS NOT ? GROUP BY owner",
            (*who, but),
        )

    def unknown(self, origin: str, account: str) -> list[Record]:
        """The jobs of an account of which it is not known whether the server accepted them."""
        ours, who = of_account(origin, account)
        return self._select(f"WHERE {ours} AND status = 'unknown' AND task_id IS NULL ORDER BY created DESC", who)

    def interrupted(self, *, since: float) -> list[Record]:
        """The jobs created since then (Unix seconds) that were on their way when they were last written."""
        return self._select(
            f"WHERE {_UNFINISHED} AND status NOT IN ('submitting', 'stopped') AND (status = 'queued' OR task_id IS NOT "
            "NULL) AND created >= ?",
            (since,),
        )

    def find(self, piece: str) -> Record:
        """The one job whose id or task id contains the piece. Raises `JobNotFound` for none, or for more than one."""
        found = self.known(piece)
        if found is None:
            raise JobNotFound(f"no job has {_shown(piece)} in its id", remedy=_LISTED)
        return found

    def known(self, piece: str) -> Record | None:
        """The one job whose id or task id contains the piece, None for none. Raises `JobNotFound` for more than one."""
        piece = piece.strip()
        if not piece:
            raise JobNotFound("no piece of an id is given", remedy=_LISTED)
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
            return None
        names = [r.snapshot.short_id for r in found[:5]]
        if len(set(names)) < len(names):
            # Some servers' ids begin alike, and a task may be known twice; our ids tell jobs apart.
            names = [r.snapshot.id for r in found[:5]]
        some = ", ".join(names)
        raise JobNotFound(f"{_shown(piece)} is in the id of more than one job ({some})", remedy="Give more of it.")

    def newest(
        self, limit: int = -1, offset: int = 0, *, only: Filter = EVERYTHING, order: str = "newest"
    ) -> list[Record]:
        """Jobs, newest first, or in another of `ORDERS`."""
        where, values = only.where()
        by = f"ORDER BY {ORDERS[order].replace('charge', CHARGE)}"
        # The inner query reads the index only, so skipping many jobs is cheap.
        page = f"SELECT rowid FROM jobs {where} {by} LIMIT ? OFFSET ?"  # noqa: S608 - the filter's own
        return self._select(f"WHERE rowid IN ({page}) {by}", (*values, limit, offset))

    def together(self, limit: int = -1, offset: int = 0, *, only: Filter = EVERYTHING) -> list[Take]:
        """Jobs, newest first; those that differ only in their seeds stand together, in the order they were made."""
        where, values = only.where()
        same = "CASE WHEN request = '' THEN id ELSE request END"
        rows = self._rows(
            "SELECT id, row_number() OVER (PARTITION BY same ORDER BY created, number) AS nth, "  # noqa: S608 - ours
            "count(*) OVER (PARTITION BY same) AS several, max(created) OVER (PARTITION BY same) AS last "
            f"FROM (SELECT id, created, rowid AS number, {same} AS same FROM jobs {where}) "
            "ORDER BY last DESC, same, nth LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        marks = ", ".join("?" * len(rows))
        found = {r.snapshot.id: r for r in self._select(f"WHERE id IN ({marks})", [row["id"] for row in rows])}
        return [Take(found[row["id"]], row["nth"], row["several"]) for row in rows if row["id"] in found]

    def count(self, only: Filter = EVERYTHING) -> int:
        """How many jobs there are."""
        where, values = only.where()
        return int(self._rows(f"SELECT count(*) FROM jobs {where}", values)[0][0])  # noqa: S608 - the filter's own

    def costs(self, only: Filter = EVERYTHING) -> list[Snapshot]:
        """What each job costs, in no order: snapshots with state, cost, whether it was sent, and is play money.

        Jobs with equal costs are read as one row and returned as one snapshot, repeated.
        """
        where, values = only.where()
        told = f"status, bill, estimate, sandbox, coalesce(task_id, submitted) IS NOT NULL AS sent, {_SHARED} AS shared"
        rows = self._rows(
            f"SELECT {told}, count(*) AS jobs FROM jobs {where} "  # noqa: S608 - the filter's own
            "GROUP BY status, bill, estimate, sandbox, sent, shared",
            values,
        )

        def alike(row: sqlite3.Row) -> list[Snapshot]:
            snapshot = Snapshot(
                status=Status(row["status"]),
                cost=cost_of(row),
                submitted=0.0 if row["sent"] else None,
                sandbox=bool(row["sandbox"]),
                shared=bool(row["shared"]),
            )
            return [snapshot] * int(row["jobs"])

        return [snapshot for some in readable(alike, rows) for snapshot in some]

    def removed_last(self) -> list[Record]:
        """The jobs that were removed last, together."""
        return self._select("WHERE removed = (SELECT max(removed) FROM jobs WHERE forgotten = 0) AND forgotten = 0", ())

    def starred(self, job_id: str) -> bool:
        """Whether a job has a star."""
        return any(row["starred"] for row in self._rows("SELECT starred FROM jobs WHERE id = ?", (job_id,)))

    def spent(self, buyer: str, *, sandbox: bool = False) -> Decimal:
        """USD of play money (``sandbox``) or real money that one process has spent: bills, else estimates."""
        rows = self._rows(
            "SELECT status, bill, estimate FROM jobs WHERE buyer = ? AND sandbox = ? AND "  # noqa: S608 - ours
            f"status NOT IN ('cancelled', 'refused') AND (status != 'failed' OR bill IS NOT NULL) AND NOT {_SHARED}",
            (buyer, int(sandbox)),
        )
        return sum((cost.amount for cost in readable(cost_of, rows) if cost is not None), Decimal(0))

    def history(self, snapshot: Snapshot, *, limit: int = 50) -> list[float]:
        """Seconds that finished jobs like this one took, newest first; the sandbox's apart from real ones."""
        rows = self._rows(
            "SELECT took, params FROM jobs WHERE status = 'done' AND took > 0 AND model = ? AND sandbox = ? "
            "ORDER BY created DESC LIMIT ?",
            (snapshot.model, int(snapshot.sandbox), 20 * limit),
        )
        work = _work(snapshot.model, snapshot.params)

        def took(row: sqlite3.Row) -> float | None:
            return float(row["took"]) if _work(snapshot.model, json.loads(row["params"])) == work else None

        return [seconds for seconds in readable(took, rows) if seconds is not None][:limit]

    def times(self, model: str, *, sandbox: bool, limit: int = 50) -> list[float]:
        """Seconds that the last finished jobs of a model took, whatever their parameters; the sandbox's apart."""
        rows = self._rows(
            "SELECT took FROM jobs WHERE status = 'done' AND took > 0 AND model = ? AND sandbox = ? "
            "ORDER BY created DESC LIMIT ?",
            (model, int(sandbox), limit),
        )
        return list(readable(lambda row: float(row["took"]), rows))


def _asks_for(record: Record) -> tuple[str, tuple[Any, ...]]:
    """The SQL, with its values, for jobs whose request equals that one.

    With a seed that was asked for, those are all jobs made with it; else the same take, whatever its seed.
    """
    if record.take == 0:
        # (Something else may have written what is no JSON.)
        seed = "CASE WHEN json_valid(params) THEN json_extract(params, '$.seed') END"
        return f"request = ? AND {seed} = ?", (record.request, record.snapshot.params.get("seed"))
    return "request = ? AND take = ?", (record.request, record.take)


def _shown(piece: str) -> str:
    piece = piece.strip()
    return repr(piece if len(piece) <= 40 else piece[:39] + "…")


def _work(model: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how long a task takes: all parameters but the seed, with their defaults."""
    defaults = {p.name: p.default for p in MODELS[model].options} if model in MODELS else {}
    return {name: value for name, value in {**defaults, **params}.items() if name != "seed"}
