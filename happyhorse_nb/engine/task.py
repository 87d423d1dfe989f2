"""One job on its way: it waits for a slot, is submitted once, read until its task has ended, and fetched."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.client.body import Flight
from happyhorse_nb.client.poll import Poll, until_ended
from happyhorse_nb.engine.fetch import DownloadProgress, fetch
from happyhorse_nb.engine.inputs import NotReady, ready
from happyhorse_nb.engine.ledger import AsyncLedger
from happyhorse_nb.engine.loop import always
from happyhorse_nb.engine.stopping import Elsewhere, NoRoom, Over, Stopped, Stopping, Unanswered, Unwritten
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    InsufficientBalance,
    InvalidRequest,
    LedgerError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
from happyhorse_nb.inputs import Input
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.limits.account import AccountLimits
from happyhorse_nb.limits.scheduler import Urgency
from happyhorse_nb.models import Progress, Snapshot, Status
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Presence

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Seconds between a request's turn and its leaving that do not matter to the rate limiter.
_LATE = 0.5
#: Seconds for which a stop waits for the answer to a request that has left. It nearly always comes in that time, and
#: without it nobody knows what became of the request.
_GRACE = 1.0
#: Shorter waits (seconds) that the server asks for, and fewer failed reads, are not shown.
_SHORT, _FEW = 5.0, 2


@dataclass(eq=False, repr=False)
class JobTask:
    """Takes one job from where it stands to its end. Every change is published: first the ledger, then the listeners.

    While the job waits in the queue this object is all of it: no asyncio task, and no bytes of its ``inputs``. It lives
    on the event loop.
    """

    job: Job
    limits: AccountLimits
    inputs: tuple[Input, ...]
    settings: Settings
    ledger: AsyncLedger
    presence: Presence

    def __post_init__(self) -> None:
        self.state = state_of(self.job)
        self.client = self.limits.client
        self.stopping = Stopping()
        #: Its age is counted by a clock that nobody sets. The wall clock only tells the age of a task that was accepted
        #: before it was taken up here; such a task is read at once.
        self.timing = polling.Timing(self.ledger.guess(self.now), always)
        self._taken_up = self.now.submitted is not None
        if self.now.submitted is not None:
            self.timing.begin(time.time() - self.now.submitted)
        #: The progress of the download, once it has begun.
        self.download: DownloadProgress | None = None
        #: Whether another kernel goes on with it; its paid request, if it was stopped before the answer; and the
        #: asyncio task that it runs in.
        self.elsewhere = False
        self.unanswered: asyncio.Task[Snapshot] | None = None
        self.task: asyncio.Task[Any] | None = None
        self._start: Callable[[], object] = lambda: None
        self._poll: Poll | None = None
        #: For how many seconds it is watched, and until when (`time.monotonic`).
        self._watched = self._deadline = float("inf")
        #: Whether the claim is being written after which the request leaves; whether it waits for the rate limiter; and
        #: whether the server has answered about the task here.
        self._claiming = self._awaits_turn = self._known = False

    @property
    def now(self) -> Snapshot:
        """What is known of the job."""
        return self.state.snapshot

    # Called by the runner
    def begin(self, start: Callable[[], object]) -> None:
        """Call ``start``, which is to `run` it, once it has a slot."""
        self._start = start
        if self.now.task_id is not None:
            self.limits.slots.take(self.job.id)
            start()
        else:
            self.limits.slots.enter(self.job.id, self.now.created, start, self._moved)

    def stop(self) -> None:
        """Watch no longer, as soon as that is safe."""
        self.stopping.stop()
        if self.task is None and self.limits.slots.leave(self.job.id):
            # It was queued: `run` publishes its end.
            self._start()

    @property
    def origin(self) -> str:
        """The server that it is for, as in the ledger."""
        return self.state.record.origin

    @property
    def in_mid_air(self) -> bool:
        """Whether its paid request is on its way or about to leave."""
        return self._claiming or self.now.status == Status.SUBMITTING

    @property
    def hazard(self) -> float:
        """The rate (per second) at which its task ends now; 0 where none runs, or a held read will tell."""
        held = self._poll is not None and self._poll.held
        return self.timing.hazard if self.now.status.on_server and not held else 0.0

    @property
    def seconds_left(self) -> float:
        """About how many seconds its slot stays taken."""
        left = self.now.progress.left
        return self.timing.left if left is None else left

    def tick(self) -> None:
        """Publish its progress, about once a second."""
        now = self.now
        if not now.status.running:
            return
        if now.submitted is None:
            left = now.progress.left if now.position else None
            progress = Progress(elapsed=max(0.0, time.time() - now.created), left=left)
        elif self.download is not None:
            # Counting bytes is better than any forecast.
            progress = self.download.progress(self.timing.age)
        else:
            progress = self.timing.progress(now.progress)
        self.quietly(replace(now, progress=progress), tick=True)

    def starts_in(self, seconds: float) -> None:
        """Publish in how many seconds a queued job will start."""
        elapsed = max(0.0, time.time() - self.now.created)
        self.quietly(replace(self.now, progress=Progress(elapsed=elapsed, left=seconds)), tick=True)

    def say_wait(self) -> None:
        """Publish until when the server wants no request, if that is long and delays this job."""
        if self._awaits_turn and (words := self._told_to_wait()) not in ("", self.now.message):
            self.quietly(replace(self.now, message=words))

    def say(self, message: str) -> None:
        """Publish what it waits for."""
        if message != self.now.message:
            self.quietly(replace(self.now, message=message))

    # From queued to done
    async def run(self) -> bool:
        """Run to the end. False when the job waits in the queue again, because the server takes no more now.

        All other ways out publish an end, except a cancellation and `elsewhere`.
        """
        self.task = asyncio.current_task()
        over = True
        try:
            try:
                await self._run()
            except Over:
                pass
            except Stopped:
                await self._publish(self._stopped_by_user())
            except NoRoom:
                over = False
            except Elsewhere:
                self.elsewhere = True
            except Unanswered as request:
                self.unanswered = request.sending
                await self._publish(outcome.ended(outcome.unknown(self.now, outcome.NO_ANSWER)))
        except Unwritten as trouble:
            self._give_up(outcome.unwritten(trouble.snapshot, trouble.problem))
        finally:
            self.task = None
            if over:
                self.limits.slots.leave(self.job.id)
        return over

    async def _run(self) -> None:
        self.stopping.check()
        if self.now.task_id is None:
            await self._submit(await self._complete_inputs())
        if self.now.status != Status.DOWNLOADING:
            await self._watch()
        # The slot is free for the next task while the video is downloaded.
        self.limits.slots.leave(self.job.id)
        await self.end(await fetch(self))

    # Submitting: again only when it is certain that the server has not accepted the request
    async def _complete_inputs(self) -> tuple[Input, ...]:
        try:
            return await self.stopping.unless_stopped(ready(self))
        except NotReady as why:
            await self.end(why.snapshot)
        except LedgerError as problem:
            raise Unwritten(self.now, problem) from None

    async def _submit(self, inputs: tuple[Input, ...]) -> None:
        """Send the request until the server has accepted or refused it.

        Raises `NoRoom`; `Stopped` where the server cannot have accepted it, and `Unanswered` where it can.
        """
        tries, since = 0, time.monotonic()
        while True:
            await self.turn()
            turn = time.monotonic()
            # On disk before the request leaves, so that a kernel that is killed right after it leaves no unknown task.
            await self._claim(replace(self.now, status=Status.SUBMITTING, message="", remedy="", position=None))
            if (late := time.monotonic() - turn) > _LATE:
                self.limits.limiter.late(late)
            self.stopping.check()
            logger.info("job %s: submitting, %s", self.job.id, self.now.cost)
            try:
                accepted = await self._sent(inputs)
            except RateLimited as limited:
                await self._back_into_the_queue(limited)
                self.stopping.check()
                raise NoRoom from None
            except NotSent as problem:
                tries += 1
                since = time.monotonic() if tries == 1 else since
                wait = self.backoff(tries)
                # One that has begun to leave is sent again only if the user says so.
                if problem.begun or time.monotonic() - since + wait > self.settings.send_patience:
                    await self.end(outcome.refused(self.now, problem))
                why = outcome.capital(problem.why).rstrip(".")
            except OutcomeUnknown as problem:
                if problem.snapshot.task_id is None:
                    await self.end(outcome.unknown(self.now, problem.snapshot.message))
                # An error that names a task. Reading that task is free, and tells what became of it.
                return await self._accept(replace(problem.snapshot, status=Status.PENDING, message=""))
            except (APIError, InvalidRequest) as problem:
                balance = await self._balance() if isinstance(problem, InsufficientBalance) else None
                await self.end(outcome.refused(self.now, problem, balance=balance))
            else:
                return await self._accept(accepted)
            why = f"{why}; nothing was charged, it is sent again in {max(1, round(wait))} s."
            await self._publish(replace(self.now, status=Status.QUEUED, message=why))
            await self.stopping.pause(wait)

    async def _sent(self, inputs: tuple[Input, ...]) -> Snapshot:
        """Send it; the accepted task. A stop takes the request back at once where possible, else leaves it.

        Raises what `Client.submit` raises, `Stopped` and `Unanswered`.
        """
        now, flight = self.now, Flight()
        request = self.client.submit(
            inputs, now.prompt or None, model=now.model, unlisted=True, flight=flight, **now.params
        )
        sending = asyncio.ensure_future(request)
        try:
            if not await self.stopping.until_stopped(sending) and flight.whole:
                await asyncio.wait({sending}, timeout=_GRACE)
                if not sending.done():
                    raise Unanswered(sending)
        except asyncio.CancelledError:
            await _given_up(sending)
            raise
        if not sending.done():
            await _given_up(sending)
            if sending.cancelled():
                # Its last bytes may have left meanwhile.
                raise Unanswered(sending) if flight.whole else Stopped
        return sending.result()

    async def _accept(self, accepted: Snapshot) -> None:
        now = self._with_task(accepted)
        self.timing.begin()
        logger.info("job %s: accepted as task %s, %s", self.job.id, now.task_id, now.cost)
        if now.status == Status.FAILED:
            await self.end(outcome.failed(now))
        first = await self._publish(now, then=lambda: self.ledger.sharer(self.job.id))
        if first is not None:
            # The server has given an earlier request the same task: both show it, one counts its cost.
            self.state.remark(
                f"the server gave this request the task of job {first.snapshot.id}; what it costs is counted once"
            )
            await self._publish(replace(self.now, shared=True))
        self.limits.slots.accepted(self.job.id)

    async def _back_into_the_queue(self, limited: RateLimited) -> None:
        limits = self.limits
        logger.debug("job %s: 429 on submit, wait %s s", self.job.id, limited.retry_after)
        if limits.full(limited):
            wait = limits.slots.refused(limited.retry_after or None, longest=self.settings.max_backoff)
            why = "The account runs as many tasks at once as it may"
        else:
            wait = limited.retry_after or self.backoff(1, first=5.0)
            limits.limiter.refused(wait)
            limits.slots.concurrency.hold(wait)
            why = "The account has made too many requests"
        when = f"in {max(1, round(wait))} s" if limited.retry_after else "as soon as there is room"
        why = f"{why}; nothing was charged, it is sent again {when}."
        await self._publish(replace(self.now, status=Status.QUEUED, message=why))
        # While it waits for a slot, others may have the room of its pictures.
        with suppress(LedgerError):
            await self.limits.uploads.give_up(self.job.id)
        # After that: if a slot is free, it is sent at once.
        limits.slots.back(self.job.id)
        asyncio.get_running_loop().call_later(wait, limits.slots.fill)

    async def _balance(self) -> Decimal | None:
        """What the account holds, where the server refuses for lack of money; None where it does not say."""
        try:
            await self.turn()
            return await self.client.balance()
        except (HappyHorseError, Stopped):
            # (A stop does not change the refusal.)
            return None

    async def note_late_answer(self, sending: asyncio.Task[Snapshot]) -> None:
        """Note the late answer to a request whose job was stopped, so that a paid task is found by its id."""
        try:
            await asyncio.wait({sending})
        finally:
            sending.cancel()
        if sending.cancelled():
            return
        problem = sending.exception()
        if isinstance(problem, (APIError, InvalidRequest, NotSent)):
            await self._correct(outcome.refused(self.now, problem))
            return
        accepted = problem.snapshot if isinstance(problem, OutcomeUnknown) else sending.result()
        if accepted.task_id is not None:
            now = self._with_task(accepted)
            failed = now.status == Status.FAILED
            await self._correct(outcome.failed(now) if failed else outcome.stopped_by_user(now))

    # Watching: read through drops, 429 and server errors until the video is there
    async def _watch(self) -> None:
        self.timing.forecast = await self.ledger.forecast(self.now)
        self._watched = self.settings.deadline or polling.deadline(self.timing.forecast)
        self._deadline = time.monotonic() + self._watched
        self._poll = Poll(
            self.timing,
            self.limits.hold,
            status=None if self._taken_up and not self._known else self.now.status,
            price=lambda: self.limits.scheduler.price,
            max_gap=self.settings.max_poll_gap,
            max_backoff=self.settings.max_backoff,
            missing_patience=self.settings.missing_patience,
            typed=self.state.record.typed and not self._known,
            shared=True,
        )
        try:
            last = await until_ended(self, self._poll)
        except NotFound:
            await self.end(outcome.expired(self.now, by_id=not self.state.record.request))
        except APIError as problem:
            await self.end(outcome.stopped(self.now, problem))
        if last.status == Status.FAILED:
            await self.end(outcome.failed(self._merged(last)))

    async def pause(self, seconds: float) -> None:
        """Wait before the next read. Raises `Stopped`, and `Over` after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            minutes = max(1, round(self._watched / 60))
            why = f"The task has not ended after {minutes} min; it still runs on the server."
            await self.end(outcome.stopped(self.now, why))
        await self.stopping.pause(min(left, seconds))

    async def turn(self, urgency: Urgency | None = None) -> None:
        """Wait until a request may leave: a submit, or a read of some ``urgency``. Raises `Stopped`."""
        await self.stopping.unless_stopped(self.request_turn(urgency))
        self.stopping.check()

    async def request_turn(self, urgency: Urgency | None = None) -> None:
        """`turn` within what a stop cancels."""
        self._awaits_turn = True
        try:
            self.say_wait()
            await self.limits.scheduler.take(urgency)
        finally:
            self._awaits_turn = False

    async def read(self, *, hold: bool) -> Snapshot | None:
        """What the server says of the task; None where a wake has cut a held read short."""
        assert self.now.task_id is not None, "a watched job has a task"
        if hold:
            return await self.stopping.until_woken(self.client.read(self.now.task_id, hold=True))
        return await self.stopping.unless_stopped(self.client.read(self.now.task_id))

    def heard(self, snapshot: Snapshot) -> None:
        """Publish what the server has said."""
        self._known = True
        if snapshot.status != Status.FAILED:
            self._change(self._merged(snapshot))

    def troubled(self, problem: HappyHorseError, wait: float, tries: int) -> None:
        """A read has failed; the card says so from the third on."""
        said = "" if tries <= _FEW else outcome.trouble(problem)
        if isinstance(problem, RateLimited):
            # The rate limiter makes all jobs of the account wait.
            self.limits.limiter.refused(wait)
            said = self._told_to_wait() or said
        self._change(replace(self.now, message=said))

    def _merged(self, read: Snapshot) -> Snapshot:
        now = self.now.merged(read)
        if now.took is None and not read.status.on_server:
            # Not by the wall clock: later polls are planned by how long tasks took.
            return replace(now, took=self.timing.age)
        return now

    def backoff(self, tries: int, *, first: float = 1.0) -> float:
        """Seconds before the next try, after so many failures."""
        return polling.backoff(tries, longest=self.settings.max_backoff, first=first)

    # Publishing
    def quietly(self, snapshot: Snapshot, *, tick: bool = False) -> None:
        """Publish a change that is not written down: a position in the queue, a link."""
        self.state.publish(snapshot, tick=tick)

    async def end(self, snapshot: Snapshot) -> NoReturn:
        """Publish an end. Raises `Over`, or `Unwritten`."""
        await self._publish(outcome.ended(snapshot))
        raise Over

    async def _publish(self, snapshot: Snapshot, then: Callable[[], T] | None = None) -> T | None:
        """Write it into the ledger, then tell the listeners. Raises `Unwritten`."""
        try:
            found = await self.ledger.write(snapshot, then)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        self.state.publish(snapshot)
        return found

    async def _claim(self, snapshot: Snapshot) -> None:
        """Publish that the request leaves now.

        Raises `Over` when the job has ended in another kernel, `Elsewhere` when another kernel sends it, `Unwritten`.
        """
        self._claiming = True
        try:
            if await self.ledger.claim(snapshot, self.presence.id):
                self.state.publish(snapshot)
                return
            record = await self.ledger.get(snapshot.id)
        except LedgerError as problem:
            raise Unwritten(snapshot, problem) from None
        finally:
            self._claiming = False
        if record is not None and not record.snapshot.status.ended:
            raise Elsewhere
        gone = outcome.lost(self.now)
        self.state.publish(outcome.ended(gone) if record is None else record.snapshot)
        raise Over

    async def _correct(self, snapshot: Snapshot) -> None:
        """Publish the end that a job has really come to, unless somebody goes on with it."""
        snapshot, was = outcome.ended(snapshot), replace(self.state.record, snapshot=self.now, owner=self.presence.id)
        try:
            if await self.ledger.settle(snapshot, was=was):
                self.state.publish(snapshot)
        except LedgerError:
            self._give_up(snapshot)

    def _give_up(self, snapshot: Snapshot) -> None:
        """Publish an end that is written down later, as it cannot be now."""
        snapshot = outcome.ended(snapshot)
        self.ledger.later(snapshot)
        self.state.publish(snapshot)

    def _change(self, snapshot: Snapshot) -> None:
        """Publish what the server says, if it is new; most reads find what was known.

        It is written down later: whoever takes the task up asks the server anyway.
        """
        if snapshot != self.now:
            self.ledger.later(snapshot)
            self.state.publish(snapshot)

    def _with_task(self, accepted: Snapshot) -> Snapshot:
        return replace(self.now.merged(accepted), task_id=accepted.task_id, submitted=time.time())

    def _stopped_by_user(self) -> Snapshot:
        now = self.now
        return outcome.ended(outcome.cancelled(now) if now.task_id is None else outcome.stopped_by_user(now))

    def _told_to_wait(self) -> str:
        """Until when the server wants no request, in words; empty where it does, or soon will."""
        seconds = self.limits.limiter.paused
        return outcome.asked_to_wait(seconds) if seconds > _SHORT else ""

    def _moved(self, position: int | None) -> None:
        self.quietly(replace(self.now, position=position))


async def _given_up(sending: asyncio.Task[Snapshot]) -> None:
    sending.cancel()
    await asyncio.wait({sending})
