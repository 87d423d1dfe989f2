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
    Redirected,
    in_words_here,
)
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import Progress, Snapshot, Status

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
_SEND = "Run the cell again to send it."
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
    words = " ".join(part for part in (sentence(snapshot.message), snapshot.remedy.replace("`", "")) if part)
    return kind(words or f"the job is {snapshot.status}", snapshot=snapshot, job=job)


def refused(snapshot: Snapshot, problem: HappyHorseError, *, balance: Decimal | None = None) -> Snapshot:
    """Refused: nothing was charged. ``balance`` is what the account holds, in USD, where that is known."""
    says = _says(problem) if balance is None else f"{_says(problem)} The balance is ${balance:.2f}."
    return replace(snapshot, status=Status.REFUSED, message=says, remedy=_remedy(problem))


def failed(snapshot: Snapshot) -> Snapshot:
    """The server failed the task; ``snapshot`` holds its reason, where it gave one."""
    message = f"The server says: {snapshot.message}" if snapshot.message else "The server gives no reason."
    remedy = "Change the prompt or the first frame and run the cell again."
    return replace(snapshot, status=Status.FAILED, message=message, remedy=remedy)


def unknown(snapshot: Snapshot, message: str) -> Snapshot:
    """Not known whether the paid request was accepted."""
    # In a remedy a command stands between backticks: code on a card, dropped where there is only text.
    remedy = (
        "Look at your account's task list: if the task is there, `%happyhorse resume TASK-ID --attach "
        f"{snapshot.short_id}`; if not, run the cell with `--again`."
    )
    return replace(snapshot, status=Status.UNKNOWN, message=message, remedy=remedy)


def expired(snapshot: Snapshot, *, by_id: bool = False) -> Snapshot:
    """The server knows the task no longer; ``by_id``: it was named by its id alone, so it may have never known it."""
    if by_id:
        message = "The server does not know this task: results are kept for some days only, or the id is another one's."
        remedy = "Look the id up in your account's task list."
    else:
        message = "The server does not know this task any more; results are kept for some days only."
        remedy = "Run the cell with `--again` to make a new video."
    return replace(snapshot, status=Status.EXPIRED, message=message, remedy=remedy)


def stopped(snapshot: Snapshot, why: str, *, by_user: bool = False) -> Snapshot:
    """Not watched any more; the task lives on."""
    return replace(
        snapshot,
        status=Status.STOPPED,
        message=why,
        remedy=f"`%happyhorse resume {snapshot.short_id}` goes on with it.",
        by_user=by_user,
    )


def ready(snapshot: Snapshot, problem: DownloadError | OSError) -> Snapshot:
    """The video is made, and could not be brought here."""
    if isinstance(problem, OSError):
        why = f"it could not be written: {(problem.strerror or type(problem).__name__).lower()}"
    else:
        why = str(problem)[:1].lower() + str(problem)[1:]
    return stopped(snapshot, sentence(f"The video is ready and paid for, but {why}"))


def unwritten(snapshot: Snapshot, problem: LedgerError) -> Snapshot:
    """The ledger could not take the snapshot down."""
    trouble = sentence(str(problem))
    if snapshot.status.ended:
        # It is what it is, written down or not.
        return replace(snapshot, message=" ".join(filter(None, (sentence(snapshot.message), capital(trouble)))))
    if snapshot.task_id is None:
        why = f"Nothing was sent, because {trouble}"
        return replace(snapshot, status=Status.REFUSED, message=why, remedy="Then run the cell again.")
    why = f"Task {snapshot.task_id} still runs on the server, but {trouble}"
    remedy = f"Then `%happyhorse resume {snapshot.task_id}` goes on with it."
    return replace(snapshot, status=Status.STOPPED, message=why, remedy=remedy)


