"""Finds jobs by pieces of their ids, and takes up tasks that nobody watches, whichever kernel began them."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from happyhorse_nb.client.mp4 import read_mp4
from happyhorse_nb.engine.core import Engine, engine
from happyhorse_nb.engine.registry import check_account
from happyhorse_nb.errors import (
    APIError,
    ConfigError,
    DownloadError,
    InvalidRequest,
    JobNotFound,
    NotFound,
    TransportError,
)
from happyhorse_nb.inputs import Input
from happyhorse_nb.job.display import settled
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.job.takes import Takes
from happyhorse_nb.models import VIDEO, Snapshot, Status
from happyhorse_nb.settings import Account, current_account, process, video_folder
from happyhorse_nb.settings.config import config
from happyhorse_nb.store import Record
from happyhorse_nb.wire import is_task_id

#: How a take is named: ``launch[0]``.
_ELEMENT = re.compile(r"(\w+)\[(\d{1,3})\]")


def find(piece: str) -> Job:
    """The job whose id has that piece. Raises `JobNotFound`."""
    run = engine()
    return run.known(run.ledger.find(piece))


def jobs_of(verb: str, named: Any) -> list[Job]:
    """The jobs meant by a `Job`, `Takes`, any unambiguous piece of an id, or several of these.

    ``verb`` is the action, for the error. Raises `JobNotFound`, and `InvalidRequest` for what is no job, or one that is
    not bought yet.
    """
    named = settled(named)
    if isinstance(named, str):
        return [find(named)]
    # Not isinstance: after importlib.reload there are two such classes.
    if hasattr(named, "snapshot"):
        return [named]
    if isinstance(named, Iterable):
        return [job for one in named for job in jobs_of(verb, one)]
    raise no_job(verb, named)


def no_job(verb: str, named: Any) -> InvalidRequest:
    """The error for what is no job."""
    kind = type(named).__name__
    what = f"{verb} takes a job, takes or a piece of an id, not a {kind}"
    return InvalidRequest(what, remedy="Give one of them.", param="job")


def bound(piece: str, namespace: Mapping[str, Any]) -> Any:
    """The job or takes in that variable (``launch[0]`` is the first take), None where there is no such variable.

    Raises `JobNotFound` for a take that does not exist, `InvalidRequest` for what is not bought yet.
    """
    element = _ELEMENT.fullmatch(piece)
    if element is None:
        found = settled(namespace.get(piece))
        return found if process.is_a(found, Job, Takes) else None
    found, number = settled(namespace.get(element[1])), int(element[2])
    if process.is_a(found, Takes):
        if number >= len(found):
            raise JobNotFound(f"{element[1]} has {len(found)} takes: {element[1]}[0] to {element[1]}[{len(found) - 1}]")
        return found[number]
    if process.is_a(found, Job):
        raise JobNotFound(f"{element[1]} is one job, not takes", remedy=f"Name it without [{number}].")
    return None


def footage(source: Any, namespace: Mapping[str, Any] | None = None) -> Any:
    """The video to edit as an input, where ``source`` is a job, a piece of its id, or the name of a variable in
    ``namespace`` that holds one; an address, and None, as they are.

    Its link is read anew when it is sent. Raises `InvalidRequest` for a job without a video, for takes, and for a file
    of this machine; `JobNotFound`, and `LedgerError`.
    """
    source = settled(source)
    if isinstance(source, str) and namespace is not None:
        named = bound(source.strip(), namespace)
        source = settled(namespace.get(source.strip(), source)) if named is None else named
    if source is None or (isinstance(source, str) and "://" in source):
        return source
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _is_file(source)):
        raise InvalidRequest(
            f"video {str(source)[-80:]} is a file on this machine",
            limit="the server fetches a video from its http(s) address, and takes uploads of pictures alone",
            remedy="Edit a finished job (its name or id), or give a URL that the server can reach.",
            param="video",
        )
    some = jobs_of("edit", source)
    if len(some) != 1:
        what = f"edit takes one video, and these are {len(some)}"
        raise InvalidRequest(what, remedy="Name one of the takes: launch[0].", param="video")
    job = some[0]
    now, record = job.snapshot, state_of(job).record
    check_account(record, current_account(), engine().ledger)
    if now.status != Status.DONE or now.task_id is None:
        remedy = f"Wait for it first: `%happyhorse wait {now.short_id}`" if now.status.running else "Edit another one."
        what = f"job {now.short_id} is {now.status}, and has no video to edit"
        raise InvalidRequest(what, remedy=remedy, param="video")
    if now.expires_at is not None and now.expires_at <= time.time():
        raise InvalidRequest(
            f"the server has deleted the video of job {now.short_id}",
            limit=f"it kept it until {time.strftime('%-d %b %Y, %H:%M', time.localtime(now.expires_at))}",
            remedy="Give the URL of a copy that the server can reach.",
            param="video",
        )
    seconds = float(now.params["duration"]) if "duration" in now.params else _length(job)
    return Input(
        job.path.name if job.path else now.short_id,
        role=VIDEO.name,
        job=job.id,
        seconds=seconds,
        thumbnail=job.thumbnail,
    )


def _is_file(text: str) -> bool:
    try:
        return text.lower().endswith((".mp4", ".mov")) or Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):
        return False


def _length(job: Job) -> float | None:
    """How long (seconds) the file of a job is; None where that cannot be read."""
    try:
        return read_mp4(job.path).seconds or None if job.path is not None else None
    except (OSError, DownloadError):
        return None


#: Seconds by which the server's clock may differ from ours.
_SLACK = 600.0
_LOOK_UP = "Look the id up in your account's task list."


def _read_task(run: Engine, task_id: str) -> Snapshot:
    """What the server says of a task. Raises `JobNotFound` where it knows none, `APIError` and `TransportError`.

    So a mistyped id does not count as the task of a job in doubt, which could then be bought again.
    """
    try:
        return run.ask(lambda client: client.read(task_id))
    except NotFound:
        raise JobNotFound(
            f"neither the ledger nor the server knows task {task_id}",
            limit="results are kept for some days only",
            remedy=_LOOK_UP,
        ) from None


def _task_record(run: Engine, task: Snapshot, account: Account) -> Record:
    """A row for a task of which only the id and the server's answer are known, not the request."""
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
        target=video_folder(config().folder, fallback=run.folder),
    )


