"""Those who work on the owned loop: a lifecycle for each job that is watched here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.client import Client
from happyhorse_nb.errors import LedgerError
from happyhorse_nb.images import FirstFrame
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.lifecycle import Lifecycle
from happyhorse_nb.jobs.looks import Looks
from happyhorse_nb.jobs.loop import OwnedLoop
from happyhorse_nb.jobs.naps import Naps
from happyhorse_nb.jobs.pace import Pace
from happyhorse_nb.jobs.queue import Queue
from happyhorse_nb.jobs.track import Track, ended
from happyhorse_nb.ledger import Ledger, Presence
from happyhorse_nb.models import Status
from happyhorse_nb.settings import Account, process
from happyhorse_nb.settings.config import Settings

T = TypeVar("T")
#: Seconds between two updates of a running card.
_TICK = 1.0
#: Seconds that a paid request in mid-air is given to arrive when Python ends.
_LAST_WORDS = 3.0


class Crew:
    """The lifecycles of one ledger, and what they share: the rate of requests, the places, the connections."""

    def __init__(self, ledger: Ledger, presence: Presence, settings: Callable[[], Settings]) -> None:
        self._ledger = ledger
        self._presence = presence
        self._settings = settings
        self._lives: dict[str, Lifecycle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._queue = Queue(lambda: settings().max_concurrent)
        self._pace = Pace(lambda: settings().requests_per_minute)
        self._clients: dict[tuple[str, str], Client] = {}
        #: Seconds of waiting that are worth one request.
        self._price = polling.PATIENCE
        self.loop = process.once("loop", OwnedLoop)
        self.start(self._ticks)

    def start(self, make: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop, until its end or ours. Callable from any thread."""
        return self.loop.start(make, among=self._tasks)

    def begin(self, job: Job, account: Account, frame: FirstFrame | None, history: Sequence[float]) -> None:
        """Work on a job. ``history`` is how many seconds such jobs took. Callable from any thread."""

        def begin() -> None:
            track = Track(
                job,
                self.client(account),
                pace=self._pace,
                settings=self._settings(),
                ledger=self._ledger,
                owner=self._presence.id,
            )
            looks = Looks(track, history, price=lambda: self._price)
            life = self._lives[job.id] = Lifecycle(track, frame, queue=self._queue, looks=looks)
            self.start(lambda: self._live(life))

        self.loop.call(begin)

    # On the loop

    def find(self, job: Job) -> Lifecycle | None:
        """The work on a job, None when nobody here works on it."""
        return self._lives.get(job.id)

    def wake(self) -> None:
        """Ask about every job at once."""
        for life in self._lives.values():
            life.wake()

    def client(self, account: Account) -> Client:
        """The one client of an account."""
        name = (account.origin, account.key.fingerprint)
        if name not in self._clients:
            self._clients[name] = Client(account=account)
        return self._clients[name]

    async def end(self) -> None:
        """Let paid requests that are in mid-air arrive, so that their outcome is known; cancel everything else."""
        until = time.monotonic() + _LAST_WORDS
        while sending := [life for life in self._lives.values() if life.job.status == Status.SUBMITTING]:
            self._cancel(but={life.task for life in sending})
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.02)
        for life in sending:
            last = outcome.unknown(life.job.snapshot, "The kernel ended before the server answered.")
            self._ledger.update_later(replace(last, ended=time.time()))
        with suppress(LedgerError):
            self._ledger.flush()
        await asyncio.gather(*self._cancel(but=set()), return_exceptions=True)
        for client in self._clients.values():
            await client.close()

    async def _live(self, life: Lifecycle) -> None:
        try:
            await life.run()
        except Exception as bug:
            # Whatever it was, the card must not stand still for ever; the error says whose it is.
            last = ended(outcome.broken(life.job.snapshot, bug))
            self._ledger.update_later(last)
            with suppress(LedgerError):
                self._ledger.flush()
            life.job.publish(last)
            raise
        finally:
            self._lives.pop(life.job.id, None)

    async def _ticks(self) -> None:
        naps = Naps()
        while True:
            await asyncio.sleep(_TICK)
            if naps.over():
                self.wake()
            with suppress(LedgerError):
                self._ledger.flush()
            with suppress(OSError):
                # Whoever cleans up old files must not make this process look dead.
                self._presence.renew()
            self._queue.fill()
            lives = list(self._lives.values())
            hazards = (life.looks.hazard for life in lives)
            self._price = polling.price(hazards, self._settings().requests_per_minute)
            lefts = sorted(life.seconds_left for life in lives if life.job.id in self._queue.running)
            for life in lives:
                place = life.job.snapshot.place
                if place is not None and lefts:
                    # About when the places before it have become free.
                    rounds, position = divmod(place - 1, len(lefts))
                    life.starts_in(lefts[position] + rounds * life.looks.estimate.median)
                life.tick()

    def _cancel(self, *, but: set[asyncio.Task[Any] | None]) -> list[asyncio.Task[Any]]:
        rest = [task for task in self._tasks if task not in but and task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        return rest
