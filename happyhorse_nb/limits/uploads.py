"""Uploads an account's pictures, each once for all kernels of this machine. Lives on the event loop.

A link to a picture is a secret, so the ledger has it sealed with the account's key.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from happyhorse_nb import polling
from happyhorse_nb.client.body import Flight
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    InvalidRequest,
    LedgerError,
    NotSent,
    RateLimited,
    ServerError,
    TransportError,
    lasting,
)
from happyhorse_nb.inputs import Input
from happyhorse_nb.settings import Account
from happyhorse_nb.settings.account import HiddenText
from happyhorse_nb.settings.process import in_thread
from happyhorse_nb.store import Claim, Ledger, Picture, Presence, Room

if TYPE_CHECKING:
    from happyhorse_nb.client import Client
    from happyhorse_nb.client.upload import Upload

logger = logging.getLogger(__name__)

T = TypeVar("T")
#: Seconds between two looks at what other kernels do: at first, and at most.
_GAP, _LONG = 0.25, 2.0
#: A server that answers 429 so many times, for longer than the patience, is believed to be full.
_TRIES = 5
#: What a card says meanwhile.
FULL = (
    "The server holds as many pictures of this account as it may, and running jobs need them all; this one goes on "
    "when one of them has ended."
)


@dataclass(frozen=True)
class Waiter:
    """What a job that waits lends: its turn to send a request, its card, and for how long (seconds) it tries again."""

    turn: Callable[[], Awaitable[None]]
    say: Callable[[str], None]
    patience: float
    max_backoff: float


@lasting
class NotUploaded(Exception):
    """A picture could not be uploaded, for this ``problem``; ``label`` names it."""

    def __init__(self, label: str, problem: HappyHorseError) -> None:
        super().__init__(label)
        self.label = label
        self.problem = problem


class Uploads:
    """The pictures of one key of an account. What is awaited may be cancelled at any time.

    Raises `LedgerError`, and `NotUploaded` where nothing more is tried: nothing was paid for.
    """

    def __init__(self, client: Client, account: Account, ledger: Ledger, presence: Presence) -> None:
        self._client = client
        self._ledger = ledger
        self._presence = presence
        self._origin, self._account = account.realm, account.key.fingerprint
        self._seal = Seal(account.key.reveal())
        #: By digest: when an upload has failed, and how. Who was waiting for it ends by that, too.
        self._failed: dict[str, tuple[float, HappyHorseError]] = {}
        #: Set when something has changed here.
        self._news = asyncio.Event()
        #: What writes down the answers to uploads whose jobs were stopped.
        self._late: set[asyncio.Task[None]] = set()
        #: What could not be written down yet.
        self._owed: deque[Callable[[], None]] = deque()

    async def addresses(self, job: str, pictures: Collection[Input], waiter: Waiter) -> Mapping[str, str]:
        """The addresses of a job's pictures, by their digests, after those that the server does not hold were
        uploaded. Until the job is sent, or `give_up`, nobody deletes them."""
        wanted = {one.digest: one for one in pictures}
        found: dict[str, str] = {}
        while True:
            await self._make_room(job, wanted, waiter)
            for number, (digest, one) in enumerate(wanted.items(), 1):
                address = await self._address(one, f"Uploading picture {number} of {len(wanted)}.", waiter)
                if address is None:
                    break
                found[digest] = address
            else:
                return found

    async def give_up(self, job: str) -> None:
        """A job is not about to be sent any more."""
        await in_thread(self._ledger.give_up_room, job)

    async def close(self) -> None:
        """Wait for no answer any more."""
        for late in self._late:
            late.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _make_room(self, job: str, wanted: Mapping[str, Input], waiter: Waiter) -> None:
        # Here, as aiohttp comes with it.
        from happyhorse_nb.client.upload import MARGIN

        label, waits = next(iter(wanted.values())).label, 0
        while True:
            room = await self._whole(
                lambda: self._give_room(job, tuple(wanted), MARGIN), lambda room: self._deleted(room.delete, gone=False)
            )
            if room.given:
                return
            if room.delete:
                await self._delete(list(room.delete), label, waiter)
                continue
            if room.full:
                waiter.say(FULL)
            waits += 1
            await self._look_again(waits)

    async def _delete(self, left: list[Picture], label: str, waiter: Waiter) -> None:
        """Have the server delete these pictures to make room for that one. To do it twice does no harm."""
        retry = _Retry(waiter)
        try:
            while left:
                one = left[0]
                await waiter.turn()
                try:
                    await self._client.delete_upload(one.file)
                except (RateLimited, ServerError, TransportError) as problem:
                    if (wait := retry.wait(problem)) is None:
                        raise NotUploaded(label, problem) from None
                    await asyncio.sleep(wait)
                    continue
                except (APIError, InvalidRequest):
                    # It will not be deleted; whether there is room for another one, the server says.
                    logger.debug("an upload could not be deleted")
                await self._note(partial(self._deleted, [one], gone=True))
                del left[0]
        finally:
            if left:
                await self._note(partial(self._deleted, tuple(left), gone=False))

    async def _address(self, one: Input, words: str, waiter: Waiter) -> str | None:
        """The address of a picture for which there is room; None where that was taken away."""
        began, retry, waits = time.monotonic(), _Retry(waiter), 0
        waiter.say(words)
        while True:
            failed = self._failed.get(one.digest)
            if failed is not None and failed[0] > began:
                raise NotUploaded(one.label, failed[1])
            claim = await self._whole(lambda: self._claim(one.digest), lambda claim: self._unclaim(one.digest, claim))
            if claim.lost:
                return None
            if claim.address:
                if (address := self._seal.opened(claim.address)) is not None:
                    return address
                # Damaged.
                await in_thread(self._write, one.digest, None)
            elif claim.mine:
                try:
                    return (await self._upload(one, waiter)).url
                except (RateLimited, NotSent) as problem:
                    if (wait := retry.wait(problem)) is None:
                        raise NotUploaded(one.label, problem) from None
                    await asyncio.sleep(wait)
                except (APIError, TransportError, InvalidRequest) as problem:
                    raise NotUploaded(one.label, problem) from None
            else:
                waits += 1
                await self._look_again(waits)

    async def _upload(self, one: Input, waiter: Waiter) -> Upload:
        flight, upload = Flight(), None
        sending: asyncio.Task[Upload] | None = None
        try:
            await waiter.turn()
            sending = asyncio.ensure_future(self._client.upload(one, flight=flight))
            upload = await asyncio.shield(sending)
        except (APIError, TransportError, InvalidRequest) as problem:
            if not isinstance(problem, (RateLimited, NotSent)):
                # Before anybody else can claim it.
                # (A copy, without the frames that hold the picture.)
                self._failed[one.digest] = time.monotonic(), copy(problem)
            raise
        finally:
            if sending is None or sending.done() or not flight.whole:
                await self._end(one.digest, sending)
            else:
                # The job was stopped, and the server may have it all: its answer is noted.
                late = asyncio.ensure_future(self._end(one.digest, sending, wait=True))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
        logger.info("a picture of %s bytes was uploaded", one.info.size if one.info else "some")
        return upload

    async def _end(self, digest: str, sending: asyncio.Task[Upload] | None, *, wait: bool = False) -> None:
        """Write down what an upload has come to, which is cancelled unless there is something to ``wait`` for."""
        upload = None
        try:
            if sending is not None:
                if not wait:
                    sending.cancel()
                await asyncio.wait({sending})
                if not sending.cancelled() and sending.exception() is None:
                    upload = sending.result()
        finally:
            if sending is not None:
                sending.cancel()
            await self._note(partial(self._write, digest, upload))

    async def _look_again(self, waits: int) -> None:
        """Wait until something has changed here, or may have in other kernels."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_GAP * waits, _LONG)):
                await self._news.wait()

    async def _whole(self, work: Callable[[], T], undo: Callable[[T], None]) -> T:
        """Do this on a thread. Where the job is stopped meanwhile, it is undone."""
        doing = asyncio.ensure_future(in_thread(work))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait({doing})
            if not doing.cancelled() and doing.exception() is None:
                await self._note(partial(undo, doing.result()))
            raise

    async def _note(self, write: Callable[[], None]) -> None:
        """Write something down, also for a job that was just stopped, and later what cannot be written now: others
        wait for what this kernel has claimed."""
        try:
            await in_thread(write)
        except LedgerError:
            self._owed.append(write)
        self._news.set()
        self._news = asyncio.Event()

    # On threads
    def _settle(self) -> None:
        with suppress(IndexError):
            while True:
                # (Another thread may do the same.)
                write = self._owed.popleft()
                try:
                    write()
                except LedgerError:
                    self._owed.append(write)
                    raise

    def _deleted(self, pictures: Collection[Picture], *, gone: bool) -> None:
        for one in pictures:
            self._ledger.upload_deleted(one, gone=gone)

    def _write(self, digest: str, upload: Upload | None) -> None:
        now = time.time()
        self._ledger.uploaded(
            digest,
            origin=self._origin,
            account=self._account,
            file=upload.file_id if upload else "",
            address=self._seal.sealed(upload.url) if upload else "",
            now=now,
            expires=upload.expires_at if upload else now,
        )

    def _give_room(self, job: str, digests: Collection[str], fresh: float) -> Room:
        self._settle()
        return self._ledger.give_room(
            job,
            digests,
            origin=self._origin,
            account=self._account,
            owner=self._presence.id,
            dead=self._dead(),
            now=time.time(),
            fresh=fresh,
        )

    def _claim(self, digest: str) -> Claim:
        self._settle()
        return self._ledger.claim_upload(
            digest, origin=self._origin, account=self._account, owner=self._presence.id, dead=self._dead()
        )

    def _unclaim(self, digest: str, claim: Claim) -> None:
        if claim.mine:
            self._write(digest, None)

    def _dead(self) -> frozenset[str]:
        owners = self._ledger.upload_owners(self._origin, self._account)
        return frozenset(owner for owner in owners if not self._presence.alive(owner))


