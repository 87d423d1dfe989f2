"""Reading a task until it has ended, through drops, 429 and server errors."""

from __future__ import annotations

import time
from dataclasses import replace

from happyhorse_nb import polling
from happyhorse_nb.errors import APIError, NotFound, RateLimited, ServerError, TransportError
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.looks import Looks
from happyhorse_nb.jobs.reads import Reads
from happyhorse_nb.jobs.track import Track
from happyhorse_nb.models import Status

_TROUBLE = "The server cannot be reached now; trying again."
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
            await track.end(outcome.stopped(track.now, f"The task has not ended after {minutes} min; it goes on."))
            return False
        # What is in doubt is looked at as soon as may be.
        gap = 0.0 if reads.at_once or track.in_doubt else looks.gap()
        await track.pause(min(left, max(wait, gap)))
        await track.turn(lambda: looks.urgency(held=reads.at_once))
        try:
            read = await reads.read()
        except NotFound:
            if track.gone():
                await track.end(outcome.expired(track.now, by_id=not track.job.record.request))
                return False
            tries += 1
            wait = track.backoff(tries)
            track.change(replace(track.now, message=_MISSING if tries > 2 else ""))
        except (RateLimited, ServerError, TransportError) as problem:
            tries += 1
            wait, told = track.backoff(tries), ""
            if isinstance(problem, RateLimited):
                # It is said to the account, whichever of its jobs has asked: there the rest of a long wait is waited.
                wait = track.told(problem, tries)
                track.office.pace.allowance.refused(wait)
                wait, told = min(wait, polling.TRIED_AFTER), track.told_to_wait()
            track.change(replace(track.now, message=told or (_TROUBLE if tries > 2 else "")))
        except APIError as problem:
            await track.end(outcome.stopped(track.now, outcome.parked(problem)))
            return False
        else:
            tries, wait = 0, 0.0
            track.known()
            now = track.now.merged(read)
            if read.status == Status.FAILED:
                await track.end(outcome.failed(now))
                return False
            track.change(now)
            looks.heard(read)
    return True
