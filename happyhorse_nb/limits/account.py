"""What the jobs of one account share: connections, requests a minute, slots. Lives on the event loop."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from happyhorse_nb import polling, wire
from happyhorse_nb.errors import LedgerError, RateLimited
from happyhorse_nb.limits.rate_limiter import Rate, RateLimiter
from happyhorse_nb.limits.scheduler import Scheduler
from happyhorse_nb.limits.slots import Concurrency, Others, Slots
from happyhorse_nb.limits.uploads import Uploads
from happyhorse_nb.settings import Account
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Lease, Leases, Ledger, Presence

if TYPE_CHECKING:
    from happyhorse_nb.client.transport import Answer

logger = logging.getLogger(__name__)

#: Seconds after which the other kernels' jobs are counted anew, and after which a count is too old to use.
_LOOK, _STALE = 1.0, 5.0
#: What a 429 says where tasks are refused for the number that run, not for the requests of the last minute; and where
#: it is for these.
_TASKS = re.compile(r"concurren|running|at once|in progress|parallel", re.IGNORECASE)
_REQUESTS = re.compile(r"per minute|a minute|request rate|requests", re.IGNORECASE)
#: The same where nothing else is said; before a detail these words stand for both.
_RATE = re.compile(r"rate limit", re.IGNORECASE)


class AccountLimits:
    """The limits that hold for everything asked with one key of an account.

    ``beside`` are all such limits of this process, some perhaps for other keys of the same account. The ledger is read
    on threads; on the loop the last answer is used.
    """

    def __init__(
        self,
        account: Account,
        *,
        ledger: Ledger,
        presence: Presence,
        settings: Callable[[], Settings],
        beside: Collection[AccountLimits] = (),
    ) -> None:
        # Imported on the loop, so that no cell waits for aiohttp.
        from happyhorse_nb.client import Client

        self._ledger = ledger
        self._presence = presence
        self._who = (account.realm, account.key.fingerprint)
        self._others, self._looked = Others(), float("-inf")
        self._beside, self._keys = beside, frozenset[str]()
        self._leases = Leases(ledger.path, presence.id, origin=account.realm, account=account.key.fingerprint)
        #: Current lookups in the ledger; asyncio alone holds no reference to them.
        self._lookups: set[asyncio.Task[None]] = set()
        self._counting = False
        #: Whether the server holds reads open.
        self.hold = polling.Hold()
        self.limiter = RateLimiter(
            Rate(lambda: settings().requests_per_minute, time.monotonic), time.monotonic, self._lend, self.hold
        )
        self.scheduler = Scheduler(self.limiter)
        self.client = Client(account=account, heard=self._heard, repeated=self.scheduler.take)
        self.uploads = Uploads(self.client, account, ledger, presence)
        self.slots = Slots(Concurrency(lambda: settings().max_concurrent, time.monotonic), others=self._see_others)

    def tick(self, hazards: Iterable[float]) -> None:
        """Called once a second with the rates (per second) at which the tasks that run here end."""
        self.scheduler.tick(polling.price(hazards, self.limiter.share))
        self.limiter.rest()
        self.slots.fill()

    def wake(self) -> None:
        """Forget for how long the server has asked to wait."""
        self.scheduler.wake()
        self.slots.concurrency.wake()
        self.slots.fill()

    def full(self, problem: RateLimited) -> bool:
        """Whether a submit was refused for the number of tasks that run, not for the requests of the last minute."""
        category, _, detail = problem.message.partition(":")
        if not detail.strip() and _RATE.search(category):
            return False
        detail = detail or category
        if _TASKS.search(detail) or _REQUESTS.search(detail):
            return _TASKS.search(detail) is not None
        return self.limiter.sent < 0.8 * self.limiter.rate.per_minute

    @property
    def unsettled(self) -> bool:
        """Whether a request is on its way, or may leave as soon as the other kernels' jobs are counted."""
        return self.slots.sending > 0 or self.slots.looking

    def is_of(self, realm: str, keys: Collection[str]) -> bool:
        """Whether it asks that server with one of these keys, given by their fingerprints."""
        return self._who[0] == realm and self._who[1] in keys

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._lookups, return_exceptions=True)
        await self.uploads.close()
        await in_thread(self._leases.close)
        await self.client.close()

    def _heard(self, answer: Answer, in_flight: int) -> None:
        if answer.status < 400:
            self.limiter.answered()
        if answer.status != 429:
            # (The headers of a 429 may be about tasks.)
            self.limiter.told(*wire.limits(answer.headers, now=time.time()), in_flight=in_flight)

    def _lend(self, then: Callable[[Lease | None], None], **asked: float) -> None:
        async def lend() -> None:
            found: Lease | None = None
            try:
                found = await in_thread(lambda: self._leases.lease(**asked))  # type: ignore[arg-type]  # they are passed on
            finally:
                then(found)
                self.scheduler.pump()

        self._look_up(lend())

    def _see_others(self) -> Others | None:
        """What other kernels do, and the other keys of the account here; None while that is not known."""
        passed = time.monotonic() - self._looked
        if passed >= _LOOK and not self._counting:
            self._counting = True
            self._look_up(self._count_again())
        if passed >= _STALE:
            return None
        if len(self._beside) < 2:
            return self._others
        realm, _ = self._who
        with_our_keys = [limits for limits in self._beside if limits is not self and limits.is_of(realm, self._keys)]
        here = sum(len(limits.slots.running) for limits in with_our_keys)
        return replace(self._others, running=self._others.running + here)

    async def _count_again(self) -> None:
        try:
            self._keys, self._others = await in_thread(self._count)
        except LedgerError:
            # The last answer is still the best one.
            pass
        finally:
            self._looked, self._counting = time.monotonic(), False
        self.slots.fill()

    def _count(self) -> tuple[frozenset[str], Others]:
        """Count what live kernels do; a task that nobody watches may have ended long ago."""
        keys = self._ledger.keys_of(*self._who)
        found = [
            row for row in self._ledger.busy(*self._who, but=self._presence.id) if self._presence.alive(row["owner"])
        ]
        oldest = min((row["oldest"] for row in found if row["oldest"] is not None), default=None)
        return keys, Others(sum(row["running"] for row in found), oldest)

    def _look_up(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._lookups.add(task)
        task.add_done_callback(self._looked_up)

    def _looked_up(self, task: asyncio.Task[None]) -> None:
        self._lookups.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("looking into the ledger failed", exc_info=task.exception())
