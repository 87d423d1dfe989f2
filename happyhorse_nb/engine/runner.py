"""Those who work on the owned loop: a lifecycle for each job that is watched here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.engine.loop import Burst, Naps, OwnedLoop
from happyhorse_nb.engine.task import Lifecycle
from happyhorse_nb.engine.track import Track, ended
from happyhorse_nb.engine.watch import Looks
from happyhorse_nb.engine.writer import Scribe
from happyhorse_nb.errors import LedgerError
from happyhorse_nb.inputs import FirstFrame
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.limits.account import Office
from happyhorse_nb.models import Snapshot, Status
from happyhorse_nb.settings import Account, process
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Ledger, Presence

#: Seconds for which an estimate is good: meanwhile few tasks more have ended.
_GOOD = 10.0


class Estimates:
    """One estimate for each kind of task: model, parameters, real or sandbox. ``clock`` is any steady clock."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, tuple[float, polling.Forecast]] = {}

    def __call__(self, snapshot: Snapshot) -> polling.Forecast:
        """How long a task like this takes."""
        work = {name: value for name, value in snapshot.params.items() if name != "seed"}
        kind = json.dumps([snapshot.model, snapshot.sandbox, sorted(work.items())], default=str)
        made, found = self._known.get(kind, (float("-inf"), None))
        now = self._clock()
        if found is None or now - made > _GOOD:
            history: list[float] = []
            with suppress(LedgerError):
                history = self._ledger.history(snapshot)
            typical = polling.TYPICAL_SANDBOX if snapshot.sandbox else polling.TYPICAL
            found = polling.forecast(history, typical=typical)
            self._known[kind] = (now, found)
        return found


#: So many jobs say in a second how far they are: nobody looks at more, and the kernel has better things to do.
MOST = 20
#: What is done once a second comes in so many parts at most, one card in each, and not in one burst: a cell that runs
#: meanwhile waits for none of them.
_PARTS = 40


class Rounds:
    """Begun once a second with all jobs; then asked for each part of them."""

    def __init__(self) -> None:
        self._all: list[Lifecycle] = []
        self._now: list[Lifecycle] = []
        self._from = 0

    def begin(self, lives: Iterable[Lifecycle]) -> None:
        """Choose who is next: those that somebody follows before the others."""
        self._all = known = list(lives)
        if len(known) > MOST:
            known = [life for life in known if life.job.followed] or known
        if len(known) > MOST:
            start = self._from % len(known)
            self._from = start + MOST
            known = (known[start:] + known[:start])[:MOST]
        self._now = known

    @property
    def parts(self) -> int:
        """In how many parts they come, at least 1."""
        return max(1, min(_PARTS, len(self._all)))

    def shown(self, part: int) -> Sequence[Lifecycle]:
        """Those that say in this part, 0 to `parts` - 1, how far they are."""
        return self._now[part :: self.parts]

    def part(self, part: int) -> Sequence[Lifecycle]:
        """Those of all jobs that belong to this part."""
        return self._all[part :: self.parts]


logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Seconds between two updates of a running card.
_TICK = 1.0
#: Tries of a job whose task is at the server, where what went wrong is nothing that is foreseen.
_TRIES = 5
#: Seconds that a paid request in mid-air is given to arrive when Python ends.
_LAST_WORDS = 3.0


