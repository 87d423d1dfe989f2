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
from happyhorse_nb.client.transfer import WINDOW, Cut, Transfer
from happyhorse_nb.errors import APIError, DownloadError, TransportError
from happyhorse_nb.settings.process import at_decoder, at_disk

#: No video of this API comes near it: 15 s at 1080P are some tens of megabytes.
MAX_BYTES = 2 * 1024**3
#: Seconds between two tries at most, and seconds that asking for a fresh link may take; then the old one will do.
_LONGEST_PAUSE, _LONGEST_ASKING = 5.0, 10.0

#: Gives the link that is good now, None where there is none. Told why the last try failed, and how many tries in a row
#: have brought nothing.
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

    The file appears there at once and whole, or not at all. Whatever is wrong with an answer, or with the bytes, may
    pass: it is tried again until about ``patience`` seconds have brought nothing new, after a cut from where it
    stopped, and with the link that ``renew`` gives. A damaged file that came twice is not deleted: it stays beside
    ``target``, under its name and ``.damaged``.

    ``loopback`` allows plain http, for a server on this machine; ``own`` is the API server's host, which may be inside
    the network that links must not lead into. ``window`` is the seconds after which a transfer that crawls is given up,
    ``cap`` the most bytes. ``on_bytes`` is told the bytes so far and the total, if known. ``slot`` is held during a
    try. ``part`` names the unfinished file, for a caller who alone uses that name: what a process that was killed has
    left there is removed. The link is a secret: it is in no message. Raises `DownloadError` (``refused`` when the link
    itself was turned down).
    """
    # A name of its own, so that two downloads to one target never write into each other; short, as names are limited.
    half = target.with_name(f"{target.stem[:40]}.{part or secrets.token_hex(4)}.part")
    transfer = Transfer(session, url or "", half, loopback=loopback, own=own, cap=cap, window=window, on_bytes=on_bytes)
    tries = _Tries(transfer, target, renew, slot)
    try:
        await at_disk(_make_room, half, None if numbered else target)
        info = await tries.until_whole(patience)
        # On the loop: once it is checked, nothing comes between the file and its name.
        named = into_place(half, names(target) if numbered else [target])
        tries.forget_the_damaged()
    except Cut:
        raise tries.given_up() from None
    except FileExistsError:
        raise DownloadError(f"{target} exists and is never overwritten", remedy="Give another name.") from None
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise DownloadError(f"the video could not be written to {target}: {reason}") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    return info, named


def _make_room(half: Path, target: Path | None) -> None:
    half.parent.mkdir(parents=True, exist_ok=True)
    # Left by a process that was killed, it may be a second name of the video that has its final one already.
    half.unlink(missing_ok=True)
    if target is not None and os.path.lexists(target):
        raise FileExistsError(EEXIST, os.strerror(EEXIST))


class _Tries:
    """Fetches one video in as many tries as it takes."""

    def __init__(self, transfer: Transfer, target: Path, renew: Renew | None, slot: asyncio.Semaphore | None) -> None:
        self._transfer, self._target, self._renew, self._slot = transfer, target, renew, slot
        #: When anything new came last, and how many tries have failed since.
        self._since, self._vain = time.monotonic(), 0
        #: Whether the next try wants a fresh link: the last one has brought nothing new, or nothing good.
        self._stale = not transfer.linked
        #: Why the last try failed, whether that was the link's fault, and why no fresh link was to be had.
        self._why, self._refused, self._no_link = "", False, ""
        self._began, self._most = 0, (0, 0)
        #: How often something came whole that is no whole video, the digests of that, and the files it is saved as.
        self._bad = 0
        self._seen: set[bytes] = set()
        self._damaged: Path | None = None
        self._made: list[Path] = []

    async def until_whole(self, patience: float) -> VideoInfo:
        """Raises `Cut` when ``patience`` seconds have brought nothing new, `DownloadError` and OSError at once."""
        while True:
            try:
                if self._stale and self._renew is not None:
                    await self._find_link(self._renew)
                waited = time.monotonic()
                async with self._slot or nullcontext():
                    # Waiting for the other downloads is not this one's failure.
                    self._since += time.monotonic() - waited
                    self._began = self._transfer.have
                    await self._transfer.go_on()
                    return await at_decoder(self._judge)
            except Cut as cut:
                self._why, self._refused = str(cut), cut.refused
                self._note()
                # After a cut the same link goes on, as long as it brings something.
                self._stale = self._transfer.have <= self._began
                self._vain += 1
                # At least two: a single try that took this long may have failed only because it was long.
                if self._vain > 1 and time.monotonic() - self._since >= patience:
                    raise
            await asyncio.sleep(polling.backoff(self._vain, longest=_LONGEST_PAUSE, first=0.2))

    def given_up(self) -> DownloadError:
        """The error to end with."""
        words = f"the video could not be fetched: {self._why}"
        if self._damaged is not None:
            words += f"; the same damaged file came more than once, and is kept as {self._damaged}"
        if self._no_link:
            words += f"; no new link to it could be fetched: {self._no_link}"
        return DownloadError(words, refused=self._refused)

    def forget_the_damaged(self) -> None:
        """Remove what was saved for want of a good one, now that there is one."""
        for path in self._made:
            with suppress(OSError):
                path.unlink()

    async def _find_link(self, renew: Renew) -> None:
        """Ask for a fresh link; whatever comes of it, the old one may be good again."""
        self._no_link = ""
        try:
            async with asyncio.timeout(_LONGEST_ASKING):
                link = await renew(self._why, self._vain)
        except TimeoutError:
            self._no_link = "it takes too long"
        except (APIError, TransportError) as problem:
            self._no_link = str(problem)
        else:
            if link:
                self._transfer.follow(link)

    def _note(self) -> None:
        """Look whether there is anything new: more bytes than ever. A damaged video is fetched once more from its
        beginning, which counts too; after that it does not, or there would be no end to it."""
        if self._bad < 2 and (self._bad, self._transfer.have) > self._most:
            self._most = self._bad, self._transfer.have
            self._since, self._vain = time.monotonic(), 0

    def _judge(self) -> VideoInfo:
        """Check what came. Raises `Cut` for what is no whole video. Runs on a thread."""
        half, told = self._transfer.half, self._transfer.told
        try:
            return check_mp4(half, open_end=told)
        except DownloadError as problem:
            why = str(problem)
        digest = _digest(half)
        again = digest in self._seen
        self._seen.add(digest)
        if again and not told:
            # No length was told, but the same bytes came twice: they are all there is.
            try:
                return check_mp4(half)
            except DownloadError as problem:
                why = str(problem)
        if again and self._transfer.have:
            self._damaged = self._save_damaged(digest)
        self._note()
        self._bad += 1
        # There is nothing to go on from.
        self._transfer.have = 0
        raise Cut(why)

    def _save_damaged(self, digest: bytes) -> Path:
        """Save it under a name that no player opens, unless the same bytes are there already."""
        half = self._transfer.half
        for name in names(beside(self._target, ".damaged")):
            with suppress(OSError):
                if _digest(name) == digest:
                    return name
            with suppress(FileExistsError):
                into_place(half, [name])
                half.unlink(missing_ok=True)
                self._made.append(name)
                return name
        raise AssertionError("names have no end")


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
