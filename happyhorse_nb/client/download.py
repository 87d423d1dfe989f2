"""Fetches a video: streamed beside its final name, resumed, capped, checked, and renamed into place."""

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
from happyhorse_nb.client.mp4 import check_mp4
from happyhorse_nb.client.transfer import WINDOW, Cut, Transfer
from happyhorse_nb.errors import APIError, DownloadError, TransportError
from happyhorse_nb.models import VideoInfo
from happyhorse_nb.settings.process import at_decoder, at_disk

#: Far above any video of this API: 15 s at 1080P are some tens of megabytes.
MAX_BYTES = 2 * 1024**3
#: Most seconds between two tries, and for asking for a fresh link, after which the old one is used.
_LONGEST_PAUSE, _LONGEST_ASKING = 5.0, 10.0

#: Returns a fresh link, None where there is none. Called with why the last try failed, and how many in a row were vain.
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
    """Fetch ``url`` into ``target``, or if that is taken and ``numbered``, into the next name that is free.

    The file appears at once and whole, or not at all. Any error of an answer or of the bytes may pass: it is tried
    again until about ``patience`` seconds have brought nothing new, after a cut from where it stopped, with the link
    that ``renew`` returns. A damaged file that came twice the same stays beside ``target`` as ``NAME.damaged``.

    ``loopback`` allows plain http, for a server on this machine; ``own`` is the API server's host, which may be inside
    the network that links must not lead into. A transfer that crawls is given up after ``window`` seconds. ``cap`` is
    the most bytes. ``on_bytes`` is called with the bytes so far and the total, if known. ``slot`` is held during a try.
    ``part`` is a unique name for the unfinished file: what a killed process has left under it is removed. The link is a
    secret and in no message. Raises `DownloadError` (``refused`` when the link was turned down).
    """
    # Unique, so that two downloads to one target never share it; short, as names are limited.
    half = target.with_name(f"{target.stem[:40]}.{part or secrets.token_hex(4)}.part")
    transfer = Transfer(session, url or "", half, loopback=loopback, own=own, cap=cap, window=window, on_bytes=on_bytes)
    tries = _Tries(transfer, target, renew, slot)
    try:
        await at_disk(_make_room, half, None if numbered else target)
        info = await tries.until_whole(patience)
        # On the loop, so that nothing comes between the check and the name.
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
    # What a killed process has left may be a second name of a video that has its final name already.
    half.unlink(missing_ok=True)
    if target is not None and os.path.lexists(target):
        raise FileExistsError(EEXIST, os.strerror(EEXIST))


class _Tries:
    """The tries to fetch one video."""

    def __init__(self, transfer: Transfer, target: Path, renew: Renew | None, slot: asyncio.Semaphore | None) -> None:
        self._transfer, self._target, self._renew, self._slot = transfer, target, renew, slot
        #: When anything new came last, and how many tries have failed since.
        self._since, self._failed = time.monotonic(), 0
        #: Whether the next try wants a fresh link, as the last one brought nothing new or nothing good.
        self._stale = not transfer.linked
        #: Why the last try failed, whether the link was refused, and why no fresh link could be had.
        self._why, self._refused, self._no_link = "", False, ""
        self._began, self._most = 0, (0, 0)
        #: How often a damaged video came whole, the digests of those, and the files they are saved as.
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
                    # Waiting for other downloads is no failure of this one.
                    self._since += time.monotonic() - waited
                    self._began = self._transfer.have
                    await self._transfer.go_on()
                    return await at_decoder(self._judge)
            except Cut as cut:
                self._why, self._refused = str(cut), cut.refused
                self._note()
                # After a cut the same link is used, as long as it brings something.
                self._stale = self._transfer.have <= self._began
                self._failed += 1
                # At least two, since one long try may have failed only because it was long.
                if self._failed > 1 and time.monotonic() - self._since >= patience:
                    raise
            await asyncio.sleep(polling.backoff(self._failed, longest=_LONGEST_PAUSE, first=0.2))

    def given_up(self) -> DownloadError:
        """The error that ends the tries."""
        words = f"the video could not be fetched: {self._why}"
        if self._damaged is not None:
            words += f"; the same damaged file came more than once, and is kept as {self._damaged}"
        if self._no_link:
            words += f"; no new link to it could be fetched: {self._no_link}"
        return DownloadError(words, refused=self._refused)

    def forget_the_damaged(self) -> None:
        """Remove the damaged files, now that there is a good one."""
        for path in self._made:
            with suppress(OSError):
                path.unlink()

    async def _find_link(self, renew: Renew) -> None:
        """Ask for a fresh link; without one, the old one is tried again."""
        self._no_link = ""
        try:
            async with asyncio.timeout(_LONGEST_ASKING):
                link = await renew(self._why, self._failed)
        except TimeoutError:
            self._no_link = "it takes too long"
        except (APIError, TransportError) as problem:
            self._no_link = str(problem)
        else:
            if link:
                self._transfer.follow(link)

    def _note(self) -> None:
        """Note progress: more bytes than ever. A damaged video is fetched once more from its start, which counts as
        progress once, or there would be no end to it."""
        if self._bad < 2 and (self._bad, self._transfer.have) > self._most:
            self._most = self._bad, self._transfer.have
            self._since, self._failed = time.monotonic(), 0

    def _judge(self) -> VideoInfo:
        """Check what came. Raises `Cut` for what is no whole video. Not for the event loop."""
        half, ends_known = self._transfer.half, self._transfer.ends_known
        try:
            return check_mp4(half, open_end=ends_known)
        except DownloadError as problem:
            why = str(problem)
        digest = _digest(half)
        again = digest in self._seen
        self._seen.add(digest)
        if again and not ends_known:
            # No length was stated, but the same bytes came twice, so they are all.
            try:
                return check_mp4(half)
            except DownloadError as problem:
                why = str(problem)
        if again and self._transfer.have:
            self._damaged = self._save_damaged(digest)
        self._note()
        self._bad += 1
        # Nothing can be resumed.
        self._transfer.have = 0
        raise Cut(why)

    def _save_damaged(self, digest: bytes) -> Path:
        """Save it under a name that no player opens, unless the same bytes are saved already."""
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
