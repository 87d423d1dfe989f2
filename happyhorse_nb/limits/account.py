"""What the jobs of one account share: its connections, its requests a minute, its places. Lives on the owned loop."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from happyhorse_nb import polling, wire
from happyhorse_nb.errors import LedgerError, RateLimited
from happyhorse_nb.limits.rate_limiter import Allowance, Rate
from happyhorse_nb.limits.scheduler import Pace
from happyhorse_nb.limits.slots import Concurrency, Others, Queue
from happyhorse_nb.settings import Account
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Leases, Ledger, Presence

if TYPE_CHECKING:
    from happyhorse_nb.client.transport import Answer

#: Seconds after which what other kernels do is looked up anew.
_LOOK = 1.0
#: In the words of a refusal: it is for the tasks that run, not for the requests that were sent.
_TASKS = re.compile(r"concurren|running|at once|in progress|parallel", re.IGNORECASE)
_REQUESTS = re.compile(r"per minute|a minute|request rate|requests", re.IGNORECASE)
#: And of one that gives no detail. As the category before a detail these words stand for both.
_RATE = re.compile(r"rate limit", re.IGNORECASE)


class Office:
    """Through which everything goes that is asked with one key of an account.

    ``beside`` are the offices of this process, in which other keys of the same account may be in use.
    """

    def __init__(
        self,
        account: Account,
        *,
        ledger: Ledger,
        presence: Presence,
        settings: Callable[[], Settings],
        beside: Collection[Office] = (),
    ) -> None:
        # Here, on the owned loop: no cell waits until aiohttp is imported.
        from happyhorse_nb.client import Client

        self._ledger = ledger
        self._presence = presence
        self._who = (account.realm, account.key.fingerprint)
        self._others, self._looked = Others(), float("-inf")
        self._beside, self._keys = beside, frozenset[str]()
        self._leases = Leases(ledger.path, presence.id, origin=account.realm, account=account.key.fingerprint)
        self.client = Client(account=account)
        #: Whether the server holds reads open.
        self.hold = polling.Hold()
        self.client.heard = self._heard
        rate = Rate(lambda: settings().requests_per_minute, time.monotonic)
        allowance = Allowance(rate, time.monotonic, self._leases, self.hold)
        self.pace = Pace(allowance)
        self.client.repeated = self.pace.take
        self.queue = Queue(Concurrency(lambda: settings().max_concurrent, time.monotonic), others=self._see_others)

    def tick(self, hazards: Iterable[float]) -> None:
        """About once a second: what a request is worth, and what has become free.

        ``hazards`` are the rates (per second) at which the tasks that run here end now.
        """
        self.pace.tick(polling.price(hazards, self.pace.allowance.share))
        self.pace.allowance.rest()
        self.queue.fill()

    def wake(self) -> None:
        """Forget what the server said about when."""
        self.pace.wake()
        self.queue.concurrency.wake()
        self.queue.fill()

    def full(self, problem: RateLimited) -> bool:
        """Whether a submit was refused for the tasks that run, and not for the requests of the last minute."""
        category, _, detail = problem.message.partition(":")
        if not detail.strip() and _RATE.search(category):
            return False
        detail = detail or category
        if _TASKS.search(detail) or _REQUESTS.search(detail):
            return _TASKS.search(detail) is not None
        allowance = self.pace.allowance
        return allowance.sent < 0.8 * allowance.rate.per_minute

    def is_of(self, realm: str, keys: Collection[str]) -> bool:
        """Whether it asks that server with one of these keys, given by their fingerprints."""
        return self._who[0] == realm and self._who[1] in keys

    async def close(self) -> None:
        """Close all connections."""
        self._leases.close()
        await self.client.close()

    def _heard(self, answer: Answer, in_flight: int) -> None:
        if answer.status < 400:
            self.pace.allowance.answered()
        if answer.status != 429:
            # A refusal may speak of tasks, in the same headers.
            told = wire.limits(answer.headers, now=time.time())
            self.pace.allowance.told(told.limit, told.left, told.seconds, in_flight=in_flight)

    def _see_others(self) -> Others:
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            with suppress(LedgerError):
                self._others = self._count()
        if len(self._beside) < 2:
            return self._others
        realm, _ = self._who
        with_our_keys = [office for office in self._beside if office is not self and office.is_of(realm, self._keys)]
        here = sum(len(office.queue.running) for office in with_our_keys)
        return replace(self._others, running=self._others.running + here)

    def _count(self) -> Others:
        """Only what live kernels do: a task that nobody watches may have ended long ago."""
        self._keys = self._ledger.keys_of(*self._who)
        found = self._ledger.busy(*self._who, but=self._presence.id)
        alive = {owner for owner in {row.owner for row in found} if self._presence.alive(owner)}
        running = sum(row.running for row in found if row.owner in alive)
        oldest = [row.oldest for row in found if row.owner in alive and row.oldest is not None]
        return Others(running, min(oldest, default=None))