def broken(snapshot: Snapshot, bug: Exception) -> Snapshot:
    """An error of ours; the words say whose it is, and the state claims no more than is known."""
    why = f"An internal error of happyhorse_nb: {type(bug).__name__}: {bug}"
    if snapshot.task_id is not None:
        return stopped(snapshot, sentence(why))
    if snapshot.status == Status.SUBMITTING:
        return unknown(snapshot, sentence(why))
    return replace(snapshot, status=Status.REFUSED, message=sentence(f"{why}; nothing was sent"), remedy="")


def stopped_by_user(snapshot: Snapshot) -> Snapshot:
    """The user watches the job no longer; the task lives on."""
    return stopped(snapshot, "Stopped, as you asked; the task still runs on the server.", by_user=True)


def cancelled(snapshot: Snapshot) -> Snapshot:
    """The user took it out of the queue before anything was sent, or back before all of it was."""
    if snapshot.status == Status.SUBMITTING:
        why = "Taken back before all of it was sent; nothing was accepted."
    else:
        why = "Taken out of the queue; nothing was sent."
    return replace(snapshot, status=Status.CANCELLED, message=why, remedy=_SEND)


def lost(snapshot: Snapshot) -> Snapshot:
    """Its row was deleted before it was sent."""
    why = "It is not in the ledger any more; nothing was sent."
    return replace(snapshot, status=Status.REFUSED, message=why, remedy=_SEND)


def last_words(jobs: Sequence[Job]) -> list[str]:
    """What a script that ends says of its jobs: a line for each that has failed unheard, and one for what it leaves."""
    unheard = [job for job in jobs if job.done() and not state_of(job).asked and not _wanted(job.snapshot)]
    failed = [(job.snapshot.short_id, job.error) for job in unheard if job.error is not None]
    lines = [f"job {name}: {problem}" for name, problem in failed[:_NAMED]]
    if len(failed) > _NAMED:
        lines.append(f"{len(failed) - _NAMED} more have ended without a video; `happyhorse-nb jobs` lists them")
    left = sorted((job.snapshot for job in jobs if not job.done()), key=lambda snapshot: snapshot.created)
    if left:
        names = ", ".join(snapshot.short_id for snapshot in left[:_NAMED]) + (", …" if len(left) > _NAMED else "")
        count = Counter(_WHERE.get(snapshot.status, "being made") for snapshot in left)
        parts = ", ".join(f"{number} {where}" for where, number in count.items())
        lines.append(
            f"{parts} ({names}); %happyhorse resume and %happyhorse wait go on with that in any Python, "
            "`happyhorse-nb jobs` lists it"
        )
    return [in_words_here(line) for line in lines]


def _wanted(snapshot: Snapshot) -> bool:
    """Whether the user knows of the end, for it was asked for."""
    if snapshot.status == Status.STOPPED:
        return snapshot.by_user or snapshot.unsent
    return snapshot.status == Status.CANCELLED


def parked(problem: APIError) -> str:
    """Why reading ended though the task did not."""
    return _says(problem)


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


def sentence(text: str) -> str:
    """The text with a full stop, where it has no end of its own."""
    text = text.strip()
    return text if not text or text[-1] in ".!?…。" else text + "."


def _says(problem: HappyHorseError) -> str:
    if isinstance(problem, Redirected):
        return f"The server answers {problem.status}: {sentence(problem.message)}"
    if isinstance(problem, APIError):
        return f"The server says: {sentence(problem.message)}"
    return sentence(capital(str(problem)))


def _remedy(problem: HappyHorseError) -> str:
    if isinstance(problem, Redirected):
        return f"{problem.remedy} Then run the cell again; nothing was charged."
    if isinstance(problem, AuthenticationError):
        return "Check the key with `%happyhorse doctor`, or type another one into `%happyhorse login`."
    if isinstance(problem, InsufficientBalance):
        return "Top up the account, then run the cell again; nothing was charged."
    if isinstance(problem, NotFound):
        return "The model may have another name on this server; `%happyhorse doctor` lists those it has."
    if isinstance(problem, NotSent):
        return "Check the connection and run the cell again; nothing was charged."
    return "Change the request and run the cell again; nothing was charged."