def _attach_task(run: Engine, task_id: str, piece: str, account: Account) -> Record:
    """Give the task to the job whose id has that piece, because the user says so; returns the job's row.

    The job must be unknown, or have its task from an earlier such word; that earlier task becomes a job of its own.
    Raises `InvalidRequest` where something speaks against it, `JobNotFound`, and what `_read_task` raises.
    """
    if not is_task_id(task_id):
        raise JobNotFound(
            f"{task_id[:40]!r} is not a task id", remedy="Copy the whole id from your account's task list."
        )
    job = run.ledger.find(piece)
    # Settles a job whose kernel has died: then the row is read again.
    run.known(job)
    job = run.ledger.get(job.snapshot.id) or job
    check_account(job, account, run.ledger)
    now = job.snapshot
    if now.task_id == task_id:
        return job
    if not job.attached and (now.status != Status.UNKNOWN or now.task_id is not None):
        raise InvalidRequest(
            f"attach: job {now.short_id} is {now.status}",
            limit="only a job that is unknown takes a task",
            remedy=f"Without `--attach` task {task_id} is a job of its own.",
            param="attach",
        )
    other = run.ledger.of_task(task_id, account.realm)
    if other is not None:
        check_account(other, account, run.ledger)
        if other.snapshot.model:
            raise InvalidRequest(
                f"attach: task {task_id} is that of job {other.snapshot.id}", remedy=_LOOK_UP, param="attach"
            )
    says = _read_task(run, task_id)
    against = _contradiction(job, says)
    if against:
        raise InvalidRequest(
            f"attach: task {task_id} is not that of job {now.short_id}: {against}", remedy=_LOOK_UP, param="attach"
        )
    job = _released(run, job)
    other = None if other is None else _released(run, other)
    freed = None if job.snapshot.task_id is None else _task_record(run, job.snapshot, account)
    attached = replace(job, attached=True, owner=None, snapshot=_with_task(job, says, other))
    if not run.ledger.attach(attached, was=job, instead=other, freed=freed):
        raise InvalidRequest(f"attach: job {now.short_id} has changed meanwhile", remedy="Try again.", param="attach")
    return attached


def _contradiction(job: Record, says: Snapshot) -> str:
    """What in the server's answer shows that a task is not the job's; empty where nothing does."""
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


def _attach_hint(task: Record, says: Snapshot | None, unknown: Sequence[Record]) -> str:
    """How to attach a task that was taken up by its id to a job that is unknown; empty where there is none."""
    fitting = [job.snapshot for job in unknown if not job.forgotten and (says is None or not _contradiction(job, says))]
    if task.snapshot.model or not fitting:
        return ""
    which = (
        f"job {fitting[0].short_id}" if len(fitting) == 1 else f"one of {', '.join(s.short_id for s in fitting[:5])}"
    )
    return (
        f"Task {task.snapshot.task_id} is a job of its own now. If it is that of {which}, whose outcome is not known: "
        f"`%happyhorse resume {task.snapshot.task_id} --attach {fitting[0].short_id}`"
    )


def _released(run: Engine, record: Record) -> Record:
    """The row of a job after its watching was ended."""
    run.release(record)
    return run.ledger.get(record.snapshot.id) or record


