"""Takes up tasks that nobody watches, in whatever kernel they were begun."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

from happyhorse_nb.errors import ConfigError
from happyhorse_nb.jobs.engine import Engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.roster import check_account
from happyhorse_nb.ledger import Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, current_account, video_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.wire import is_task_id


def resume(run: Engine, piece: str | None = None) -> list[Job]:
    """Go on with one job, named by a piece of its id, or with every unfinished one of the account in use.

    An id that the ledger does not know is taken as that of a task submitted elsewhere. Raises `JobNotFound`.
    """
    account = current_account()
    if piece is None:
        found = run.ledger.unfinished(account.realm, account.key.fingerprint)
        taken = (run.take_up(record, account) for record in found)
        return [job for job in taken if job.task_id or job.status == Status.QUEUED]
    if piece.startswith("task-") and is_task_id(piece):
        # A server's id is taken whole: a longer one that begins like it is another task.
        record = run.ledger.of_task(piece, account.realm)
        record = record or _attached(run, piece, account) or _foreign(run, piece, account)
    else:
        record = run.ledger.find(piece)
    check_account(record, account)
    return [run.take_up(record, account)]


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
