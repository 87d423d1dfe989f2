"""Runs the jobs of this process, for one ledger."""

from __future__ import annotations

import atexit
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from happyhorse_nb.engine.fetch import FOLDER, bring_back, copy_of, throw_away
from happyhorse_nb.engine.loop import Callbacks, outcome_of
from happyhorse_nb.engine.registry import Registry, follow
from happyhorse_nb.engine.runner import Runner
from happyhorse_nb.errors import APIError, InvalidRequest, LedgerError, NotFound, RateLimited, TransportError, sentence
from happyhorse_nb.inputs import Input
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.request import Request
from happyhorse_nb.job.state import state_of
from happyhorse_nb.job.waiting import wait
from happyhorse_nb.limits.budget import Quote, check_asked, check_budget
from happyhorse_nb.models import Status
from happyhorse_nb.settings import Account, current_account, frontend, home, process
from happyhorse_nb.settings.config import config
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Frames, Ledger, Presence, Record

if TYPE_CHECKING:
    from happyhorse_nb.client import Client

T = TypeVar("T")
#: Seconds after which the end of a script says what it waits for.
_SILENCE = 3.0
#: Seconds that the loop, and users' callbacks, get when Python ends (a paid request on its way may take three).
_LAST_WORDS, _LAST_CALLS = 4.0, 1.0
#: A question that has to wait longer than the first (seconds) says so; longer than the second, it is not asked.
_SILENT, _LONG = 2.0, 60.0
#: Seconds that `release` waits for a job to end.
_RELEASE = 30.0


# Without a handler, errors on background threads would be printed into cells.
logging.getLogger("happyhorse_nb").addHandler(logging.NullHandler())


def engine() -> Engine:
    """The engine of this process, for the ledger in use now. Raises `LedgerError`, `ConfigError`."""
    return _of(home())


def _of(folder: Path) -> Engine:
    return process.once(f"engine {folder}", lambda: Engine(folder))


