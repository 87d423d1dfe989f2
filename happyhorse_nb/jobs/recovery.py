"""Takes up tasks that nobody watches, in whatever kernel they were begun."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from happyhorse_nb.errors import APIError, ConfigError, InvalidRequest, JobNotFound, NotFound, TransportError
from happyhorse_nb.jobs.engine import Engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.roster import check_account
from happyhorse_nb.ledger import Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, current_account, video_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.wire import is_task_id

#: The fewest characters of a server's id that does not say of itself that it is one; and our own ids, whole.
_LEAST, _OUR_ID = 12, r"[0-9a-f]{12}"


class Taken(NamedTuple):
    """What was taken up, and why the rest of it was not sent: None where there is no rest."""

    jobs: list[Job]
    refusal: InvalidRequest | None


def resume(run: Engine, pieces: Sequence[str] | None = None) -> Taken:
    """Go on with the jobs named by pieces of their ids, or with every unfinished one of the account in use.

    An id that the ledger does not know is taken as that of a task submitted elsewhere. Raises `JobNotFound`, and then
    none of them is taken up.
    """
    account = current_account()
    if pieces is not None:
        return _taken(run, [_named(run, piece, account) for piece in pieces], account)
    found = run.ledger.unfinished(account.realm, account.key.fingerprint)
    jobs, refusal = _taken(run, found, account)
    # As they were read: one that was queued may have ended by now.
    queued = {record.snapshot.id for record in found if record.snapshot.status == Status.QUEUED}
    return Taken([job for job in jobs if job.task_id or job.id in queued], refusal)


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


def _named(run: Engine, piece: str, account: Account) -> Record:
    """The job of that piece of an id, of this account. Raises `JobNotFound`."""
    if piece.startswith("task-") and is_task_id(piece):
        # A server's id is taken whole: a longer one that begins like it is another task.
        record = run.ledger.of_task(piece, account.realm)
    elif _is_foreign(piece):
        record = run.ledger.known(piece)
    else:
        record = run.ledger.find(piece)
    if record is None:
        known = _known_there(run, piece)
        record = _attached(run, piece, account) if known else None
        record = record or _foreign(run, piece, account)
    check_account(record, account, run.ledger)
    return record


def _is_foreign(piece: str) -> bool:
    """Whether what the ledger does not know may be a server's id, and no mistyped name or piece of one of ours."""
    return (
        is_task_id(piece)
        and len(piece) >= _LEAST
        and any(letter.isdigit() for letter in piece)
        and re.fullmatch(_OUR_ID, piece) is None
    )


def _known_there(run: Engine, task_id: str) -> bool:
    """Whether the server knows the task; False where it cannot be asked now. Raises `JobNotFound` where it does not.

    A mistyped id must not end the doubt about a paid task, which could then be bought again.
    """
    try:
        run.ask(lambda client: client.read(task_id))
    except NotFound:
        raise JobNotFound(
            f"neither the ledger nor the server knows task {task_id}. Look the id up in your account's task list; "
            "results are kept for some days only."
        ) from None
    except (APIError, TransportError):
        return False
    return True


def _attached(run: Engine, task_id: str, account: Account) -> Record | None:
    """The job whose outcome is not known, with this task's id; None unless there is exactly one such job."""
    lost = run.ledger.unknown(account.realm, account.key.fingerprint)
    if len(lost) != 1:
        return None
    [record] = lost
    now = record.snapshot
    attached = replace(now, status=Status.STOPPED, task_id=task_id, submitted=now.submitted or now.created)
    run.ledger.update(attached)
    return replace(record, snapshot=attached)


def _foreign(run: Engine, task_id: str, account: Account) -> Record:
    """A row for a task that somebody submitted elsewhere; what it was asked for is not known."""
    now = time.time()
    record = Record(
        snapshot=Snapshot(
            status=Status.PENDING,
            id=secrets.token_hex(6),
            task_id=task_id,
            model="",
            note="taken up by its id; what was asked for is not known here",
            created=now,
            submitted=now,
            sandbox=account.sandbox,
        ),
        origin=account.realm,
        account=account.key.fingerprint,
        request="",
        frame="",
        target=video_folder(config().folder, fallback=run.folder),
    )
    run.ledger.add(record, reuse=False)
    return record
