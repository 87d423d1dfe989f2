"""Tasks that the user names by their ids: one of its own, or the one of a job whose outcome is not known."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

from happyhorse_nb.errors import InvalidRequest, JobNotFound, NotFound
from happyhorse_nb.jobs.engine import Engine
from happyhorse_nb.jobs.roster import check_account
from happyhorse_nb.ledger import Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, video_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.wire import is_task_id

#: Seconds by which the server's clock may differ from ours.
_SLACK = 600.0


def read(run: Engine, task_id: str) -> Snapshot:
    """What the server says of a task. Raises `JobNotFound` where it knows none, `APIError` and `TransportError`.

    A mistyped id must not end the doubt about a paid task, which could then be bought again.
    """
    try:
        return run.ask(lambda client: client.read(task_id))
    except NotFound:
        raise JobNotFound(
            f"neither the ledger nor the server knows task {task_id}. Look the id up in your account's task list; "
            "results are kept for some days only."
        ) from None


def by_id(run: Engine, task: Snapshot, account: Account) -> Record:
    """A row for a task that is known by its id alone, with what is known of it: not what it was asked for."""
    return Record(
        snapshot=replace(
            task,
            id=secrets.token_hex(6),
            model="",
            prompt="",
            params={},
            note="resumed by its task id; its prompt and settings are not known here",
            cost=task.cost if task.cost is not None and task.cost.billed else None,
            sandbox=account.sandbox,
        ),
        origin=account.realm,
        account=account.key.fingerprint,
        request="",
        frame="",
        target=video_folder(config().folder, fallback=run.folder),
    )


def attach(run: Engine, task_id: str, piece: str, account: Account) -> Record:
    """The job of that piece of an id, to which this task belongs from now on, as the user says.

    Its outcome must not be known, or known by such a word alone; a task that it had by that is a job of its own from
    now on. Raises `InvalidRequest` where something speaks against it, `JobNotFound`, and what `read` raises.
    """
    if not is_task_id(task_id):
        raise JobNotFound(f"{task_id[:40]!r} is not a task id. Copy the whole id from your account's task list.")
    job = _now(run, run.ledger.find(piece))
    check_account(job, account, run.ledger)
    now = job.snapshot
    if now.task_id == task_id:
        return job
    if not job.attached and (now.status != Status.UNKNOWN or now.task_id is not None):
        raise InvalidRequest(
            f"--attach: job {now.short_id} is {now.status}. Only a job that is unknown takes a task; without --attach "
            f"task {task_id} is a job of its own.",
            param="attach",
        )
    other = run.ledger.of_task(task_id, account.realm)
    if other is not None:
        check_account(other, account, run.ledger)
        if other.snapshot.model:
            raise InvalidRequest(
                f"--attach: task {task_id} is that of job {other.snapshot.id}. Look the id up in your account's task "
                "list.",
                param="attach",
            )
    says = read(run, task_id)
    against = contradiction(job, says)
    if against:
        raise InvalidRequest(
            f"--attach: task {task_id} is not that of job {now.short_id}: {against}. Look the id up in your account's "
            "task list.",
            param="attach",
        )
    job = _let_go(run, job)
    other = None if other is None else _let_go(run, other)
    freed = None if job.snapshot.task_id is None else by_id(run, job.snapshot, account)
    attached = replace(job, attached=True, owner=None, snapshot=_with_task(job, says, other))
    if not run.ledger.attach(attached, was=job, instead=other, freed=freed):
        raise InvalidRequest(f"--attach: job {now.short_id} has changed meanwhile. Try again.", param="attach")
    return attached


def contradiction(job: Record, says: Snapshot) -> str:
    """What in the server's answer about a task speaks against its being a job's; empty where nothing does."""
    now = job.snapshot
    if says.model and says.model != now.model:
        return f"its model is {says.model}, and the job's {now.model}"
    if says.created and says.created < now.created - _SLACK:
        return "it is older than the job"
    if says.created and now.status == Status.UNKNOWN and now.ended and says.created > now.ended + _SLACK:
        return "it was made after the job had ended"
    if says.took and says.took > time.time() - now.created + _SLACK:
        return f"it took {says.took / 60:.0f} min, and the job is younger than that"
    return ""


def hint(task: Record, says: Snapshot | None, unknown: Sequence[Record]) -> str:
    """How a task that was taken up by its id is attached to a job whose outcome is not known; empty without one."""
    fitting = [job.snapshot for job in unknown if not job.forgotten and (says is None or not contradiction(job, says))]
    if task.snapshot.model or not fitting:
        return ""
    which = (
        f"job {fitting[0].short_id}" if len(fitting) == 1 else f"one of {', '.join(s.short_id for s in fitting[:5])}"
    )
    return (
        f"Task {task.snapshot.task_id} is a job of its own now. If it is that of {which}, whose outcome is not known: "
        f"%happyhorse resume {task.snapshot.task_id} --attach {fitting[0].short_id}"
    )


def _now(run: Engine, record: Record) -> Record:
    """The row as it is, a job settled whose kernel has died."""
    run.known(record)
    return run.ledger.get(record.snapshot.id) or record


def _let_go(run: Engine, record: Record) -> Record:
    """The row of a job that nobody watches any more."""
    run.release(record)
    return run.ledger.get(record.snapshot.id) or record


def _with_task(job: Record, says: Snapshot, other: Record | None) -> Snapshot:
    """A job with a task: what was made of that one so far is its own."""
    now = job.snapshot
    found = other.snapshot if other is not None and other.made and not other.forgotten else says
    made = found is not says
    estimate = now.cost
    if estimate is None or estimate.billed:
        estimate = config().estimate(dict(now.params), model=now.model) if now.model else None
    return replace(
        now,
        status=Status.DONE if made else Status.STOPPED,
        task_id=says.task_id,
        said="",
        message="",
        remedy="",
        submitted=now.submitted or now.created,
        ended=found.ended if made else time.time(),
        took=found.took,
        cost=found.cost or estimate,
        expires_at=found.expires_at,
        width=found.width,
        height=found.height,
        path=found.path if made else None,
        size=found.size if made else None,
    )
