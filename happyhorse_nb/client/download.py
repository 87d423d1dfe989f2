"""Fetches a video: streamed beside its final name, resumed after a cut, capped, checked, and renamed into place."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from errno import EEXIST
from pathlib import Path

import aiohttp

from happyhorse_nb import polling
from happyhorse_nb.client.files import beside, into_place, names
from happyhorse_nb.client.mp4 import VideoInfo, check_mp4
from happyhorse_nb.client.threads import at_decoder, at_disk
from happyhorse_nb.client.transfer import WINDOW, Cut, Transfer
from happyhorse_nb.errors import APIError, DownloadError, TransportError

#: No video of this API comes near it: 15 s at 1080P are some tens of megabytes.
MAX_BYTES = 2 * 1024**3
#: Seconds between two tries at most, and seconds that asking for a fresh link may take; then the old one will do.
_LONGEST_PAUSE, _LONGEST_ASKING = 5.0, 10.0
NO_LINK = "the server says the task is done but gives no link to a video"

#: Asked for the link that is good now, None where there is none; told what went wrong, and how often in a row in vain.
Renew = Callable[[str, int], Awaitable[str | None]]


async def download(
    session: aiohttp.ClientSession,
    url: str | None,
    target: Path,
    *,
    loopback: bool = False,
    own: str = "",
    patience: float = 30.0,
    cap: int = MAX_BYTES,
    window: float = WINDOW,
    part: str | None = None,
    numbered: bool = False,
    slot: asyncio.Semaphore | None = None,
    renew: Renew | None = None,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> tuple[VideoInfo, Path]:
    """Fetch ``url`` into ``target``, or where that is taken and ``numbered``, into the next name that is free.

    It appears there at once and whole, or not at all. Whatever is wrong with the answer or with what came is taken to
    pass: it is tried again until about ``patience`` seconds have brought nothing new, after a cut from where it
    stopped, and with the link that ``renew`` gives. Bytes that came twice the same are not deleted: they are kept
    beside ``target``, under its name and ``.damaged``. ``loopback`` allows plain http, for a server on this machine;
    ``own`` is that server's host, which may be inside the network that links must not lead into.
    ``window`` is the seconds after which a transfer that crawls is given up, cuts or not. ``cap`` is in bytes;
    ``on_bytes`` is told bytes so far and the total, if known; ``slot`` is held while it comes. ``part`` names the half
    file, for a caller who is the only one to use that name: what an earlier process left under it when it was killed
    is taken away. The link is a secret: it is in no message. Raises `DownloadError` (``refused`` when it was the link
    itself that was turned down).
    """
    # A name of its own, so that two downloads to one target never write into each other; short, as names are limited.
    half = target.with_name(f"{target.stem[:40]}.{part or secrets.token_hex(4)}.part")
    transfer = Transfer(session, url or "", half, loopback=loopback, own=own, cap=cap, window=window, on_bytes=on_bytes)
    tries = _Tries(transfer, target, renew, linked=bool(url))
    try:
        await at_disk(_make_room, half, None if numbered else target)
        info = await _insist(tries, patience, slot)
        # Not aside: once it is checked, nothing comes between the file and its name.
        place = into_place(half, names(target) if numbered else [target])
        tries.forget_the_damaged()
    except Cut as cut:
        raise tries.given_up(str(cut)) from None
    except FileExistsError:
        raise DownloadError(f"{target} exists and is never overwritten; give another name") from None
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise DownloadError(f"the video could not be written to {target}: {reason}") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    return info, place


def _make_room(half: Path, target: Path | None) -> None:
    half.parent.mkdir(parents=True, exist_ok=True)
    # Left by a process that was killed, it may be a second name of the film that has its final one already.
    half.unlink(missing_ok=True)
    if target is not None and os.path.lexists(target):
        raise FileExistsError(EEXIST, os.strerror(EEXIST))


async def _insist(tries: _Tries, patience: float, slot: asyncio.Semaphore | None) -> VideoInfo:
    """Fetch it whole, in as many tries as it takes. Raises `Cut` with the last one's trouble, and `DownloadError`."""
    while True:
        try:
            await tries.find_link()
            waited = time.monotonic()
            async with slot or nullcontext():
                # Waiting for the other downloads is not this one's failure.
                tries.since += time.monotonic() - waited
                return await tries.once()
        except Cut:
            tries.failed()
            # At least two: a single try that took this long may have failed only because it was long.
            if tries.vain > 1 and time.monotonic() - tries.since >= patience:
                raise
        await asyncio.sleep(polling.backoff(tries.vain, longest=_LONGEST_PAUSE, first=0.2))


