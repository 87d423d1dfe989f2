"""The jobs that this process knows, each once, and how it takes up those of the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar
from weakref import WeakValueDictionary

from happyhorse_nb.errors import JobNotFound, LedgerError
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Controls, Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import Status
from happyhorse_nb.settings import Account, current_account, process
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Ledger, Presence, Record, changing
from happyhorse_nb.store.questions import LETTERS

T = TypeVar("T")
#: Seconds between two reads of the ledger.
_GAP = 1.0


async def follow(job: Job, ledger: Ledger, presence: Presence) -> Record | None:
    """Publish what the kernel that watches a job writes into the ledger, until the job has ended here or there.

    Returns the job's row when that kernel has died and somebody else has to go on with it.
    """
    known = state_of(job).record.snapshot

    def look() -> tuple[Record | None, bool]:
        record = ledger.look_at(job.id)
        return record, record is not None and presence.alive(record.owner)

    while not job.done():
        try:
            record, alive = await in_thread(look)
        except LedgerError as problem:
            state_of(job).publish(outcome.ended(outcome.stopped(job.snapshot, problem)))
            return None
        if record is None:
            state_of(job).publish(outcome.ended(outcome.stopped(job.snapshot, "It is not in the ledger any more.")))
            return None
        if job.done():
            # It has ended here while we looked.
            return None
        if record.snapshot != known:
            known = record.snapshot
            state_of(job).publish(replace(known, progress=job.snapshot.progress))
        elif not alive:
            # Only when its last words have been read: a kernel may finish a job and end between two reads.
            return record
        else:
            await asyncio.sleep(_GAP)
    return None


#: Starts work on a job.
Starter = Callable[[Job, Account], None]


class Registry:
    """Each job once: whoever asks for one that is watched here gets the same object.

    It is decided for one job at a time who watches it, so that two threads never watch the same one: whoever asks about
    that job meanwhile waits for the decision. No lock is held while the ledger is read or written.

    ``go_on`` works on a job here, ``follow`` on one that another process watches; neither waits for anything.
    ``check_budget`` raises `InvalidRequest` for what this process may not buy.
    """

    def __init__(
        self,
        ledger: Ledger,
        presence: Presence,
        controls: Controls,
        *,
        go_on: Starter,
        follow: Starter,
        check_budget: Callable[[Record], None],
    ) -> None:
        self._ledger = ledger
        self._presence = presence
        self._controls = controls
        self._go_on = go_on
        self._follow = follow
        self._check_budget = check_budget
        self._jobs: WeakValueDictionary[str, Job] = WeakValueDictionary()
        self._expected: set[str] = set()
        #: By job: what is set when it is decided who watches it.
        self._deciding: dict[str, Future[None]] = {}
        self._guard = process.Guard()

    def add(self, job: Job) -> Job:
        """This is now the job of its id."""
        self._jobs[job.id] = job
        return job

    def expect(self, job: Job) -> Job:
        """A new job that is about to be written down: as soon as its row is there, others may take it up."""
        self._expected.add(job.id)
        return self.add(job)

    def written(self, job: Job) -> None:
        """The new job is written down."""
        self._expected.discard(job.id)

    def drop(self, job: Job) -> None:
        """Let go of a job; whoever asks for it next gets what the ledger says."""
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
        return Job(self.settle(record), self._controls)

    def take_up(self, record: Record, account: Account) -> Job:
        """A job of the ledger: the live one, else one that goes on here, or that follows the process it runs in."""
        return self._decided(record.snapshot.id, lambda: self._taken_up(record, account))

    def buying(self, decide: Callable[[], T]) -> T:
        """Decide to buy something, while no other thread does: each counts what those before it have spent."""
        return self._decided("", decide)

    def _decided(self, job_id: str, decide: Callable[[], T]) -> T:
        """Decide about one job, while nobody else does. Not on the event loop."""

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
        # Read again: what ended a moment ago was written down before anybody was told.
        record = self.settle(replace(self._ledger.get(record.snapshot.id) or record, typed=record.typed))
        snapshot = record.snapshot
        if record.made:
            return self.add(Job(replace(record, snapshot=replace(snapshot, reused=True)), self._controls))
        check_account(record, account, self._ledger)
        if snapshot.status.running and self._presence.alive(record.owner) and record.owner != self._presence.id:
            job = self.add(Job(record, self._controls))
            self._follow(job, account)
            return job
        if snapshot.status == Status.QUEUED:
            return self._send(record, account)
        if snapshot.task_id is None:
            current = live is not None and live.status == snapshot.status
            return live if live is not None and current else self.add(Job(record, self._controls))
        return self._resume(record, account, live)

    def watch(self, job: Job) -> None:
        """See to it that a job that somebody waits for comes to its end. Raises `JobNotFound`, `MissingKey`."""
        if self._jobs.get(job.id) is job or job.done():
            return
        # On the caller's own thread: Colab tells its secrets to the running cell alone.
        account = current_account()
        check_account(state_of(job).record, account, self._ledger)

        def watch() -> None:
            live = self._jobs.get(job.id)
            if live is job or job.done():
                return
            if live is None or live.done():
                self.add(job)
            self._follow(job, account)

        self._decided(job.id, watch)

    def settle(self, record: Record) -> Record:
        """What a job is that nobody works on any more though it was on its way out."""
        # One that was queued waits on: it was not sent, and whoever takes it up sends it.
        if record.snapshot.status != Status.SUBMITTING or self.in_hand(record):
            return record
        snapshot = record.snapshot
        settled = outcome.unknown(snapshot, "Its kernel ended while the request was on its way.")
        settled = replace(settled, ended=time.time())
        if not self._ledger.settle(settled, was=record):
            # It has moved on since it was read.
            return self._ledger.get(settled.id) or record
        return replace(record, snapshot=settled)

    def in_hand(self, record: Record) -> bool:
        """Whether somebody works on a job: another living process, or this one."""
        if record.owner != self._presence.id:
            return self._presence.alive(record.owner)
        live = self._jobs.get(record.snapshot.id)
        return live is not None and not live.done()

    def _is_past(self, live: Job, record: Record) -> bool:
        """Whether a job that has ended here is not what the ledger says any more."""
        if record.forgotten and not state_of(live).record.forgotten:
            return True
        # What this process owns is as it is here: its end may still be on its way into the ledger. A note may be of a
        # callback here, which is nobody else's matter.
        elsewhere = record.owner != self._presence.id
        return elsewhere and changing(replace(record.snapshot, note="")) != changing(replace(live.snapshot, note=""))

    def adopt(self, job: Job, record: Record, account: Account) -> bool:
        """Go on with a job whose process has died. False when another process was faster. Not on the event loop."""
        return self._decided(job.id, lambda: self._adopted(job, record, account))

    def _adopted(self, job: Job, record: Record, account: Account) -> bool:
        record = self.settle(record)
        snapshot = record.snapshot
        if snapshot.status.ended:
            state_of(job).publish(snapshot)
            return True
        if not self._owned(record):
            return False
        self._go_on(job, account)
        return True

    def take_out(self, job: Job) -> bool:
        """Take a queued job of another process out, dead or alive; False when there is nothing to take out.

        One that lives sees that when the job's turn has come.
        """
        return self._decided(job.id, lambda: self._taken_out(job))

    def _taken_out(self, job: Job) -> bool:
        record = self._ledger.get(job.id)
        mine = record is not None and record.owner == self._presence.id and self.in_hand(record)
        if record is None or record.snapshot.status != Status.QUEUED or mine:
            return False
        out = replace(outcome.cancelled(record.snapshot), ended=time.time())
        if not self._ledger.settle(out, was=record):
            return False
        state_of(job).publish(out)
        return True

    def _send(self, record: Record, account: Account) -> Job:
        """Send a job whose kernel ended while it was queued. Raises `InvalidRequest` (the budget)."""
        if not self._owned(record):
            # Another process was faster.
            return self._taken_up(self._ledger.get(record.snapshot.id) or record, account)
        job = self.add(Job(replace(record, owner=self._presence.id), self._controls))
        self._go_on(job, account)
        return job

    def _owned(self, record: Record) -> bool:
        """Write down that this process goes on with a job, and pays for one that is queued; False when another was
        faster. Raises `InvalidRequest` (the budget)."""

        def own() -> bool:
            if queued:
                self._check_budget(replace(record, owner=self._presence.id))
            return self._ledger.own(record.snapshot.id, self._presence.id, instead_of=record.owner, buys=queued)

        queued = record.snapshot.status == Status.QUEUED
        return self.buying(own) if queued else own()

    def _resume(self, record: Record, account: Account, live: Job | None) -> Job:
        """Watch a task that nobody watches."""
        snapshot = replace(
            record.snapshot, status=Status.PENDING, message="", remedy="", ended=None, path=None, size=None
        )
        taken = replace(record, snapshot=snapshot, owner=self._presence.id)
        if live is None:
            job = self.add(Job(taken, self._controls))
        else:
            job = live
            state_of(job).revive(taken)
        if record.owner == self._presence.id or self._owned(record):
            self._ledger.update(snapshot)
            self._go_on(job, account)
        else:
            self._follow(job, account)
        return job


def check_account(record: Record, account: Account, ledger: Ledger) -> None:
    """Raises `JobNotFound` for a job of another account: with this key its server would not know it."""
    name, key = record.snapshot.short_id, account.key.fingerprint
    if record.origin != account.realm:
        raise JobNotFound(f"job {name} belongs to {record.origin}, and in use here is {account.realm}")
    letters = record.account[:LETTERS]
    if record.account not in (key, *ledger.keys_of(record.origin, key)):
        raise JobNotFound(
            f"job {name} was made with another key ({letters}) than the one in use here",
            remedy=f"If both belong to one account, `%happyhorse login --same-account {letters}` joins them.",
        )
