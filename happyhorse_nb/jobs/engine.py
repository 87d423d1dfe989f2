"""What runs the jobs of this process: one loop, one ledger, one queue."""

from __future__ import annotations

import asyncio
import atexit
import secrets
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from happyhorse_nb.client import Client
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.images import FirstFrame
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.lifecycle import Lifecycle
from happyhorse_nb.jobs.loop import OwnedLoop
from happyhorse_nb.jobs.pace import Pace
from happyhorse_nb.jobs.queue import Queue
from happyhorse_nb.jobs.request import Request
from happyhorse_nb.ledger import Frames, Ledger, Presence, Record
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, current_account, home, process
from happyhorse_nb.settings.config import config

T = TypeVar("T")
#: Seconds between two updates of a running card.
_TICK = 1.0
#: Seconds that a paid request in mid-air is given to arrive when the kernel shuts down.
_LAST_WORDS = 3.0


def engine() -> Engine:
    """The engine of this process, for the ledger in use now."""
    folder = home()
    return process.once(f"engine {folder}", lambda: Engine(folder))


class Engine:
    """Submits, watches and remembers jobs. Its public methods are called from any thread and return at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)
        self.frames = Frames(folder)
        self.presence = Presence(folder)
        self._jobs: WeakValueDictionary[str, Job] = WeakValueDictionary()
        self._lives: dict[str, Lifecycle] = {}
        self._queue = Queue(lambda: config().max_concurrent)
        self._pace = Pace(lambda: config().requests_per_minute)
        self._clients: dict[tuple[str, str], Client] = {}
        self._loop = process.once("loop", OwnedLoop)
        self._loop.start(self._ticks)
        atexit.register(self.close)

    def submit(self, request: Request, *, again: bool = False) -> Job:
        """Write the intent down and start; or, for a request equal to one in the ledger, the job that this one is.

        Raises `MissingKey`, `InvalidRequest` (the budget) and `LedgerError`.
        """
        account, settings = current_account(), config()
        estimate = settings.estimate(request.params, model=request.model)
        thumbnail = request.frame.thumbnail
        snapshot = Snapshot(
            status=Status.QUEUED,
            id=secrets.token_hex(6),
            model=request.model,
            prompt=request.prompt,
            params=request.params,
            note=request.note,
            created=time.time(),
            cost=estimate,
            sandbox=account.sandbox,
        )
        record = Record(
            snapshot=snapshot,
            origin=account.realm,
            account=account.key.fingerprint,
            request=request.digest,
            frame=request.frame.url or request.frame.digest,
            frame_label=request.frame.label,
            target=request.target,
            owner=self.presence.id,
            thumbnail=thumbnail,
        )
        equal = None
        while settings.reuse and not again:
            equal = self.ledger.equal(record)
            if equal is None or self._settle(equal) == equal:
                break
        if equal is None:
            self._check_budget(snapshot)
            if request.frame.data is not None:
                self.frames.keep(request.frame.digest, request.frame.data)
            equal = self.ledger.add(record, reuse=settings.reuse and not again)
        if equal is not None:
            return self.take_up(equal, account)
        job = Job(record, self)
        self._jobs[job.id] = job
        self._begin(job, account, request.frame)
        return job

    def take_up(self, record: Record, account: Account) -> Job:
        """A job of the ledger: the live one, else one that goes on here, or that follows the kernel it runs in."""
        record = self._settle(record)
        live = self._jobs.get(record.snapshot.id)
        if live is not None and not (live.snapshot.status is Status.STOPPED and live.task_id):
            return live
        snapshot = record.snapshot
        gone = snapshot.status is Status.DONE and not (snapshot.path and snapshot.path.exists())
        if snapshot.status is Status.DONE and not gone:
            return self._keep(Job(replace(record, snapshot=replace(snapshot, reused=True)), self))
        if snapshot.task_id is None and snapshot.status.ended:
            return self._keep(Job(record, self))
        if self.presence.alive(record.owner) and record.owner != self.presence.id and snapshot.status.running:
            job = self._keep(Job(record, self))
            self._loop.start(lambda: self._follow(job, account))
            return job
        return self._go_on(record, account)

    def known(self, record: Record) -> Job:
        """A job of the ledger as it is, without going on with it."""
        live = self._jobs.get(record.snapshot.id)
        return live if live is not None else Job(self._settle(record), self)

    def running(self) -> list[Job]:
        """The jobs that this process watches, or follows in another kernel."""
        return [job for job in list(self._jobs.values()) if not job.done()]

    def ask(self, question: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Ask the server something on the owned loop and wait for the answer, so that an interrupt gets through."""
        account = current_account()
        answer = self._loop.start(lambda: question(self._client(account)))
        while True:
            try:
                return answer.result(timeout=0.2)
            except TimeoutError:
                if answer.done():
                    raise

    def stop(self, job: Job) -> None:
        """Watch a job no longer."""
        self._loop.call(lambda: life.stop() if (life := self._lives.get(job.id)) else None)

    def call_user(self, function: Callable[[], None]) -> None:
        """Run a user's callback on a thread of its own, so that it may take its time."""
        pool = process.once("callbacks", lambda: ThreadPoolExecutor(1, thread_name_prefix="happyhorse_nb callbacks"))
        pool.submit(function)

    def close(self) -> None:
        """End quietly, leaving every job so that another kernel can go on with it."""
        self._loop.close(self._last_words, patience=_LAST_WORDS + 1)
        self.presence.close()

    def _keep(self, job: Job) -> Job:
        self._jobs[job.id] = job
        return job

    def _settle(self, record: Record) -> Record:
        """What a job is whose process has died while it was on its way out."""
        snapshot = record.snapshot
        if snapshot.status not in (Status.QUEUED, Status.SUBMITTING) or self.presence.alive(record.owner):
            return record
        if snapshot.status is Status.QUEUED:
            why = "Its kernel ended while it was queued; nothing was sent."
            settled = replace(outcome.taken_out(snapshot), message=why)
        else:
            settled = outcome.unknown(snapshot, "Its kernel ended while the request was on its way.")
        settled = replace(settled, ended=time.time())
        self.ledger.update(settled)
        return replace(record, snapshot=settled)

    def _go_on(self, record: Record, account: Account) -> Job:
        """Watch a task that nobody watches."""
        snapshot = replace(
            record.snapshot, status=Status.PENDING, message="", remedy="", ended=None, path=None, size=None
        )
        job = self._keep(Job(replace(record, snapshot=snapshot, owner=self.presence.id), self))
        self.ledger.own(job.id, self.presence.id)
        self.ledger.update(snapshot)
        self._begin(job, account, None)
        return job

    def _check_budget(self, snapshot: Snapshot) -> None:
        budget, next_one = config().budget, snapshot.cost
        if budget is None or snapshot.sandbox or next_one is None:
            return
        spent = self.ledger.spent(self.presence.id)
        if spent + float(next_one) > budget:
            raise InvalidRequest(
                f"budget: this kernel has spent about ${spent:.2f}, and {next_one} more would pass the ${budget:.2f} "
                "of %config HappyHorse.budget. Raise it there to go on.",
                param="budget",
            )

    def _begin(self, job: Job, account: Account, frame: FirstFrame | None) -> None:
        history = self.ledger.history(job.snapshot)

        def begin() -> None:
            life = Lifecycle(
                job,
                self._client(account),
                frame,
                queue=self._queue,
                pace=self._pace,
                settings=config(),
                write=self.ledger.update,
                history=history,
            )
            self._lives[job.id] = life
            self._loop.start(lambda: self._live(life))

        self._loop.call(begin)

    async def _live(self, life: Lifecycle) -> None:
        try:
            await life.run()
        except Exception as bug:
            # Whatever it was, the card must not stand still for ever; the error says where to report it.
            why = f"An internal error of happyhorse_nb: {type(bug).__name__}: {bug}"
            life.job.publish(replace(outcome.stopped(life.job.snapshot, why), ended=time.time()))
            raise
        finally:
            self._lives.pop(life.job.id, None)

    async def _follow(self, job: Job, account: Account) -> None:
        """Show what the kernel that watches a job writes into the ledger; go on with it when that kernel dies."""
        known = job.record.snapshot
        while not known.status.ended:
            await asyncio.sleep(_TICK)
            record = self.ledger.get(job.id)
            if record is None:
                return
            if not self.presence.alive(record.owner):
                self.ledger.own(job.id, self.presence.id)
                self._begin(job, account, None)
                return
            if record.snapshot != known:
                known = record.snapshot
                job.publish(known)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            lives = list(self._lives.values())
            lefts = sorted(life.seconds_left for life in lives if life.job.id in self._queue.running)
            for life in lives:
                self._estimate_start(life, lefts)
                life.tick()

    def _estimate_start(self, life: Lifecycle, lefts: list[float]) -> None:
        """About when a queued job starts: when the places before it have become free."""
        snapshot = life.job.snapshot
        if snapshot.place is not None and lefts:
            rounds, position = divmod(snapshot.place - 1, len(lefts))
            left = lefts[position] + rounds * life.estimate.median
            life.job.publish(replace(snapshot, progress=replace(snapshot.progress, left=left)), tick=True)

    def _client(self, account: Account) -> Client:
        name = (account.origin, account.key.fingerprint)
        if name not in self._clients:
            self._clients[name] = Client(account=account)
        return self._clients[name]

    async def _last_words(self) -> None:
        """Let paid requests that are in mid-air arrive, so that their outcome is known; then close the connections."""
        until = time.monotonic() + _LAST_WORDS
        while time.monotonic() < until:
            if not any(life.job.status is Status.SUBMITTING for life in self._lives.values()):
                break
            await asyncio.sleep(0.05)
        for life in self._lives.values():
            if life.job.status is Status.SUBMITTING:
                self.ledger.update(outcome.unknown(life.job.snapshot, "The kernel ended before the server answered."))
        for client in self._clients.values():
            await client.close()