class _Retry:
    """When a request that was certainly not accepted is sent again."""

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self._began: float | None = None
        self._tries = 0

    def wait(self, problem: HappyHorseError) -> float | None:
        """Seconds until then; None for never."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._tries += 1
        wait = polling.backoff(self._tries, longest=self._waiter.max_backoff)
        late = now - self._began + wait > self._waiter.patience
        if isinstance(problem, RateLimited):
            if late and self._tries >= _TRIES:
                return None
            return wait if problem.retry_after is None else problem.retry_after
        return None if late or getattr(problem, "begun", False) else wait


class Seal:
    """Hides what only those who have the account's key may read: a keystream (SHAKE-256 of the key and a random number)
    and an authenticator, both of the standard library."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.blake2b(key.encode(), person=b"happyhorse_seal").digest()

    def __repr__(self) -> str:
        return "Seal()"

    def sealed(self, text: str) -> str:
        """The text as nobody else can read it."""
        nonce = secrets.token_bytes(16)
        hidden = self._mixed(nonce, text.encode())
        return base64.b64encode(self._tag(nonce + hidden) + nonce + hidden).decode()

    def opened(self, sealed: str) -> str | None:
        """The text again; None for what was sealed with another key, or is damaged."""
        with suppress(ValueError):
            raw = base64.b64decode(sealed, validate=True)
            if hmac.compare_digest(self._tag(raw[16:]), raw[:16]):
                return HiddenText(self._mixed(raw[16:32], raw[32:]).decode())
        return None

    def _mixed(self, nonce: bytes, data: bytes) -> bytes:
        stream = hashlib.shake_256(self._key + nonce).digest(len(data))
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))

    def _tag(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, "sha256")[:16]
