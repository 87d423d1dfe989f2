"""Fetches a video: streamed beside its final name, resumed after a cut, capped, checked, and renamed into place."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from errno import EEXIST
from pathlib import Path

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type

from happyhorse_nb import polling
from happyhorse_nb.client.aside import at_decoder, at_disk
from happyhorse_nb.client.mp4 import VideoInfo, check_mp4
from happyhorse_nb.client.place import into_place
from happyhorse_nb.client.transfer import WINDOW, Cut, Transfer
from happyhorse_nb.errors import DownloadError

#: No video of this API comes near it: 15 s at 1080P are some tens of megabytes.
MAX_BYTES = 2 * 1024**3


async def download(
    session: aiohttp.ClientSession,
    url: str,
    target: Path,
    *,
    loopback: bool = False,
    own: str = "",
    patience: float = 30.0,
    cap: int = MAX_BYTES,
    window: float = WINDOW,
    part: str | None = None,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> VideoInfo:
    """Fetch ``url`` into ``target``, which must not exist; it appears there at once and whole, or not at all.

    ``loopback`` allows plain http, for a server on this machine; ``own`` is that server's host, which may be inside the
    network that links must not lead into. ``window`` is the seconds after which a transfer that
    crawls is given up, cuts or not. After a cut it goes on where it stopped, until about ``patience`` seconds have
    brought nothing new. ``cap`` is in bytes; ``on_bytes`` is told bytes so far and the total, if known. ``part`` names
    the half file, for a caller who is the only one to use that name: what an earlier process left under it when it was
    killed is written over. The link is a secret: it is in no message. Raises `DownloadError` (``refused`` when the link
    itself was turned down).
    """
    # A name of its own, so that two downloads to one target never write into each other; short, as names are limited.
    half = target.with_name(f"{target.stem[:40]}.{part or secrets.token_hex(4)}.part")
    transfer = Transfer(session, url, half, loopback=loopback, own=own, cap=cap, window=window, on_bytes=on_bytes)
    try:
        await at_disk(_make_room, target)
        info = await _insist(transfer, patience)
        # Not aside: once it is checked, nothing comes between the file and its name.
        into_place(half, target)
    except Cut as cut:
        raise DownloadError(f"the video could not be fetched: {cut}") from None
    except FileExistsError:
        raise DownloadError(f"{target} exists and is never written over; give another name") from None
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise DownloadError(f"the video could not be written to {target}: {reason}") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    return info


def _make_room(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise FileExistsError(EEXIST, os.strerror(EEXIST))


async def _insist(transfer: Transfer, patience: float) -> VideoInfo:
    """Fetch it whole, in as many tries as it takes while there is progress. Raises `Cut` and `DownloadError`."""
    ends: list[int] = []
    last, have, vain = time.monotonic(), 0, 0

    def look(_: object) -> None:
        nonlocal last, have, vain
        if (most := max(transfer.have, *ends, 0)) > have:
            last, have, vain = time.monotonic(), most, 0
        vain += 1

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Cut),
        after=look,
        # Longer after each that has brought nothing.
        wait=lambda _: polling.backoff(vain, longest=5.0, first=0.2),
        stop=lambda _: time.monotonic() - last >= patience,
        reraise=True,
    ):
        with attempt:
            await transfer.go_on()
            try:
                # Where no length was told, two transfers that end at the same byte are as good a word for it.
                return await at_decoder(
                    lambda: check_mp4(transfer.half, open_end=transfer.told or transfer.have in ends)
                )
            except DownloadError as problem:
                if transfer.told:
                    raise
                # It may have been cut without a sign, so there is nothing to go on from.
                ends.append(transfer.have)
                transfer.have = 0
                why = str(problem)
            raise Cut(why)
    raise AssertionError("the last try ends with a result or an error")