class Engine:
    """Submits, watches and remembers jobs. Its public methods are called from any thread.

    They return without waiting for a server, but for `ask`, `submit_all` (which asks about the expired task of an equal
    request, and may copy a video), and `close` (some seconds for requests on their way). An interrupt only ends the
    wait for them (`process.uninterrupted`), so a job is both written down and begun, or neither.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)
        self.frames = Frames(folder)
        try:
            self.presence = Presence(folder)
        except OSError as problem:
            raise _unwritable(folder, problem) from None
        self._pid = os.getpid()
        script = not frontend.in_notebook()
        self._runner = Runner(self.ledger, self.presence, config, follow=self._begin_to_follow, remembers=script)
        self._registry = Registry(
            self.ledger,
            self.presence,
            self,
            go_on=self._begin,
            follow=self._begin_to_follow,
            check_budget=lambda record: check_budget(config().budget, record, self.ledger),
        )
        self._closed = self._interrupted = False
        #: The ids of the jobs that the end of a script has reported.
        self._told: set[str] = set()
        # A kernel gets only some seconds to end, and its user sees the cards; a script sends what it can.
        atexit.register(self._leave if script else self.close)
        if script:
            # Called before Python joins its threads, on which requests depend, and so before atexit. There is no public
            # way to register it; without it, `_leave` still does the rest.
            with suppress(AttributeError, RuntimeError):
                threading._register_atexit(self._finish)  # type: ignore[attr-defined]  # noqa: SLF001

    def submit_all(
        self,
        requests: Sequence[Request],
        *,
        again: bool = False,
        yes: bool = False,
        agreed: Quote | None = None,
        later: bool = False,
    ) -> list[Job]:
        """Write these intents down and start, all or none; for a request equal to one in the ledger, return that one's
        job. ``agreed`` is what the user was asked about and agreed to. With ``later`` they may start only at
        `begin`, or after a moment.

        Raises `MissingKey`, `InvalidRequest` (the budget), `AskFirst` (unless ``yes``) and `LedgerError`.
        """
        account, settings = current_account(), config()
        ask_above = None if yes else settings.ask_above
        reuse = settings.reuse and not again
        records = [
            request.record(account, owner=self.presence.id, cost=request.estimate(settings)) for request in requests
        ]
        if reuse:
            for expired in process.uninterrupted(lambda: list(map(self._only_expired, records))):
                if expired is not None:
                    self._ask_about_expired(expired, account)

        def may(new: Sequence[Record]) -> None:
            check_budget(settings.budget, new[0], self.ledger, *new[1:])
            check_asked(ask_above, new, agreed=agreed)

        return process.uninterrupted(lambda: self._submitted(requests, records, account, may, reuse=reuse, later=later))

    def _submitted(
        self,
        requests: Sequence[Request],
        records: Sequence[Record],
        account: Account,
        may: Callable[[Sequence[Record]], None],
        *,
        reuse: bool,
        later: bool,
    ) -> list[Job]:
        equals = [self._equal(record) if reuse else None for record in records]
        new = [number for number, equal in enumerate(equals) if equal is None]
        wanted = [records[number] for number in new]
        for number in new:
            requests[number].check_target()
        if new:
            # Before anything is copied; and once more in `_bought`, as another thread may have bought something.
            may(wanted)
        jobs = {
            number: self._taken_up(requests[number], equal, account)
            for number, equal in enumerate(equals)
            if equal is not None
        }
        inputs = {number: self._on_disk(requests[number].inputs) for number in new}
        bought = self._bought(wanted, may, reuse=reuse) if new else []
        for number, (job, equal) in zip(new, bought, strict=True):
            jobs[number] = job
            if equal is None:
                self._runner.begin(job, account, inputs[number], later=later)
        for number, (_, equal) in zip(new, bought, strict=True):
            if equal is not None:
                # Another kernel has bought it first.
                jobs[number] = self._taken_up(requests[number], equal, account)
        return [jobs[number] for number in range(len(requests))]

    def _bought(
        self, wanted: Sequence[Record], may: Callable[[Sequence[Record]], None], *, reuse: bool
    ) -> list[tuple[Job, Record | None]]:
        """New jobs, written down; each with the row of an equal request instead, if another kernel was first."""

        def buy() -> list[Record | None]:
            may(wanted)
            return self.ledger.add_all(wanted, reuse=reuse)

        jobs = [self._registry.expect(Job(record, self)) for record in wanted]
        equals: Sequence[Record | None] = wanted
        try:
            equals = self._registry.buying(buy)
        finally:
            for job, equal in zip(jobs, equals, strict=True):
                if equal is None:
                    self._registry.written(job)
                else:
                    self._registry.drop(job)
        return list(zip(jobs, equals, strict=True))

    def take_up(self, record: Record, account: Account) -> Job:
        """A job of the ledger: the live one, else one that goes on here or follows the kernel that it runs in."""
        return process.uninterrupted(lambda: self._registry.take_up(record, account))

    def known(self, record: Record) -> Job:
        """A job of the ledger as it is, without going on with it."""
        return self._registry.known(record)

    def running(self) -> list[Job]:
        """The jobs that this process watches here, or follows in another kernel."""
        return self._registry.running()

    def ask(self, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Ask the server something and wait for the answer; an interrupt gets through.

        If the server or the minute's limit makes it wait, a line on standard error says until when; for more than a
        minute it raises `RateLimited` instead. Raises `MissingKey`, `ConfigError`, and what the question raises.
        """
        return self._asked(current_account(), question)

    def begin(self) -> None:
        """Start what was submitted to start later."""
        self._runner.begin_all()

    def public_text(self, url: str) -> str:
        """What is at a public address; see `transport.public_text`."""
        from happyhorse_nb.client.transport import public_text

        return outcome_of(self._runner.start(lambda: public_text(url)))

    def stop(self, job: Job) -> None:
        """See `Job.stop`."""

        def end() -> None:
            if not self._runner.stop(job) and not job.done():
                why = "No longer watched here, as you asked."
                state_of(job).publish(outcome.ended(outcome.stopped(job.snapshot, why)))

        here = self._here()
        if here is not self:
            here.stop(job)
        elif job.status != Status.QUEUED or not process.uninterrupted(lambda: self._registry.take_out(job)):
            self._runner.loop.call(end)

    def release(self, record: Record) -> None:
        """Stop a job of the ledger and wait until nobody watches it.

        Raises `InvalidRequest` where another kernel does, and `WaitTimeout`.
        """
        if not self._registry.in_hand(record):
            return
        if record.owner != self.presence.id:
            raise InvalidRequest(
                f"job {record.snapshot.short_id} is watched in another kernel",
                remedy=f"Stop it there first: `%happyhorse stop {record.snapshot.short_id}`",
            )
        job = self.known(record)
        self.stop(job)
        wait([job], timeout=_RELEASE)

    def watch(self, job: Job) -> None:
        """See `Job.watch`."""
        here = self._here()
        if here is not self:
            here.watch(job)
        else:
            self._registry.watch(job)

    def starred(self, job: Job) -> bool:
        """See `Job.starred`."""
        return self._here().ledger.starred(job.id)

    def star(self, job: Job, on: bool) -> None:
        """See `Job.star`."""
        self._here().ledger.star(job.id, on=on)

    def call_user(self, function: Callable[[], None]) -> None:
        """Run a user's callback on a thread of its own, where it may take its time."""
        process.once("callbacks", Callbacks).call(function)

    def forget(self, job: Job, *, trash: bool = False) -> None:
        """Wipe what an ended job was about from the ledger, and its inputs unless another job has them too.

        With ``trash`` its video goes into the trash. Raises `InvalidRequest` where it cannot be moved.
        """
        process.uninterrupted(lambda: self._forget(job, trash))

    def _forget(self, job: Job, trash: bool) -> None:
        path = job.path if trash else None
        if path is not None and (not path.exists() or path.parent.name == FOLDER):
            path = None
        thrown = throw_away(path) if path is not None else None
        try:
            free = self.ledger.forget(job.id, path=thrown)
        except LedgerError:
            if path is not None and thrown is not None:
                bring_back(thrown, path)
            raise
        for source in free:
            self.frames.drop(source)
        self._registry.drop(job)

    def wake(self) -> None:
        """Ask about every job at once, as after a sleep of the machine."""
        self._runner.loop.call(self._runner.wake)

    def close(self) -> None:
        """End quietly, leaving every job so that another kernel can take it up."""
        if os.getpid() != self._pid:
            # A fork: jobs and presence are its parent's.
            return
        self._closed = True
        atexit.unregister(self.close)
        atexit.unregister(self._leave)
        with suppress(KeyboardInterrupt):
            process.uninterrupted(self._close)

    def _close(self) -> None:
        with suppress(TimeoutError, CancelledError):
            outcome_of(self._runner.start(self._runner.end), _LAST_WORDS)
        callbacks = process.get("callbacks")
        if callbacks is not None:
            callbacks.drain(_LAST_CALLS)
        with suppress(LedgerError):
            self.ledger.flush(patience=_LAST_CALLS)
        self.presence.close()
        self.ledger.close()

    def _here(self) -> Engine:
        """The engine of this process: a fork has its parent's jobs, but an engine of its own."""
        return self if os.getpid() == self._pid else _of(self.folder)

    def _leave(self) -> None:
        """The end of a script, after its threads: what these asked for is sent too, and a line says what is left."""
        self._finish()
        with suppress(KeyboardInterrupt):
            self._tell()
        self.close()

    def _finish(self) -> None:
        """The end of a script's main code: send what can be sent now. Its threads may still be running."""
        if self._closed or os.getpid() != self._pid:
            return
        if not self._interrupted:
            settling = self._runner.start(self._runner.settle)
            try:
                try:
                    outcome_of(settling, _SILENCE)
                except TimeoutError:
                    _say("waiting until it is known whether the server has accepted what was asked for; Ctrl-C ends it")
                    outcome_of(settling)
            except (KeyboardInterrupt, CancelledError):
                self._interrupted = True
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            # A process of multiprocessing, which has imported that, calls nothing else at its end.
            self._tell()

    def _tell(self) -> None:
        if self._closed or os.getpid() != self._pid:
            return
        jobs = [job for job in self._runner.jobs if job.id not in self._told]
        self._told.update(job.id for job in jobs)
        for line in outcome.last_words(jobs):
            _say(line)

    def _taken_up(self, request: Request, equal: Record, account: Account) -> Job:
        """The job of an equal request, with a copy of its video where this one asks for a file."""
        job = self.take_up(equal, account)
        if request.saved_as is not None:
            copy_of(job, request.saved_as)
        return job

    def _on_disk(self, inputs: Sequence[Input]) -> tuple[Input, ...]:
        """The inputs with their bytes on disk, since many jobs may wait for hours."""
        return tuple(one if one.data is None else one.resting(self.frames.put(one.digest, one.data)) for one in inputs)

    def _only_expired(self, record: Record) -> Record | None:
        """An expired job with an equal request, where no other job has one."""
        expired = self.ledger.expired(record)
        return expired if expired is not None and self.ledger.equal(record) is None else None

    def _ask_about_expired(self, expired: Record, account: Account) -> None:
        """Ask the server once more about a job that has expired, before its request is bought again.

        Unless the server says again that it does not know the task, that job is taken up and nothing is bought.
        """
        task_id = expired.snapshot.task_id
        assert task_id is not None, "`Ledger.expired` finds jobs with a task"
        try:
            self._asked(account, lambda client: client.read(task_id))
        except NotFound:
            return
        except (APIError, TransportError):
            # Without a certain answer nothing is bought.
            pass
        self.ledger.settle(outcome.stopped(expired.snapshot, "The server may still have its task."), was=expired)

    def _equal(self, record: Record) -> Record | None:
        """The job that an equal request has made, is making, or may have made."""
        while True:
            equal = self.ledger.equal(record)
            if equal is None or self._registry.settle(equal) == equal:
                return equal

    def _asked(self, account: Account, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        wait, why = outcome_of(self._runner.start(lambda: self._wait(account)))
        if wait > _LONG:
            raise RateLimited(why, remedy="Ask again then.", retry_after=wait)
        if wait > _SILENT:
            _say(why)
        return outcome_of(self._runner.start(lambda: self._ask(account, question)))

    async def _wait(self, account: Account) -> tuple[float, str]:
        """Seconds until a question may leave, and why."""
        limiter = self._runner.limits(account).limiter
        wait, paused = limiter.wait(submit=not limiter.paused), limiter.paused
        if paused:
            return wait, outcome.asked_to_wait(paused)
        return wait, f"The account's requests for this minute are used up until {outcome.clock(wait)}."

    async def _ask(self, account: Account, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        limits = self._runner.limits(account)
        limiter = limits.limiter
        # Like a submit it goes before all reads, for somebody sits and waits. While the server asks to wait it is the
        # most urgent read: one of those is tried all the same.
        await limits.scheduler.take((lambda: math.inf) if limiter.paused else None)
        try:
            return await question(limits.client)
        except RateLimited as limited:
            if not limited.retry_after:
                raise
            limiter.refused(limited.retry_after)
            message = f"{sentence(limited.message)} {outcome.asked_to_wait(limiter.paused)}"
            raise RateLimited(
                message, status=limited.status, code=limited.code, task_id=limited.task_id, retry_after=limiter.paused
            ) from None

    def _begin(self, job: Job, account: Account) -> None:
        self._runner.begin(job, account, _resting(state_of(job).record, self.frames) if job.task_id is None else ())

    def _begin_to_follow(self, job: Job, account: Account) -> None:
        self._runner.start(lambda: self._follow(job, account))

    async def _follow(self, job: Job, account: Account) -> None:
        while (record := await follow(job, self.ledger, self.presence)) is not None:
            try:
                if await in_thread(self._registry.adopt, job, record, account):
                    return
            except (LedgerError, InvalidRequest) as problem:
                state_of(job).publish(outcome.ended(outcome.stopped(job.snapshot, problem)))


def _resting(record: Record, frames: Frames) -> tuple[Input, ...]:
    """A row's inputs, without their bytes."""
    return tuple(
        Input(one.label, url=one.source, role=one.role)
        if one.address
        else Input(one.label, job=one.job, role=one.role)
        if one.job
        else Input(one.label, file=frames.path(one.source), known=one.source, role=one.role)
        for one in record.inputs
    )


def _say(line: str) -> None:
    """Print a line for whoever runs the script, if there is a standard error."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"happyhorse_nb: {line}\n")
        sys.stderr.flush()


def _unwritable(folder: Path, problem: OSError) -> LedgerError:
    reason = (problem.strerror or type(problem).__name__).lower()
    return LedgerError(
        f"the folder {folder} cannot be written: {reason}", remedy="Check the disk, or set HAPPYHORSE_HOME elsewhere."
    )
