"""Reading a task until it has ended, through drops, 429 and server errors."""

from __future__ import annotations

import time
from dataclasses import replace

from happyhorse_nb import polling
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    NotFound,
    RateLimited,
    Redirected,
    ServerError,
    TransportError,
)
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.looks import Looks
from happyhorse_nb.jobs.reads import Reads
from happyhorse_nb.jobs.track import Track
from happyhorse_nb.models import Snapshot, Status

_TROUBLE = "The server cannot be reached now; trying again."
#: Tries in vain of which nothing need be said.
_SAID = 2
_MISSING = "The server says that it does not know this task; it is asked again before that is believed."


async def watch(track: Track, looks: Looks) -> bool:
    """Read until the video is there; ``looks`` says when. False when it ended here.

    Raises `Stopped`.
    """
    task_id = track.now.task_id
    assert task_id is not None, "a watched job has a task"
    reads = Reads(track, task_id)
    began, tries, wait = time.monotonic(), 0, 0.0
    # Compared by value here and everywhere: after a user's importlib.reload there are two classes of states.
    while track.now.status != Status.DOWNLOADING:
        left = track.settings.deadline - (time.monotonic() - began)
        if left <= 0:
            minutes = max(1, round(track.settings.deadline / 60))
            await track.end(
                outcome.stopped(track.now, f"The task has not ended after {minutes} min; it still runs on the server.")
            )
            return False
        # What is in doubt is looked at as soon as may be.
        gap = 0.0 if reads.at_once or track.in_doubt else looks.gap()
        await track.pause(min(left, max(wait, gap)))
        await track.turn(lambda: looks.urgency(held=reads.at_once))
        try:
            read = await reads.read()
        except (NotFound, RateLimited, ServerError, TransportError) as problem:
            if isinstance(problem, NotFound) and track.gone():
                await track.end(outcome.expired(track.now, by_id=not track.job.record.request))
                return False
            tries += 1
            wait, why = _trouble(track, problem, tries)
            track.change(replace(track.now, message=why))
        except APIError as problem:
            await track.end(outcome.stopped(track.now, outcome.parked(problem)))
            return False
        else:
            tries, wait = 0, 0.0
            track.known()
            now = _merged(track, read, looks.age)
            if read.status == Status.FAILED:
                await track.end(outcome.failed(now))
                return False
            track.change(now)
            looks.heard(read)
    return True


def _trouble(track: Track, problem: HappyHorseError, tries: int) -> tuple[float, str]:
    """For how many seconds not to ask again, after so many tries that failed; and what the card says of it."""
    said = "" if tries <= _SAID else _words(problem)
    if not isinstance(problem, RateLimited):
        return track.backoff(tries), said
    # It is said to the account, whichever of its jobs has asked: there the rest of a long wait is waited.
    wait = track.told(problem, tries)
    track.office.pace.allowance.refused(wait)
    return min(wait, polling.TRIED_AFTER), track.told_to_wait() or said


def _words(problem: HappyHorseError) -> str:
    if isinstance(problem, NotFound):
        return _MISSING
    # What sends on says where to, and that is for the user to judge.
    return outcome.capital(str(problem)) if isinstance(problem, Redirected) else _TROUBLE


def _merged(track: Track, read: Snapshot, age: float) -> Snapshot:
    now = track.now.merged(read)
    if now.took is None and not read.status.on_server:
        # By a clock that nobody sets: what tasks took says when the next ones are looked at.
        return replace(now, took=age)
    return now
