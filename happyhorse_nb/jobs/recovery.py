"""Takes up tasks that nobody watches, in whatever kernel they were begun."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from happyhorse_nb.errors import APIError, ConfigError, InvalidRequest, TransportError
from happyhorse_nb.jobs import attach as attaching
from happyhorse_nb.jobs.engine import Engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.roster import check_account
from happyhorse_nb.ledger import Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, current_account
from happyhorse_nb.wire import is_task_id

#: The fewest characters of a server's id that does not say of itself that it is one; and our own ids, whole.
_LEAST, _OUR_ID = 12, r"[0-9a-f]{12}"


class Taken(NamedTuple):
    """What was taken up, and why the rest of it was not sent: None where there is no rest.

    ``hint`` says how a task that was named by its id is attached to a job whose outcome is not known.
    """

    jobs: list[Job]
    refusal: InvalidRequest | None
    hint: str = ""


def resume(run: Engine, pieces: Sequence[str] | None = None, *, attach: str | None = None) -> Taken:
    """Go on with the jobs named by pieces of their ids, or with every unfinished one of the account in use.

    An id that the ledger does not know is taken as that of a task submitted elsewhere; with ``attach``, a piece of an
    id, as that of this job, whose outcome is not known. Raises `JobNotFound`, and then none of them is taken up, and
    `InvalidRequest` for a task that cannot be that job's.
    """
    account = current_account()
    if pieces is not None and attach is not None:
        return _taken(run, [attaching.attach(run, piece, attach, account) for piece in pieces], account)
    if pieces is not None:
        named = [_named(run, piece, account) for piece in pieces]
        hints = [hint for _, hint in named if hint]
        return _taken(run, [record for record, _ in named], account)._replace(hint="\n".join(hints))
    found = run.ledger.unfinished(account.realm, account.key.fingerprint)
    taken = _taken(run, found, account)
    # As they were read: one that was queued may have ended by now.
    queued = {record.snapshot.id for record in found if record.snapshot.status == Status.QUEUED}
    return taken._replace(jobs=[job for job in taken.jobs if job.task_id or job.id in queued])


def everywhere(run: Engine) -> list[Job]:
    """The jobs that run now, those of other live processes with the same account followed from here."""
    here = run.running()
    try:
        account = current_account()
    except ConfigError:
        return here
    found = {job.id: job for job in here}
    for record in run.ledger.unfinished(account.realm, account.key.fingerprint):
        if record.snapshot.status.running and run.presence.alive(record.owner):
            job = run.take_up(record, account)
            found[job.id] = job
    return list(found.values())


def _taken(run: Engine, records: Sequence[Record], account: Account) -> Taken:
    """Take them up; a job that may not be sent keeps back none of the others."""
    taken: dict[str, Job] = {}
    refused: list[InvalidRequest] = []
    # What is paid for comes first: whatever is wrong with a job that is still to be bought, its task runs out of time.
    for record in sorted(records, key=lambda record: record.snapshot.task_id is None):
        try:
            taken[record.snapshot.id] = run.take_up(record, account)
        except InvalidRequest as problem:
            refused.append(problem)
    jobs = [taken[record.snapshot.id] for record in records if record.snapshot.id in taken]
    return Taken(jobs, _refusal(refused) if refused else None)


def _refusal(refused: Sequence[InvalidRequest]) -> InvalidRequest:
    """One line for all that were not sent. The last one's reason: it counts what those before it have cost."""
    last = refused[-1]
    waiting = "1 queued video still waits" if len(refused) == 1 else f"{len(refused)} queued videos still wait"
    return InvalidRequest(f"{waiting}, not sent: {last}", param=last.param)


def _named(run: Engine, piece: str, account: Account) -> tuple[Record, str]:
    """The job of that piece of an id, of this account, and a hint where it may be another job's task.

    Raises `JobNotFound`.
    """
    says: Snapshot | None = None
    if piece.startswith("task-") and is_task_id(piece):
        # A server's id is taken whole: a longer one that begins like it is another task.
        record = run.ledger.of_task(piece, account.realm)
    elif _is_foreign(piece):
        record = run.ledger.known(piece)
    else:
        record = run.ledger.find(piece)
    if record is None:
        with suppress(APIError, TransportError):
            says = attaching.read(run, piece)
        begun = time.time()
        pending = Snapshot(status=Status.PENDING, task_id=piece, created=begun, submitted=begun)
        record = attaching.by_id(run, pending, account)
        run.ledger.add(record, reuse=False)
        record = replace(record, typed=says is None)
    check_account(record, account, run.ledger)
    unknown = run.ledger.unknown(account.realm, account.key.fingerprint) if not record.snapshot.model else []
    return record, attaching.hint(record, says, unknown)


def _is_foreign(piece: str) -> bool:
    """Whether what the ledger does not know may be a server's id, and no mistyped name or piece of one of ours."""
    return (
        is_task_id(piece)
        and len(piece) >= _LEAST
        and any(letter.isdigit() for letter in piece)
        and re.fullmatch(_OUR_ID, piece) is None
    )
