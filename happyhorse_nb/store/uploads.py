"""The pictures that a server holds for an account, which all kernels of this machine share.

The server holds at most ten for an account and takes two at once (its media documents). A job that is about to be sent
gets room for all of its pictures or for none, so that no two jobs wait for each other; a picture is uploaded by whoever
claims its row. What a dead kernel has claimed is free. Nothing here need survive a power cut.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from happyhorse_nb.store.filter import of_account
from happyhorse_nb.store.questions import Questions

#: Pictures that the server holds for an account, and takes at once.
MOST, AT_ONCE = 10, 2
#: Seconds after which a task that nobody watches has surely ended; those of 15 s at 1080P take 14 minutes.
_TASK = 3600.0
_ON_SERVER = "('submitting', 'pending', 'processing')"
_PERHAPS = "('submitting', 'pending', 'processing', 'stopped', 'unknown')"
#: Origin, account and digest.
Key = tuple[str, str, str]
_THIS = "WHERE origin = ? AND account = ? AND digest = ?"


@dataclass(frozen=True)
class Picture:
    """A row: to be uploaded while it has no ``file``, to be deleted while it has one and no ``address``. ``at_work``:
    a living kernel does that now."""

    origin: str
    account: str
    digest: str
    file: str
    address: str
    expires: float
    at_work: bool

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.origin, self.account, self.digest


@dataclass(frozen=True)
class Room:
    """Whether there is room for a job's pictures (``given``); else those to ``delete`` first, or whether to wait until
    running jobs need theirs no longer (``full``).

    ``gone`` are the rows of which the server holds nothing; ``stale`` those whose picture is too old to be sent, and
    still needed by a running task.
    """

    given: bool
    delete: tuple[Picture, ...] = ()
    full: bool = False
    gone: tuple[Picture, ...] = ()
    stale: tuple[Picture, ...] = ()


def room(
    held: Sequence[Picture], wanted: Collection[Key], needed: Collection[str], *, now: float, fresh: float
) -> Room:
    """Whether there is room for the pictures ``wanted`` beside those held, oldest first, of which others need some.

    Those that expire within ``fresh`` seconds are uploaded anew.
    """
    there: list[Picture] = []
    gone: list[Picture] = []
    stale: list[Picture] = []
    # To be deleted: what is wanted itself, what somebody has begun to delete, and what nobody needs.
    anew: list[Picture] = []
    begun: list[Picture] = []
    idle: list[Picture] = []
    waits = False
    for one in held:
        mine = one.key in wanted
        if one.expires <= now if one.file else not (mine or one.at_work or one.digest in needed):
            gone.append(one)
            continue
        there.append(one)
        if one.file and not one.address:
            waits = waits or (mine and one.at_work)
            if not one.at_work:
                (anew if mine else begun).append(one)
        elif one.file and mine and one.expires - now <= fresh:
            (stale if one.digest in needed else anew).append(one)
        elif one.file and not mine and one.digest not in needed:
            idle.append(one)
    lack = len({one.key for one in there} | set(wanted)) - MOST
    delete = tuple(anew or (begun + idle)[: max(lack, 0)])
    full = not anew and len(delete) < lack
    given = lack <= 0 and not anew and not waits
    return Room(given, () if full else delete, full, tuple(gone), tuple(stale))


@dataclass(frozen=True)
class Claim:
    """What to do for a picture: send its sealed ``address``, upload it (``mine``), ask for room again (``lost``), or
    with none of these wait for another one."""

    address: str = ""
    mine: bool = False
    lost: bool = False


class Uploads(Questions):
    """Whoever asks names the kernels that are ``dead``, of `upload_owners`: no lock is held while that is found out.

    ``now`` is Unix seconds, ``owner`` the asking kernel.
    """

    def upload_owners(self, origin: str, account: str) -> frozenset[str]:
        """The kernels on whose life it depends which pictures are needed."""
        ours, who = of_account(origin, account)
        rows = self._rows(
            f"SELECT owner FROM uploads WHERE {ours} UNION SELECT owner FROM upload_uses UNION "  # noqa: S608 - ours
            f"SELECT owner FROM jobs JOIN inputs ON job = id WHERE status IN {_ON_SERVER} AND source IN "
            "(SELECT digest FROM uploads)",
            who,
        )
        return frozenset(str(row["owner"]) for row in rows if row["owner"] is not None)

    def give_room(
        self,
        job: str,
        digests: Collection[str],
        *,
        origin: str,
        account: str,
        owner: str,
        dead: Collection[str],
        now: float,
        fresh: float,
    ) -> Room:
        """Give room to all pictures of a job that is about to be sent, or to none: see `room`. Those to delete are from
        then on for nobody to send."""

        def give() -> Room:
            wanted = {(origin, account, digest) for digest in digests}
            held = self._held(origin, account, dead)
            found = room(held, wanted, self._needed(job, dead, now), now=now, fresh=fresh)
            for one in found.gone:
                self._connection.execute(f"DELETE FROM uploads {_THIS}", one.key)  # noqa: S608 - ours
            for one in found.stale:
                self._set(one.key, owner=None, file="", address="")
            for one in found.delete:
                self._set(one.key, owner=owner, address="")
            if found.given:
                self._connection.executemany(
                    "INSERT OR IGNORE INTO uploads (origin, account, digest, created, expires) VALUES (?, ?, ?, ?, ?)",
                    [(*key, now, now) for key in sorted(wanted)],
                )
                self._connection.executemany(
                    "INSERT OR REPLACE INTO upload_uses VALUES (?, ?, ?)", [(job, digest, owner) for digest in digests]
                )
            return found

        return self._transaction(give, safe=False)

    def claim_upload(self, digest: str, *, origin: str, account: str, owner: str, dead: Collection[str]) -> Claim:
        """Begin to upload a picture for which there is room, unless it is there or somebody else does."""

        def claim() -> Claim:
            held = self._held(origin, account, dead)
            found = next((one for one in held if one.key == (origin, account, digest)), None)
            if found is None or (found.file and not found.address):
                return Claim(lost=True)
            if found.address:
                return Claim(found.address)
            if found.at_work or sum(one.at_work and not one.file for one in held) >= AT_ONCE:
                return Claim()
            self._set(found.key, owner=owner)
            return Claim(mine=True)

        return self._transaction(claim, safe=False)

    def uploaded(
        self, digest: str, *, origin: str, account: str, file: str, address: str, now: float, expires: float
    ) -> None:
        """Write down that the server holds a picture, or with an empty ``file``, that it does not."""
        columns = {"owner": None, "file": file, "address": address, "created": now, "expires": expires}
        self._transaction(lambda: self._set((origin, account, digest), **columns), safe=False)

    def upload_deleted(self, one: Picture, *, gone: bool) -> None:
        """Write down that the server holds a picture no longer, or (not ``gone``) that nobody is deleting it now."""
        change = "DELETE FROM uploads" if gone else "UPDATE uploads SET owner = NULL"
        statement = f"{change} {_THIS} AND file = ?"
        self._transaction(lambda: self._connection.execute(statement, (*one.key, one.file)), safe=False)

    def give_up_room(self, job: str) -> None:
        """A job is not about to be sent any more."""
        statement = "DELETE FROM upload_uses WHERE job = ?"
        self._transaction(lambda: self._connection.execute(statement, (job,)), safe=False)

    def _held(self, origin: str, account: str, dead: Collection[str]) -> list[Picture]:
        ours, who = of_account(origin, account)
        rows = self._connection.execute(
            f"SELECT * FROM uploads WHERE {ours} ORDER BY created, digest",  # noqa: S608 - ours
            who,
        ).fetchall()
        same = ("origin", "account", "digest", "file", "address", "expires")
        return [
            Picture(**{name: row[name] for name in same}, at_work=row["owner"] is not None and row["owner"] not in dead)
            for row in rows
        ]

    def _needed(self, job: str, dead: Collection[str], now: float) -> set[str]:
        """What other jobs are about to send, and what tasks on the server may still read."""
        self._connection.execute(
            "DELETE FROM upload_uses WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = upload_uses.job AND "
            "jobs.owner = upload_uses.owner AND jobs.status IN ('queued', 'submitting'))"
        )
        uses = self._connection.execute("SELECT digest, owner FROM upload_uses WHERE job != ?", (job,)).fetchall()
        tasks = self._connection.execute(
            f"SELECT source, owner, status IN {_ON_SERVER} AS runs, coalesce(submitted, created) AS began "  # noqa: S608 - ours
            f"FROM jobs JOIN inputs ON job = id WHERE status IN {_PERHAPS} AND source IN (SELECT digest FROM uploads)"
        ).fetchall()
        found = {row["digest"] for row in uses if row["owner"] not in dead}
        for row in tasks:
            watched = row["runs"] and row["owner"] is not None and row["owner"] not in dead
            if watched or row["began"] > now - _TASK:
                found.add(row["source"])
        return found

    def _set(self, key: Key, **columns: object) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self._connection.execute(f"UPDATE uploads SET {names} {_THIS}", (*columns.values(), *key))  # noqa: S608 - ours
