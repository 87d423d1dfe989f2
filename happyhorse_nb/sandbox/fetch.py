"""Fetches an input from its http(s) address."""

from __future__ import annotations

import aiohttp

from happyhorse_nb.errors import DownloadError

_TIMEOUT = aiohttp.ClientTimeout(total=20.0)
_REDIRECTS = 5


async def fetch(url: str, *, what: str, max_bytes: int) -> bytes:
    """The bytes at an address, at most ``max_bytes``, within 20 seconds. aiohttp follows redirects to http(s) only.
    Raises `DownloadError` with the reason; ``what`` names the input in it."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, max_redirects=_REDIRECTS + 1) as answer,
        ):
            if answer.status != 200:
                raise DownloadError(f"{what} cannot be fetched: its server answers {answer.status}")
            data = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                data += chunk
                if len(data) > max_bytes:
                    large = f"it is larger than {max_bytes / 1024 / 1024:g} MB"
                    raise DownloadError(f"{what} cannot be fetched: {large}")
            return bytes(data)
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise DownloadError(f"{what} cannot be fetched: {_reason(problem)}") from None


def _reason(problem: Exception) -> str:
    # An address may be signed, so the reason names its host at most.
    match problem:
        case TimeoutError():
            return f"no answer within {_TIMEOUT.total:g} s"
        case aiohttp.TooManyRedirects():
            return f"more than {_REDIRECTS} redirects"
        case aiohttp.NonHttpUrlClientError():
            return "its address leads to something that is not http(s)"
        case aiohttp.ClientConnectorError():
            return f"no connection to {problem.host}"
        case aiohttp.ClientError() if not isinstance(problem, aiohttp.InvalidURL):
            return "its server does not answer as it should"
    return "bad address"
