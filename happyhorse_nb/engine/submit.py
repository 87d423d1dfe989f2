"""The paid request: sent once, and again only when it is certain that the server has not accepted it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal

from happyhorse_nb.client.body import Flight
from happyhorse_nb.engine.track import Stopped, Track
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    InsufficientBalance,
    InvalidRequest,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    lasting,
)
from happyhorse_nb.inputs import FirstFrame
from happyhorse_nb.job import outcome
from happyhorse_nb.models import Snapshot, Status

#: Seconds between a request's turn and its leaving that are no matter in a minute's count.
_LATE = 0.5
#: Seconds for which a stop waits for the answer to a request that has left: nearly always it is there by then, and
#: tells what nobody knows without it.
_GRACE = 1.0


@lasting
class NoRoom(Exception):
    """The server takes no more for now; the job waits in the queue again."""


@lasting
class Unanswered(Exception):
    """The user asked to stop when the server may have had all of the request; ``sending`` goes on."""

    def __init__(self, sending: asyncio.Task[Snapshot]) -> None:
        super().__init__()
        self.sending = sending


async def submit(track: Track, frame: FirstFrame) -> bool:
    """Send a job's request until the server has accepted or refused it. False when the job ended here.

    Raises `NoRoom`; `Stopped` where the server cannot have accepted anything, and `Unanswered` where it can.
    """
    unsent_tries, unsent_since = 0, time.monotonic()
    while True:
        await track.turn()
        now, turn = track.now, time.monotonic()
        # On disk before the request leaves: a kernel killed right after it leaves no task that nobody knows of.
        if not await track.claim(replace(now, status=Status.SUBMITTING, message="", remedy="", place=None)):
            return False
        if (late := time.monotonic() - turn) > _LATE:
            track.office.pace.allowance.late(late)
        track.check()
        try:
            accepted = await _sent(track, frame)
        except RateLimited as limited:
            await _back_into_the_queue(track, limited)
            track.check()
            raise NoRoom from None
        except NotSent as problem:
            unsent_tries += 1
            unsent_since = time.monotonic() if unsent_tries == 1 else unsent_since
            wait = track.backoff(unsent_tries)
            # Of one that has begun to leave only the user knows whether it is to be sent again.
            if problem.begun or time.monotonic() - unsent_since + wait > track.settings.send_patience:
                await track.end(outcome.refused(track.now, problem))
                return False
            why = outcome.capital(str(problem)).rstrip(".")
        except OutcomeUnknown as problem:
            return await _in_doubt(track, problem.snapshot)
        except (APIError, InvalidRequest) as problem:
            balance = await _balance(track) if isinstance(problem, InsufficientBalance) else None
            await track.end(outcome.refused(track.now, problem, balance=balance))
            return False
        else:
            return await _accepted(track, accepted)
        why = f"{why}; nothing was charged, it is sent again in {max(1, round(wait))} s."
        await track.publish(replace(track.now, status=Status.QUEUED, message=why))
        await track.pause(wait)


async def _sent(track: Track, frame: FirstFrame) -> Snapshot:
    """The accepted task. A stop is obeyed at once: the request is taken back where that is possible, else left alone.

    Raises what `Client.submit` raises, `Stopped` and `Unanswered`.
    """
    now, flight = track.now, Flight()
    request = track.client.submit(frame, now.prompt or None, model=now.model, flight=flight, **now.params)
    sending = asyncio.ensure_future(request)
    try:
        if not await track.until_stopped(sending) and flight.whole:
            await asyncio.wait({sending}, timeout=_GRACE)
            if not sending.done():
                raise Unanswered(sending)
    except asyncio.CancelledError:
        await _given_up(sending)
        raise
    if not sending.done():
        await _given_up(sending)
        if sending.cancelled():
            # Its last bytes may have been faster.
            raise Unanswered(sending) if flight.whole else Stopped
    return sending.result()


async def _given_up(sending: asyncio.Task[Snapshot]) -> None:
    sending.cancel()
    await asyncio.wait({sending})


async def heard_late(track: Track, sending: asyncio.Task[Snapshot]) -> None:
    """What the server says of a request after its job was stopped: a paid task is found again by its id."""
    try:
        await asyncio.wait({sending})
    finally:
        sending.cancel()
    if sending.cancelled():
        return
    problem = sending.exception()
    if isinstance(problem, (APIError, InvalidRequest, NotSent)):
        await track.correct(outcome.refused(track.now, problem))
        return
    accepted = problem.snapshot if isinstance(problem, OutcomeUnknown) else sending.result()
    if accepted.task_id is None:
        return
    now = replace(track.now.merged(accepted), task_id=accepted.task_id, submitted=time.time())
    await track.correct(outcome.failed(now) if now.status == Status.FAILED else outcome.stopped_by_user(now))


async def _back_into_the_queue(track: Track, limited: RateLimited) -> None:
    office = track.office
    if office.full(limited):
        wait = office.queue.refused(limited.retry_after or None, longest=track.settings.max_backoff)
        why = "The account runs as many tasks at once as it may"
    else:
        wait = limited.retry_after or track.backoff(1, first=5.0)
        office.pace.allowance.refused(wait)
        office.queue.concurrency.hold(wait)
        why = "The account has made too many requests"
    when = f"in {max(1, round(wait))} s" if limited.retry_after else "as soon as there is room"
    why = f"{why}; nothing was charged, it is sent again {when}."
    await track.publish(replace(track.now, status=Status.QUEUED, message=why))
    # Only now: a place may be free again, and then its turn comes at once.
    office.queue.back(track.job.id)
    asyncio.get_running_loop().call_later(wait, office.queue.fill)


async def _accepted(track: Track, accepted: Snapshot) -> bool:
    now = replace(track.now.merged(accepted), task_id=accepted.task_id, submitted=time.time())
    if now.status == Status.FAILED:
        await track.end(outcome.failed(now))
        return False
    await track.publish(now)
    await track.share()
    track.office.queue.accepted(track.job.id)
    return True


async def _in_doubt(track: Track, heard: Snapshot) -> bool:
    if heard.task_id is not None:
        # An error that names a task: to read that one tells what became of it, and costs nothing.
        return await _accepted(track, replace(heard, status=Status.PENDING, message=""))
    await track.end(outcome.unknown(track.now, heard.message))
    return False


async def _balance(track: Track) -> Decimal | None:
    """What the account holds, to be said where it is too little; None where the server does not say."""
    try:
        await track.turn()
        return await track.client.balance()
    except (HappyHorseError, Stopped):
        # (It was refused, whatever the user asks for now.)
        return None