def _with_task(job: Record, says: Snapshot, other: Record | None) -> Snapshot:
    """The job with this task, and with the video that ``other``, which had the task before, has fetched."""
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


#: The fewest characters of a server's id without the prefix ``task-``; and the form of our own ids.
_LEAST, _OUR_ID = 12, r"[0-9a-f]{12}"


class Taken(NamedTuple):
    """The jobs that were taken up, why others were not sent (None where all were), and how a task that was named by its
    id is attached to a job that is unknown."""

    jobs: list[Job]
    refusal: InvalidRequest | None
    hint: str = ""


def take_up(pieces: Sequence[str] | None = None, *, attach: str | None = None) -> Taken:
    """Go on with the jobs whose ids have these pieces, or with all unfinished jobs of the account in use.

    An id that the ledger does not know is that of a task submitted elsewhere; with ``attach``, a piece of an id, the
    task of that unknown job. Raises `JobNotFound` (then none is taken up), `InvalidRequest` for a task that cannot be
    that job's, `MissingKey`, `LedgerError`.
    """
    run, account = engine(), current_account()
    if pieces is not None and attach is not None:
        return _taken(run, [_attach_task(run, piece, attach, account) for piece in pieces], account)
    if pieces is not None:
        named = [_named(run, piece, account) for piece in pieces]
        hints = [hint for _, hint in named if hint]
        return _taken(run, [record for record, _ in named], account)._replace(hint="\n".join(hints))
    found = run.ledger.unfinished(account.realm, account.key.fingerprint)
    taken = _taken(run, found, account)
    # As they were read: a queued job may have ended meanwhile.
    queued = {record.snapshot.id for record in found if record.snapshot.status == Status.QUEUED}
    return taken._replace(jobs=[job for job in taken.jobs if job.task_id or job.id in queued])


def running() -> list[Job]:
    """The jobs that run now, here and in other live processes with the same account; this process follows those too."""
    run = engine()
    here = run.running()
    try:
        account = current_account()
    except ConfigError:
        return here
    found = {job.id: job for job in here}
    for record in run.ledger.unfinished(account.realm, account.key.fingerprint):
        if record.snapshot.status.running and run.presence.alive(record.owner):
            found[record.snapshot.id] = run.take_up(record, account)
    return list(found.values())


def _taken(run: Engine, records: Sequence[Record], account: Account) -> Taken:
    """Take them up; a job that may not be sent does not hold up the others."""
    taken: dict[str, Job] = {}
    refused: list[InvalidRequest] = []
    # Paid tasks first: they expire on the server, whatever is wrong with a job that is still to be bought.
    for record in sorted(records, key=lambda record: record.snapshot.task_id is None):
        try:
            taken[record.snapshot.id] = run.take_up(record, account)
        except InvalidRequest as problem:
            refused.append(problem)
    jobs = [taken[record.snapshot.id] for record in records if record.snapshot.id in taken]
    return Taken(jobs, _refusal(refused) if refused else None)


def _refusal(refused: Sequence[InvalidRequest]) -> InvalidRequest:
    """One error for all that were not sent, with the last reason, which counts what those before have cost."""
    last = refused[-1]
    waiting = "1 queued video still waits" if len(refused) == 1 else f"{len(refused)} queued videos still wait"
    return InvalidRequest(f"{waiting}, not sent: {last.what}", limit=last.limit, remedy=last.remedy, param=last.param)


def _named(run: Engine, piece: str, account: Account) -> tuple[Record, str]:
    """The job of this account whose id has that piece, and a hint where it may be the task of an unknown job.

    Raises `JobNotFound`.
    """
    says: Snapshot | None = None
    if piece.startswith("task-") and is_task_id(piece):
        # A server's id must match whole: a longer one with this beginning is another task.
        record = run.ledger.of_task(piece, account.realm)
    elif _is_foreign(piece):
        record = run.ledger.known(piece)
    else:
        record = run.ledger.find(piece)
    if record is None:
        with suppress(APIError, TransportError):
            says = _read_task(run, piece)
        begun = time.time()
        pending = Snapshot(status=Status.PENDING, task_id=piece, created=begun, submitted=begun)
        record = _task_record(run, pending, account)
        run.ledger.add(record, reuse=False)
        record = replace(record, typed=says is None)
    check_account(record, account, run.ledger)
    unknown = run.ledger.unknown(account.realm, account.key.fingerprint) if not record.snapshot.model else []
    return record, _attach_hint(record, says, unknown)


def _is_foreign(piece: str) -> bool:
    """Whether this may be a server's id, and not a mistyped name or piece of one of our ids."""
    return (
        is_task_id(piece)
        and len(piece) >= _LEAST
        and any(letter.isdigit() for letter in piece)
        and re.fullmatch(_OUR_ID, piece) is None
    )
