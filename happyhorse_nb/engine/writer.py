"""Writes the ledger for all jobs of the owned loop, beside it: what comes while one write is under way goes down
together with the next, so that a thousand jobs wait for the disk a few times and not three thousand."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from happyhorse_nb.client.threads import aside
from happyhorse_nb.errors import LedgerError
from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import process
from happyhorse_nb.store import Ledger

#: Seconds that a write is given when Python ends.
_PATIENCE = 1.0
#: What became of a claim, or the trouble with the ledger.
_Outcome = asyncio.Future["bool | LedgerError"]


class Scribe:
    """Lives on the owned loop. What is awaited is on the disk then, or raises `LedgerError`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        #: Those who wait for the next write, each with what it claims, if anything.
        self._waiting: list[tuple[_Outcome, tuple[Snapshot, str] | None]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, snapshot: Snapshot) -> None:
        """Write down what a job has become; where that fails, it is still owed (`Ledger.update_later`)."""
        self._ledger.update_later(snapshot)
        await self._next(None)

    async def claim(self, snapshot: Snapshot, owner: str) -> bool:
        """Write down that a queued job is being sent; whether it is still this owner's to send (`Ledger.write`)."""
        return await self._next((snapshot, owner))

    def flush(self) -> None:
        """Write down what is owed, soon; nobody waits for it."""
        if self._ledger.owes:
            self._ask(None)

    async def close(self) -> None:
        """Let the write that is under way end, unless it takes too long: then the ledger keeps what it owes."""
        if self._writing is not None:
            _, late = await asyncio.wait({self._writing}, timeout=_PATIENCE)
            for task in late:
                task.cancel()

    async def _next(self, claim: tuple[Snapshot, str] | None) -> bool:
        found = await self._ask(claim)
        if isinstance(found, LedgerError):
            raise found
        return found

    def _ask(self, claim: tuple[Snapshot, str] | None) -> _Outcome:
        told: _Outcome = asyncio.get_running_loop().create_future()
        self._waiting.append((told, claim))
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())
        return told

    async def _write(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                claims = [claim for _, claim in some if claim is not None]
                try:
                    won = iter(await aside(self._ledger.write, claims, on=_thread()))
                except LedgerError as problem:
                    for told, _ in some:
                        _tell(told, problem)
                except BaseException as problem:
                    # Nobody waits for ever for what nobody has foreseen.
                    for told, _ in some:
                        if not told.done():
                            told.set_exception(problem)
                    raise
                else:
                    for told, claim in some:
                        _tell(told, claim is None or next(won))
        finally:
            self._writing = None


def _tell(told: _Outcome, outcome: bool | LedgerError) -> None:
    # Whoever was cancelled does not wait any more.
    if not told.done():
        told.set_result(outcome)


def _thread() -> ThreadPoolExecutor:
    # One, of its own: no slow disk for videos holds up what is written down of a paid task.
    return process.once("scribe", lambda: ThreadPoolExecutor(1, thread_name_prefix="happyhorse_nb ledger"))