class _Tries:
    """What the tries to fetch one video have brought so far."""

    def __init__(self, transfer: Transfer, target: Path, renew: Renew | None, *, linked: bool) -> None:
        self._transfer = transfer
        self._target = target
        self._renew = renew
        self._linked = linked
        #: When anything new came last, and how many tries have failed since.
        self.since, self.vain = time.monotonic(), 0
        #: Whether the next try wants a fresh link: the one that there is has brought nothing new, or nothing good.
        self._stale = not linked
        self._why, self._refused = "", False
        #: What went wrong with asking for a fresh link.
        self._unasked = ""
        self._began, self._most = 0, (0, 0)
        #: How often something came whole that is no whole video, the digests of that, and where it is kept.
        self._bad = 0
        self._seen: set[bytes] = set()
        self._kept: Path | None = None
        self._made: list[Path] = []

    async def find_link(self) -> None:
        """Ask for a fresh link where that is worth it; whatever comes of it, the old one may be good again."""
        if not self._stale or self._renew is None:
            return
        self._unasked = ""
        try:
            async with asyncio.timeout(_LONGEST_ASKING):
                link = await self._renew(self._why, self.vain)
        except TimeoutError:
            self._unasked = "it takes too long"
        except (APIError, TransportError) as problem:
            self._unasked = str(problem)
        else:
            if link:
                self._linked = True
                self._transfer.follow(link)

    async def once(self) -> VideoInfo:
        """Go on with it. Raises `Cut` for what may pass, `DownloadError` for what will not, and OSError."""
        try:
            self._began = self._transfer.have
            if not self._linked:
                raise DownloadError(NO_LINK, refused=True)
            await self._transfer.go_on()
            return await at_decoder(self._judge)
        except DownloadError as problem:
            if not problem.refused:
                raise
            self._refused, self._why = True, str(problem)
        except Cut as cut:
            self._refused, self._why = False, str(cut)
        raise Cut(self._why)

    def failed(self) -> None:
        """A try has failed."""
        self._note()
        # What was cut is gone on with by the same link, as long as that brings something.
        self._stale = self._transfer.have <= self._began
        self.vain += 1

    def given_up(self, why: str) -> DownloadError:
        """The error to end with."""
        words = f"the video could not be fetched: {why}"
        if self._kept is not None:
            words += f"; the same damaged file came more than once, and is kept as {self._kept}"
        if self._unasked:
            words += f"; no new link to it could be fetched: {self._unasked}"
        return DownloadError(words, refused=self._refused)

    def forget_the_damaged(self) -> None:
        """Take away what was kept for want of a good one, now that there is one."""
        for path in self._made:
            with suppress(OSError):
                path.unlink()

    def _note(self) -> None:
        """Look whether there is anything new: more bytes than ever. A video that is no whole one is fetched a second
        time from its beginning, and that counts too; after that it does not, or there would be no end to it."""
        if self._bad < 2 and (self._bad, self._transfer.have) > self._most:
            self._most = self._bad, self._transfer.have
            self.since, self.vain = time.monotonic(), 0

    def _judge(self) -> VideoInfo:
        """Raises `Cut` for what is no whole video."""
        half, told = self._transfer.half, self._transfer.told
        try:
            return check_mp4(half, open_end=told)
        except DownloadError as problem:
            why = str(problem)
        digest = _digest(half)
        again = digest in self._seen
        self._seen.add(digest)
        if again and not told:
            # Where no length was told, that the same has come twice is as good a word for it.
            try:
                return check_mp4(half)
            except DownloadError as problem:
                why = str(problem)
        if again and self._transfer.have:
            self._kept = self._keep(digest)
        self._note()
        self._bad += 1
        # There is nothing to go on from.
        self._transfer.have = 0
        raise Cut(why)

    def _keep(self, digest: bytes) -> Path:
        """Where it lies now, under a name that no player opens; the same bytes are not kept twice."""
        half = self._transfer.half
        for place in names(beside(self._target, ".damaged")):
            with suppress(OSError):
                if _digest(place) == digest:
                    return place
            with suppress(FileExistsError):
                into_place(half, [place])
                half.unlink(missing_ok=True)
                self._made.append(place)
                return place
        raise AssertionError("names have no end")


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
