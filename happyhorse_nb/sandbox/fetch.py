"""Fetches a first frame that was given as an address."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import aiohttp

from happyhorse_nb.errors import DownloadError

_TIMEOUT = 20.0
_REDIRECTS = 5
_CHUNK = 64 * 1024


async def fetch(url: str, *, max_bytes: int) -> bytes:
    """The bytes at an http(s) address. Raises `DownloadError` with one sentence that says why there are none.

    No more than ``max_bytes`` are taken, redirects lead to http(s) only, and all of it has to be done in 20 seconds.
    """
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await _follow(session, url, max_bytes)
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as problem:
        why = f"no answer within {_TIMEOUT:g} s" if isinstance(problem, TimeoutError) else _reason(problem)
        raise DownloadError(f"the first frame cannot be fetched: {why}") from None


async def _follow(session: aiohttp.ClientSession, url: str, max_bytes: int) -> bytes:
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise DownloadError("the first frame cannot be fetched: its address leads to something that is not http(s)")
        async with session.get(url, allow_redirects=False) as answer:
            target = answer.headers.get("Location")
            if answer.status in (301, 302, 303, 307, 308) and target:
                url = urljoin(url, target)
                continue
            if answer.status != 200:
                raise DownloadError(f"the first frame cannot be fetched: its server answers {answer.status}")
            return await _body(answer, max_bytes)
    raise DownloadError(f"the first frame cannot be fetched: more than {_REDIRECTS} redirects")


async def _body(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    data = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        data += chunk
        if len(data) > max_bytes:
            raise DownloadError(f"the first frame cannot be fetched: it is larger than {max_bytes / 1024 / 1024:g} MB")
    return bytes(data)


def _reason(problem: Exception) -> str:
    # An address may be signed, so what is said names its host at most.
    if isinstance(problem, aiohttp.ClientConnectorError):
        return f"no connection to {problem.host}"
    return "its server does not answer as it should" if isinstance(problem, aiohttp.ClientError) else "bad address"
