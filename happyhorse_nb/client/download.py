"""Fetches a video: streamed beside its final name, resumed after a cut, capped, checked, and renamed into place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
from aiohttp import hdrs
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from happyhorse_nb.client.mp4 import VideoInfo, check_mp4
from happyhorse_nb.errors import DownloadError
from happyhorse_nb.settings import is_loopback

#: No video of this API comes near it: 15 s at 1080P are some tens of megabytes.
MAX_BYTES = 2 * 1024**3
_CHUNK = 256 * 1024
_REDIRECTS = 5
#: Seconds of silence after which a cut is assumed.
_SILENCE = 30.0


class _Cut(Exception):
    """A transfer that broke off or a server in trouble: worth another try, from where it stopped."""


async def download(
    session: aiohttp.ClientSession,
    url: str,
    target: Path,
    *,
    loopback: bool = False,
    patience: float = 30.0,
    cap: int = MAX_BYTES,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> VideoInfo:
    """Fetch ``url`` into ``target``, which must not exist; it appears there at once and whole, or not at all.

    ``loopback`` allows plain http, for a server on this machine. After a cut it goes on where it stopped, for about
    ``patience`` seconds in all. ``cap`` is in bytes; ``on_bytes`` is told bytes so far and the total, if known. The
    link is a secret: it is in no message. Raises `DownloadError` (``refused`` when the link itself was turned down).
    """
    half = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.unlink(missing_ok=True)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Cut),
            stop=stop_after_delay(patience),
            wait=wait_exponential_jitter(initial=0.2, max=5.0, jitter=0.3),
            reraise=True,
        ):
            with attempt:
                await _fetch(session, url, half, loopback=loopback, cap=cap, on_bytes=on_bytes)
        info = await asyncio.to_thread(check_mp4, half)
        await asyncio.to_thread(_into_place, half, target)
    except _Cut as cut:
        raise DownloadError(f"the video could not be fetched: {cut}") from None
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise DownloadError(f"the video could not be written to {target}: {reason}") from None
    finally:
        half.unlink(missing_ok=True)
    return info


async def _fetch(
    session: aiohttp.ClientSession,
    url: str,
    half: Path,
    *,
    loopback: bool,
    cap: int,
    on_bytes: Callable[[int, int | None], None] | None,
) -> None:
    have = half.stat().st_size if half.exists() else 0
    try:
        async with await _open(session, url, have, loopback=loopback) as response:
            if response.status == 200:
                have = 0
            total = response.content_length + have if response.content_length is not None else None
            if total is not None and total > cap:
                raise DownloadError(f"the video is larger than {cap:,} bytes")
            with half.open("ab" if have else "wb") as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    have += len(chunk)
                    if have > cap:
                        raise DownloadError(f"the video is larger than {cap:,} bytes")
                    file.write(chunk)
                    if on_bytes is not None:
                        on_bytes(have, total)
                file.flush()
                os.fsync(file.fileno())
    except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError):
        # Without the original behind it, whose text holds the signed link.
        raise _Cut("the connection broke off again and again") from None
    if total is not None and have < total:
        raise _Cut("the connection broke off again and again")


async def _open(
    session: aiohttp.ClientSession, url: str, have: int, *, loopback: bool
) -> aiohttp.ClientResponse:
    """The answer with the video in it, after redirects, each of them checked again."""
    headers = {hdrs.ACCEPT: "video/mp4, */*;q=0.1"}
    if have:
        headers[hdrs.RANGE] = f"bytes={have}-"
    for _ in range(_REDIRECTS + 1):
        _check_link(url, loopback=loopback)
        response = await session.get(
            url,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE),
        )
        status = response.status
        if status in (301, 302, 303, 307, 308) and hdrs.LOCATION in response.headers:
            url = urljoin(url, response.headers[hdrs.LOCATION])
            response.release()
            continue
        if status == 200 or (status == 206 and _continues(response, have)):
            return response
        response.release()
        if status in (408, 416, 429) or status >= 500 or status == 206:
            raise _Cut(f"its server answers {status}")
        raise DownloadError(f"the link to the video was turned down ({status})", refused=True)
    raise DownloadError("the link to the video leads in circles", refused=True)


def _continues(response: aiohttp.ClientResponse, have: int) -> bool:
    return response.headers.get(hdrs.CONTENT_RANGE, "").startswith(f"bytes {have}-")


def _check_link(url: str, *, loopback: bool) -> None:
    scheme = url.partition(":")[0].lower()
    if scheme == "https" or (scheme == "http" and loopback and is_loopback(url)):
        return
    raise DownloadError("the link to the video is not https, so it is not followed", refused=True)


def _into_place(half: Path, target: Path) -> None:
    """Rename without ever replacing a file that is there."""
    try:
        os.link(half, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (some network drives): the check and the rename are then two steps.
        if target.exists():
            raise FileExistsError(17, "file exists", str(target)) from None
        half.rename(target)