class Crew:
    """The lifecycles of one ledger, and what they share: an office for each account, estimates.

    ``follow`` shows a job as it goes in another kernel. ``remembers``: jobs that end without a video, until the end.
    """

    def __init__(
        self,
        ledger: Ledger,
        presence: Presence,
        settings: Callable[[], Settings],
        *,
        follow: Callable[[Job, Account], None],
        remembers: bool = True,
    ) -> None:
        self._ledger = ledger
        self._presence = presence
        self._settings = settings
        self._follow = follow
        self._lives: dict[str, Lifecycle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._remembers = remembers
        #: The jobs that have ended without a video, for the end of a script that has not asked about them.
        self._failed: list[Job] = []
        #: Those that hear what the server still says of a request whose job was stopped.
        self._late: set[asyncio.Task[Any]] = set()
        self._offices: dict[tuple[str, str], Office] = {}
        # The first one imports the client: a fork with half of a module could never import the rest.
        self._opening = process.Guard()
        self._estimates = Estimates(ledger)
        self._scribe = Scribe(ledger)
        self._naps, self._rounds = Naps(), Rounds()
        #: Seconds until each place that is taken becomes free, the first one first; None until asked for this second.
        self._lefts: list[float] | None = None
        self.loop = process.once("loop", OwnedLoop)
        self._beginnings = Burst(self.loop)
        self.start(self._ticks)

    def start(self, make: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop, until its end or ours. Callable from any thread."""
        return self.loop.start(make, among=self._tasks)

    def begin(self, job: Job, account: Account, frame: FirstFrame | None) -> None:
        """Work on a job; ``frame`` is the first frame of one that is still to be sent. Callable from any thread."""

        def begin() -> None:
            track = Track(
                job,
                self.office(account),
                settings=self._settings(),
                ledger=self._ledger,
                scribe=self._scribe,
                owner=self._presence.id,
            )
            looks = Looks(track, self._estimates, price=lambda: track.office.pace.price)
            life = Lifecycle(track, frame, looks)
            self._lives[job.id] = life
            life.begin(lambda: self._run(life, account))

        self._beginnings.put(job.id, begin)

    @property
    def jobs(self) -> list[Job]:
        """The jobs that are worked on here, and those that have ended without a video since."""
        return [*(life.job for life in list(self._lives.values())), *self._failed]

    # On the loop

    def stop(self, job: Job) -> bool:
        """Work on a job no longer; False when nobody here works on it."""
        if (begin := self._beginnings.take(job.id)) is not None:
            begin()
        life = self._lives.get(job.id)
        if life is None:
            return False
        life.stop()
        return True

    def wake(self) -> None:
        """Ask about every job at once."""
        for office in self._offices.values():
            office.wake()
        for life in list(self._lives.values()):
            life.wake()

    def office(self, account: Account) -> Office:
        """The one office of a key."""
        name = (account.origin, account.key.fingerprint)
        if name not in self._offices:
            self._offices[name] = self._opening(
                lambda: Office(
                    account,
                    ledger=self._ledger,
                    presence=self._presence,
                    settings=self._settings,
                    beside=self._offices.values(),
                )
            )
        return self._offices[name]

    async def settle(self) -> None:
        """Wait until it is known what became of each request for which there is a place: no longer than a submit takes.

        What waits for a place is queued in the ledger, for another process.
        """
        self._beginnings.flush()
        while any(office.queue.sending for office in self._offices.values()):  # noqa: ASYNC110  # of several threads
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        """Let paid requests that are in mid-air arrive, so that their outcome is known; cancel everything else."""
        # What has not begun is queued in the ledger, for another kernel.
        self._beginnings.close()
        for office in self._offices.values():
            office.queue.close()
        until = time.monotonic() + _LAST_WORDS
        while (sending := [life for life in self._lives.values() if life.in_mid_air]) or self._late:
            self._cancel(but={life.task for life in sending})
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.02)
        for life in sending:
            last = outcome.unknown(life.job.snapshot, "The kernel ended before the server answered.")
            self._ledger.update_later(replace(last, ended=time.time()))
        with suppress(LedgerError):
            self._ledger.flush()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._cancel(but=set()), *self._late, return_exceptions=True)
        await self._scribe.close()
        for office in self._offices.values():
            await office.close()

    def _run(self, life: Lifecycle, account: Account) -> None:
        self.start(lambda: self._live(life, account))

    async def _live(self, life: Lifecycle, account: Account) -> None:
        over = True
        try:
            over = await self._lived(life)
        except Exception as bug:
            # Whatever it was, the card must not stand still for ever; the error says whose it is.
            last = ended(outcome.broken(life.job.snapshot, bug))
            self._ledger.update_later(last)
            with suppress(LedgerError):
                self._ledger.flush()
            life.job.publish(last)
            raise
        finally:
            if over:
                self._lives.pop(life.job.id, None)
                if self._remembers and life.job.done() and life.job.status != Status.DONE:
                    self._failed.append(life.job)
        if life.elsewhere:
            self._follow(life.job, account)
        if (sending := life.unanswered) is not None:
            self.loop.start(lambda: life.hear_late(sending), among=self._late)

    async def _lived(self, life: Lifecycle) -> bool:
        """`Lifecycle.run`; what goes wrong with a task that is at the server is tried again before it is given up."""
        # By their own names: while %autoreload runs a module anew, all of its names are gone for a moment. That is also
        # what this is for.
        sleep, tries = asyncio.sleep, _TRIES
        while True:
            try:
                return await life.run()
            except Exception:
                tries -= 1
                now = life.job.snapshot
                if tries <= 0 or now.task_id is None or now.status.ended:
                    raise
            await sleep(1.0)
            life.office.queue.take(life.job.id)

    async def _ticks(self) -> None:
        # As above.
        sleep, debug = asyncio.sleep, logger.debug
        while True:
            try:
                await self._second()
            except Exception:  # noqa: BLE001  # the cards of all jobs must not stand still for it
                debug("a second was left out", exc_info=True)
                await sleep(1.0)

    async def _second(self) -> None:
        parts = self._rounds.parts
        hazards: dict[Office, list[float]] = {}
        self._lefts = None
        for part in range(parts):
            await asyncio.sleep(_TICK / (parts + 1))
            self._show(self._rounds.shown(part))
            for life in self._rounds.part(part):
                hazards.setdefault(life.office, []).append(life.looks.hazard)
                life.say_wait()
            for office in self._offices.values():
                office.queue.tell(part, parts)
        await asyncio.sleep(_TICK / (parts + 1))
        if self._naps.over():
            self.wake()
        self._beginnings.look()
        self._scribe.flush()
        with suppress(OSError):
            # Whoever cleans up old files must not make this process look dead.
            self._presence.renew()
        for office in self._offices.values():
            office.tick(hazards.get(office, ()))
        self._rounds.begin(self._lives.values())

    def _show(self, lives: Sequence[Lifecycle]) -> None:
        """Say of these how far they are, and of those that wait about when they start."""
        for life in lives:
            place = life.job.snapshot.place
            if place is None:
                life.tick()
                continue
            if self._lefts is None:
                running = {name for office in self._offices.values() for name in office.queue.running}
                self._lefts = sorted(other.seconds_left for name, other in self._lives.items() if name in running)
            if self._lefts:
                # About when the places before it have become free.
                turns, position = divmod(place - 1, len(self._lefts))
                life.starts_in(self._lefts[position] + turns * life.looks.estimate.median)

    def _cancel(self, *, but: set[asyncio.Task[Any] | None]) -> list[asyncio.Task[Any]]:
        rest = [task for task in self._tasks if task not in but and task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        return rest
