"""What an end means for the user: the words for it, what to do about it, and the error it is in Python."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from happyhorse_nb.errors import (
    APIError,
    AuthenticationError,
    BadRequest,
    DownloadError,
    HappyHorseError,
    InsufficientBalance,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobRefused,
    JobStopped,
    LedgerError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Redirected,
    in_words_here,
    sentence,
)
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import STATES, Progress, Snapshot, Status, remedy_of

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job

_ERRORS: dict[Status, type[JobError]] = {
    Status.CANCELLED: JobCancelled,
    Status.REFUSED: JobRefused,
    Status.FAILED: JobFailed,
    Status.EXPIRED: JobExpired,
    Status.STOPPED: JobStopped,
    Status.UNKNOWN: OutcomeUnknown,
}

#: Of a job that the user has stopped on its way to the server.
NO_ANSWER = (
    "Stopped, as you asked, before the server had answered. It may have been charged, so it is not sent again by "
    "itself; an answer that still comes is noted."
)
#: Where a job stands that a script leaves, and how many of them a line names.
_WHERE, _NAMED = {Status.QUEUED: "queued", Status.SUBMITTING: "on the way to the server"}, 3


def ended(snapshot: Snapshot) -> Snapshot:
    """With what an end has: its time, and a progress that moves no more."""
    now = time.time()
    full = 1.0 if snapshot.status == Status.DONE else snapshot.progress.fraction
    elapsed = max(0.0, now - (snapshot.submitted or snapshot.created))
    return replace(snapshot, ended=now, position=None, progress=Progress(fraction=full, elapsed=elapsed, left=None))


def error_of(snapshot: Snapshot, job: Job) -> JobError | None:
    """The error a job ended with; None while it runs and when it is done."""
    kind = _ERRORS.get(snapshot.status)
    if kind is None:
        return None
    what = sentence(snapshot.message) or f"the job is {snapshot.status}"
    return kind(what, remedy=snapshot.remedy, snapshot=snapshot, job=job)


def refused(snapshot: Snapshot, problem: HappyHorseError, *, balance: Decimal | None = None) -> Snapshot:
    """Refused: nothing was charged. ``balance`` is what the account holds, in USD, where that is known."""
    says = _says(problem) if balance is None else f"{_says(problem)} The balance is ${balance:.2f}."
    return _ended_as(Status.REFUSED, snapshot, says, _remedy(problem))


def not_uploaded(snapshot: Snapshot, label: str, problem: HappyHorseError) -> Snapshot:
    """Refused, as the picture of that label could not be uploaded: nothing was paid for."""
    if isinstance(problem, (BadRequest, NotFound, RateLimited)):
        remedy = (
            "Nothing was charged. If the account holds ten pictures already, of other programs too, delete one or wait "
            'until they expire (7 days). Or send it inside the request: `%config HappyHorse.references = "inline"`.'
        )
    elif isinstance(problem, (AuthenticationError, InsufficientBalance, Redirected)):
        remedy = _remedy(problem)
    else:
        remedy = problem.remedy or _REMEDIES[NotSent]
    says = f"The picture {label} could not be uploaded, so the request was not sent. {_says(problem)}"
    return _ended_as(Status.REFUSED, snapshot, says, remedy)


def not_linked(snapshot: Snapshot, name: str, problem: HappyHorseError) -> Snapshot:
    """Refused, as nobody answers for ``name``, the video to edit: nothing was paid for."""
    says = f"The link to {name} could not be read, so the request was not sent. {_says(problem)}"
    return _ended_as(Status.REFUSED, snapshot, says, _REMEDIES[NotSent])


def failed(snapshot: Snapshot) -> Snapshot:
    """The server failed the task; ``snapshot`` holds its reason, where it gave one."""
    message = f"The server says: {snapshot.message}" if snapshot.message else STATES[Status.FAILED].message
    return _ended_as(Status.FAILED, snapshot, message)


def unknown(snapshot: Snapshot, message: str) -> Snapshot:
    """Not known whether the paid request was accepted."""
    return _ended_as(Status.UNKNOWN, snapshot, message)


def expired(snapshot: Snapshot, *, by_id: bool = False) -> Snapshot:
    """The server knows the task no longer; ``by_id``: it was named by its id alone, so it may have never known it."""
    if not by_id:
        return _ended_as(Status.EXPIRED, snapshot, STATES[Status.EXPIRED].message)
    message = "The server does not know this task: results are kept for some days only, or the id is another one's."
    return _ended_as(Status.EXPIRED, snapshot, message, "Look the id up in your account's task list.")


def stopped(snapshot: Snapshot, why: str | HappyHorseError, *, by_user: bool = False) -> Snapshot:
    """Not watched any more, in these words or for this error; the task lives on."""
    said, first = (why, "") if isinstance(why, str) else (_says(why), why.remedy)
    remedy = f"{first} {remedy_of(Status.STOPPED, snapshot)}".lstrip()
    return replace(_ended_as(Status.STOPPED, snapshot, said, remedy), by_user=by_user)


def _ended_as(status: Status, snapshot: Snapshot, message: str, remedy: str | None = None) -> Snapshot:
    """With these words, and the remedy of the table where no other one is given."""
    return replace(
        snapshot, status=status, message=message, remedy=remedy_of(status, snapshot) if remedy is None else remedy
    )


def ready(snapshot: Snapshot, problem: DownloadError | OSError) -> Snapshot:
    """The video is made, and could not be brought here."""
    if isinstance(problem, OSError):
        why = f"it could not be written: {(problem.strerror or type(problem).__name__).lower()}"
    else:
        why = problem.why[:1].lower() + problem.why[1:]
    return stopped(snapshot, sentence(f"The video is ready and paid for, but {why}"))


def unwritten(snapshot: Snapshot, problem: LedgerError) -> Snapshot:
    """The ledger could not take the snapshot down."""
    trouble = sentence(problem.why)
    if snapshot.status.ended:
        # It is what it is, written down or not.
        message = f"{sentence(snapshot.message)} {capital(trouble)}".lstrip()
        return replace(snapshot, message=message, remedy=f"{snapshot.remedy} {problem.remedy}".strip())
    if snapshot.task_id is None:
        remedy = f"{problem.remedy} Then run it again."
        return _ended_as(Status.REFUSED, snapshot, f"Nothing was sent, because {trouble}", remedy)
    message = f"Task {snapshot.task_id} still runs on the server, but {trouble}"
    # By the server's id: ours is not on disk.
    remedy = f"{problem.remedy} Then `%happyhorse resume {snapshot.task_id}` goes on with it."
    return _ended_as(Status.STOPPED, snapshot, message, remedy)


def broken(snapshot: Snapshot, bug: Exception) -> Snapshot:
    """An error of ours; the words say whose it is, and the state claims no more than is known."""
    why = f"An internal error of happyhorse_nb: {type(bug).__name__}: {bug}"
    if snapshot.task_id is not None:
        return stopped(snapshot, sentence(why))
    if snapshot.status == Status.SUBMITTING:
        return unknown(snapshot, sentence(why))
    return _ended_as(Status.REFUSED, snapshot, sentence(f"{why}; nothing was sent"), "")


def stopped_by_user(snapshot: Snapshot) -> Snapshot:
    """The user watches the job no longer; the task lives on."""
    return stopped(snapshot, "Stopped, as you asked; the task still runs on the server.", by_user=True)


def cancelled(snapshot: Snapshot) -> Snapshot:
    """The user took it out of the queue before anything was sent, or back before all of it was."""
    if snapshot.status == Status.SUBMITTING:
        why = "Taken back before all of it was sent; nothing was accepted."
    else:
        why = STATES[Status.CANCELLED].message
    return _ended_as(Status.CANCELLED, snapshot, why)


def lost(snapshot: Snapshot) -> Snapshot:
    """Its row was deleted before it was sent."""
    why = "It is not in the ledger any more; nothing was sent."
    return _ended_as(Status.REFUSED, snapshot, why, STATES[Status.CANCELLED].remedy)


def last_words(jobs: Sequence[Job]) -> list[str]:
    """What a script that ends says of its jobs: a line for each that has failed unheard, and one for what it leaves."""
    unheard = [job for job in jobs if job.done() and not state_of(job).asked and not _wanted(job.snapshot)]
    failed = [(job.snapshot.short_id, job.error) for job in unheard if job.error is not None]
    lines = [f"job {name}: {problem}" for name, problem in failed[:_NAMED]]
    if len(failed) > _NAMED:
        lists = in_words_here("`%happyhorse jobs` lists them")
        lines.append(f"{len(failed) - _NAMED} more have ended without a video; {lists}")
    left = sorted((job.snapshot for job in jobs if not job.done()), key=lambda snapshot: snapshot.created)
    if left:
        names = ", ".join(snapshot.short_id for snapshot in left[:_NAMED]) + (", …" if len(left) > _NAMED else "")
        count = Counter(_WHERE.get(snapshot.status, "being made") for snapshot in left)
        parts = ", ".join(f"{number} {where}" for where, number in count.items())
        go_on = "`%happyhorse resume` and `%happyhorse wait` go on with that in any Python, `%happyhorse jobs` lists it"
        lines.append(f"{parts} ({names}); {in_words_here(go_on)}")
    return lines


def _wanted(snapshot: Snapshot) -> bool:
    """Whether the user knows of the end, for it was asked for."""
    if snapshot.status == Status.STOPPED:
        return snapshot.by_user or snapshot.unsent
    return snapshot.status == Status.CANCELLED


def trouble(problem: HappyHorseError) -> str:
    """What a card says while reads fail."""
    if isinstance(problem, NotFound):
        return "The server says that it does not know this task; it is asked again before that is believed."
    # What sends on says where to, and that is for the user to judge.
    if isinstance(problem, Redirected):
        return capital(str(problem))
    return "The server cannot be reached now; trying again."


def asked_to_wait(seconds: float) -> str:
    """The server asks to wait so long: until when, on the local clock."""
    return f"The server asks to wait until {clock(seconds)}."


def clock(seconds: float) -> str:
    """What the local clock shows in so many seconds: ``14:32``, and within a minute ``14:32:05``."""
    then = time.time() + seconds
    if seconds < 60:
        return time.strftime("%H:%M:%S", time.localtime(then))
    # Not sooner than it is.
    return time.strftime("%H:%M", time.localtime(60 * math.ceil(then / 60)))


def capital(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def _says(problem: HappyHorseError) -> str:
    if isinstance(problem, APIError) and not isinstance(problem, Redirected):
        return f"The server says: {sentence(problem.message)}"
    return sentence(capital(problem.why))


#: What to do where the server refuses a request, or it cannot be sent.
_REMEDIES: dict[type[HappyHorseError], str] = {
    AuthenticationError: "Check the key with `%happyhorse doctor`, or put another one into `%happyhorse login`.",
    InsufficientBalance: "Top up the account, then run it again; nothing was charged.",
    NotFound: "The model may have another name on this server; `%happyhorse doctor` lists those it has.",
    NotSent: "Check the connection and run it again; nothing was charged.",
}


def _remedy(problem: HappyHorseError) -> str:
    if isinstance(problem, Redirected):
        return f"{problem.remedy} Then run it again; nothing was charged."
    known = next((remedy for kind, remedy in _REMEDIES.items() if isinstance(problem, kind)), "")
    return known or problem.remedy or STATES[Status.REFUSED].remedy
