"""The jobs that this process knows, each once, and how it takes up those in the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar
from weakref import WeakValueDictionary

from happyhorse_nb.errors import JobNotFound, LedgerError
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Controls, Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, current_account, process
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Ledger, Presence, Record, changing
from happyhorse_nb.store.questions import LETTERS

T = TypeVar("T")
#: Seconds between two reads of the ledger.
_GAP = 1.0


async def follow(job: Job, ledger: Ledger, presence: Presence) -> Record | None:
    """Publish what another kernel writes into the ledger about its job, until that has ended.

    Returns the job's row when that kernel has died, so that this one can go on with it.
    """
    known = state_of(job).record.snapshot

    def look() -> tuple[Record | None, bool]:
        record = ledger.look_at(job.id)
        return record, record is not None and presence.alive(record.owner)

    while not job.done():
        why: str | LedgerError = "It is not in the ledger any more."
        try:
            record, alive = await in_thread(look)
        except LedgerError as problem:
            record, why = None, problem
        if job.done():
            return None
        if record is None:
            state_of(job).publish(outcome.ended(outcome.stopped(job.snapshot, why)))
            return None
        if record.snapshot != known:
            known = record.snapshot
            state_of(job).publish(replace(known, progress=job.snapshot.progress))
        elif not alive:
            # Checked only when nothing is new: a kernel may finish a job and end between two reads.
            return record
        else:
            await asyncio.sleep(_GAP)
    return None


#: Starts work on a job.
Starter = Callable[[Job, Account], None]


@dataclass(eq=False, repr=False)
class Registry:
    """Each job once: whoever asks for a job that is watched here gets the same object.

    Who watches a job is decided by one thread at a time, for each job; others wait for the decision. No lock is held
    while the ledger is read or written.

    ``go_on`` works on a job here, ``follow`` on one that another process watches; neither blocks. ``check_budget``
    raises `InvalidRequest` for what this process may not buy.
    """

    ledger: Ledger
    presence: Presence
    controls: Controls
    go_on: Starter
    follow: Starter
    check_budget: Callable[[Record], None]

    def __post_init__(self) -> None:
        self._jobs: WeakValueDictionary[str, Job] = WeakValueDictionary()
        self._expected: set[str] = set()
        #: By job: set when it is decided who watches it.
        self._deciding: dict[str, Future[None]] = {}
        self._guard = process.Guard()

    def add(self, job: Job) -> Job:
        """Make this the job of its id."""
        self._jobs[job.id] = job
        return job

    def expect(self, job: Job) -> Job:
        """Add a new job just before it is written down: once its row is there, others may take it up."""
        self._expected.add(job.id)
        return self.add(job)

    def written(self, job: Job) -> None:
        """The new job is written down."""
        self._expected.discard(job.id)

    def drop(self, job: Job) -> None:
        """Drop a job; whoever asks for it next gets what the ledger says."""
        self._jobs.pop(job.id, None)
        self._expected.discard(job.id)

    def running(self) -> list[Job]:
        """The jobs that this process watches, or follows in another one."""
        return [job for job in list(self._jobs.values()) if not job.done() and job.id not in self._expected]

    def known(self, record: Record) -> Job:
        """A job of the ledger as it is, without going on with it.

        The live one, unless it has ended here and another kernel has gone on with it, or has forgotten it.
        """
        live = self._jobs.get(record.snapshot.id)
        if live is not None and not (live.done() and self._is_past(live, record)):
            return live
        return Job(self.settle(record), self.controls)

    def take_up(self, record: Record, account: Account) -> Job:
        """A job of the ledger: the live one, else one that goes on here, or that follows the process it runs in."""
        return self._decided(record.snapshot.id, lambda: self._taken_up(record, account))

    def buying(self, decide: Callable[[], T]) -> T:
        """Decide to buy something while no other thread does, so that each counts what those before it spend."""
        return self._decided("", decide)

    def _decided(self, job_id: str, decide: Callable[[], T]) -> T:
        """Decide about a job while nobody else does. Not for the event loop."""

        def decide_alone() -> T:
            mine: Future[None] = Future()
            while (other := self._guard(lambda: self._deciding.setdefault(job_id, mine))) is not mine:
                other.result()
            try:
                return decide()
            finally:
                self._guard(lambda: self._deciding.pop(job_id))
                mine.set_result(None)

        return process.uninterrupted(decide_alone)

    def _taken_up(self, record: Record, account: Account) -> Job:
        live = self._jobs.get(record.snapshot.id)
        if live is not None and not live.done():
            return live
        # Read again: it may have ended a moment ago.
        record = self.settle(replace(self.ledger.get(record.snapshot.id) or record, typed=record.typed))
        snapshot = record.snapshot
        if record.made:
            return self.add(Job(replace(record, snapshot=replace(snapshot, reused=True)), self.controls))
        check_account(record, account, self.ledger)
        if snapshot.status.running and self.presence.alive(record.owner) and record.owner != self.presence.id:
            job = self.add(Job(record, self.controls))
            self.follow(job, account)
            return job
        if snapshot.status == Status.QUEUED:
            return self._send(record, account)
        if snapshot.task_id is None:
            current = live is not None and live.status == snapshot.status
            return live if live is not None and current else self.add(Job(record, self.controls))
        return self._resume(record, account, live)

    def watch(self, job: Job) -> None:
        """See `Job.watch`."""
        if self._jobs.get(job.id) is job or job.done():
            return
        # On the caller's thread: Colab tells its secrets to the running cell alone.
        account = current_account()
        check_account(state_of(job).record, account, self.ledger)

        def watch() -> None:
            live = self._jobs.get(job.id)
            if live is job or job.done():
                return
            if live is None or live.done():
                self.add(job)
            self.follow(job, account)

        self._decided(job.id, watch)

    def settle(self, record: Record) -> Record:
        """A row as it is; as unknown where its kernel ended while the request was on its way."""
        # A queued job was not sent, so it stays queued.
        if record.snapshot.status != Status.SUBMITTING or self.in_hand(record):
            return record
        snapshot = record.snapshot
        settled = outcome.unknown(snapshot, "Its kernel ended while the request was on its way.")
        settled = replace(settled, ended=time.time())
        if not self.ledger.settle(settled, was=record):
            # It has changed since it was read.
            return self.ledger.get(settled.id) or record
        return replace(record, snapshot=settled)

    def in_hand(self, record: Record) -> bool:
        """Whether a living process, this one or another, works on a job."""
        if record.owner != self.presence.id:
            return self.presence.alive(record.owner)
        live = self._jobs.get(record.snapshot.id)
        return live is not None and not live.done()

    def _is_past(self, live: Job, record: Record) -> bool:
        """Whether the ledger says something newer about a job that has ended here."""
        if record.forgotten and not state_of(live).record.forgotten:
            return True
        # The end of a job of this process may still be on its way into the ledger. A note may be of a callback here,
        # which concerns no other process.
        elsewhere = record.owner != self.presence.id
        return elsewhere and changing(replace(record.snapshot, note="")) != changing(replace(live.snapshot, note=""))

    def adopt(self, job: Job, record: Record, account: Account) -> bool:
        """Go on with a job whose process has died; False when another process was first. Not for the event loop."""
        return self._decided(job.id, lambda: self._adopted(job, record, account))

    def _adopted(self, job: Job, record: Record, account: Account) -> bool:
        record = self.settle(record)
        snapshot = record.snapshot
        if snapshot.status.ended:
            state_of(job).publish(snapshot)
            return True
        if not self._owned(record):
            return False
        self.go_on(job, account)
        return True

    def take_out(self, job: Job) -> bool:
        """Take a queued job of another process out of the queue; False when there is nothing to take out.

        Its process, if alive, notices when the job's turn comes.
        """
        return self._decided(job.id, lambda: self._taken_out(job))

    def _taken_out(self, job: Job) -> bool:
        record = self.ledger.get(job.id)
        mine = record is not None and record.owner == self.presence.id and self.in_hand(record)
        if record is None or record.snapshot.status != Status.QUEUED or mine:
            return False
        out = replace(outcome.cancelled(record.snapshot), ended=time.time())
        if not self.ledger.settle(out, was=record):
            return False
        state_of(job).publish(out)
        return True

    def _send(self, record: Record, account: Account) -> Job:
        """Send a job whose kernel ended while it was queued. Raises `InvalidRequest` (the budget)."""
        if not self._owned(record):
            # Another process was first.
            return self._taken_up(self.ledger.get(record.snapshot.id) or record, account)
        job = self.add(Job(replace(record, owner=self.presence.id), self.controls))
        self.go_on(job, account)
        return job

    def _owned(self, record: Record, now: Snapshot | None = None) -> bool:
        """Write down that this process goes on with a job, which is ``now`` like this, and pays for it if it is queued;
        False when another was first. Raises `InvalidRequest` (the budget)."""

        def own() -> bool:
            if queued:
                self.check_budget(replace(record, owner=self.presence.id))
            return self.ledger.own(record, self.presence.id, now=now)

        queued = record.snapshot.status == Status.QUEUED
        return self.buying(own) if queued else own()

    def _resume(self, record: Record, account: Account, live: Job | None) -> Job:
        """Watch a task that nobody watches. ``live`` is the job that has ended here, if any."""
        snapshot = replace(
            record.snapshot, status=Status.PENDING, message="", remedy="", ended=None, path=None, size=None
        )
        lost = record.snapshot.status == Status.DONE
        taken = replace(record, snapshot=snapshot, owner=self.presence.id, lost=lost)
        if live is None:
            job = self.add(Job(taken, self.controls))
        else:
            job = live
            state_of(job).revive(taken)
        if self._owned(record, snapshot):
            self.go_on(job, account)
        else:
            self.follow(job, account)
        return job


def check_account(record: Record, account: Account, ledger: Ledger) -> None:
    """Raise `JobNotFound` for another account's job: with this key its server would not know it."""
    name, key = record.snapshot.short_id, account.key.fingerprint
    if record.origin != account.realm:
        raise JobNotFound(f"job {name} belongs to {record.origin}, and in use here is {account.realm}")
    letters = record.account[:LETTERS]
    if record.account not in (key, *ledger.keys_of(record.origin, key)):
        raise JobNotFound(
            f"job {name} was made with another key ({letters}) than the one in use here",
            remedy=f"If both belong to one account, `%happyhorse login --same-account {letters}` joins them.",
        )
