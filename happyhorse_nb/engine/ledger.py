"""The ledger for the event loop: nothing here blocks it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.errors import LedgerError
from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import process
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Ledger, Record

T = TypeVar("T")
#: Seconds that a write is given when Python ends.
_PATIENCE = 1.0
#: Seconds for which a forecast is used again; few tasks end in that time.
_GOOD = 10.0


@dataclass(eq=False)
class _Waiting:
    """A waiter for the next write: what it claims, and what to look up once that is written."""

    told: asyncio.Future[Any]
    claim: tuple[Snapshot, str] | None = None
    then: Callable[[], Any] | None = None


class AsyncLedger:
    """Writes the ledger for all jobs of the loop on one thread, and reads it on others.

    What comes during a write goes down together in the next one, so a thousand jobs wait for the disk a few times
    and not three thousand times (`scale` in benchmarks). What is awaited is on disk afterwards, or raises
    `LedgerError`. ``clock`` is any steady clock in seconds.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._guesses: dict[float, polling.Forecast] = {}
        #: By kind of task: when its forecast was made, and the asyncio task that makes it.
        self._forecasts: dict[str, tuple[float, asyncio.Task[polling.Forecast]]] = {}

    async def write(self, snapshot: Snapshot, then: Callable[[], T] | None = None) -> T | None:
        """Write down what a job has become; then call ``then`` on the same thread and return what it finds.

        What cannot be written is still owed (`Ledger.update_later`).
        """
        self._ledger.update_later(snapshot)
        found: T | None = await self._ask(_Waiting(_future(), then=then))
        return found

    async def claim(self, snapshot: Snapshot, owner: str) -> bool:
        """Write down that a queued job is being sent; False where it is no longer this owner's (`Ledger.write`)."""
        won: bool = await self._ask(_Waiting(_future(), claim=(snapshot, owner)))
        return won

    def later(self, snapshot: Snapshot) -> None:
        """Write down what a job has become, with the next write or within a second or so."""
        self._ledger.update_later(snapshot)

    def flush(self) -> None:
        """Write down what is owed, soon, without waiting for it."""
        if self._ledger.owes:
            self._ask(_Waiting(_future()))

    async def get(self, job_id: str) -> Record | None:
        """The job of that id. Raises `LedgerError`."""
        return await in_thread(self._ledger.look_at, job_id)

    def sharer(self, job_id: str) -> Record | None:
        """An earlier job with the same task. It blocks: for `write`, which calls it on a thread."""
        with suppress(LedgerError):
            return self._ledger.sharer(job_id)
        return None

    async def settle(self, snapshot: Snapshot, *, was: Record) -> bool:
        """`Ledger.settle`."""
        return await in_thread(lambda: self._ledger.settle(snapshot, was=was))

    def guess(self, snapshot: Snapshot) -> polling.Forecast:
        """How long a task like this takes, before the history is read."""
        seconds = polling.typical(snapshot.params, sandbox=snapshot.sandbox)
        if seconds not in self._guesses:
            self._guesses[seconds] = polling.forecast([], typical=seconds)
        return self._guesses[seconds]

    async def forecast(self, snapshot: Snapshot) -> polling.Forecast:
        """How long a task like this takes. One forecast serves all of a kind: model, parameters, real or sandbox."""
        work = {name: value for name, value in snapshot.params.items() if name != "seed"}
        kind = json.dumps([snapshot.model, snapshot.sandbox, sorted(work.items())], default=str)
        made, found = self._forecasts.get(kind, (float("-inf"), None))
        now = self._clock()
        if found is None or now - made > _GOOD or (found.done() and (found.cancelled() or found.exception())):
            found = asyncio.ensure_future(in_thread(self._forecast, snapshot))
            self._forecasts[kind] = now, found
        # Shielded, for others wait for it too.
        return found.result() if found.done() else await asyncio.shield(found)

    async def close(self) -> None:
        """Let the current write end. If it takes too long, the ledger still owes it."""
        with suppress(LedgerError):
            await in_thread(self._ledger.flush)
        if self._writing is not None:
            _, late = await asyncio.wait({self._writing}, timeout=_PATIENCE)
            for task in late:
                task.cancel()

    def _forecast(self, snapshot: Snapshot) -> polling.Forecast:
        history: list[float] = []
        with suppress(LedgerError):
            history = self._ledger.history(snapshot)
        return polling.forecast(history, typical=polling.typical(snapshot.params, sandbox=snapshot.sandbox))

    def _ask(self, one: _Waiting) -> asyncio.Future[Any]:
        self._waiting.append(one)
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())
        return one.told

    async def _write(self) -> None:
        # A thread of its own: no slow write of a video delays the record of a paid task.
        thread = process.once("ledger writer", lambda: ThreadPoolExecutor(1, thread_name_prefix="happyhorse_nb ledger"))
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                try:
                    found = await in_thread(self._written, some, on=thread)
                except BaseException as problem:
                    # Nobody waits for ever, whatever went wrong.
                    for one in some:
                        if not one.told.done():
                            one.told.set_exception(problem)
                            # Read here, as nobody need await a flush.
                            one.told.exception()
                    if not isinstance(problem, LedgerError):
                        raise
                else:
                    for one, answer in zip(some, found, strict=True):
                        # Whoever was cancelled no longer waits.
                        if not one.told.done():
                            one.told.set_result(answer)
        finally:
            self._writing = None

    def _written(self, some: list[_Waiting]) -> list[Any]:
        won = iter(self._ledger.write([one.claim for one in some if one.claim is not None]))
        answers: list[Any] = [next(won) if one.claim is not None else None for one in some]
        return [one.then() if one.then is not None else answer for one, answer in zip(some, answers, strict=True)]


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
