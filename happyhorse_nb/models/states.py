"""What each state is called, and the words and the remedy of each end, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from happyhorse_nb.models.snapshot import Snapshot, Status


@dataclass(frozen=True)
class State:
    """``words`` name it, ``short`` where there is room for one or two only, ``tone`` colours it.

    ``message`` and ``remedy`` are what is said of an end where nobody knows better. In a remedy ``{job}`` is the job's
    short id, and a command stands between backticks.
    """

    words: str
    tone: str = "run"
    short: str = ""
    message: str = ""
    remedy: str = ""


STATES = {
    Status.QUEUED: State("Queued", "wait"),
    Status.SUBMITTING: State("Sending"),
    Status.PENDING: State("Accepted, waiting to start", short="Accepted"),
    Status.PROCESSING: State("Generating"),
    Status.DOWNLOADING: State("Downloading"),
    Status.DONE: State("Done", "done"),
    Status.CANCELLED: State(
        "Cancelled", "warn", "", "Taken out of the queue; nothing was sent.", "Run it again to send it."
    ),
    Status.REFUSED: State(
        "Refused",
        "bad",
        message="The request was refused.",
        remedy="Change the request and run it again; nothing was charged.",
    ),
    Status.FAILED: State(
        "Failed",
        "bad",
        message="The server gives no reason.",
        remedy="Change the prompt or the first frame and run it again.",
    ),
    Status.EXPIRED: State(
        "Expired",
        "bad",
        message="The server does not know this task any more; results are kept for some days only.",
        remedy="Run it with `--again` to make a new video.",
    ),
    Status.UNKNOWN: State(
        "Not known whether it was accepted",
        "warn",
        "Not known",
        "The connection broke after the request had left. It may have been charged, so it is not sent again by itself.",
        "Look at your account's task list: if the task is there, `%happyhorse resume TASK-ID --attach {job}`; if not, "
        "run it with `--again`.",
    ),
    Status.STOPPED: State(
        "Not watched any more",
        "warn",
        "Not watched",
        "The task still runs on the server.",
        "`%happyhorse resume {job}` goes on with it.",
    ),
}


def remedy_of(status: Status, snapshot: Snapshot) -> str:
    """What to do about a job that has ended so."""
    return STATES[status].remedy.format(job=snapshot.short_id)
