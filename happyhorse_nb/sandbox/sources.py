"""Where inputs come from: links to the sandbox's own files are read from disk, other addresses are fetched."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

import aiohttp

from happyhorse_nb.errors import DownloadError
from happyhorse_nb.sandbox.media import MediaStore
from happyhorse_nb.sandbox.store import TaskStore

_OURS = re.compile(
    r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?/(files|media)/([^/?#]+)/([^/?#]+)\.[a-z0-9]+"
)


class Links:
    """Finds the files that links to this sandbox lead to, whichever port they name: it changes at a restart."""

    def __init__(self, tasks: TaskStore, media: MediaStore) -> None:
        self._tasks = tasks
        self._media = media

    def find(self, url: str) -> Path | None:
        """The file at that address; None where it has to be asked for like any other."""
        match = _OURS.fullmatch(url)
        if match is None:
            return None
        kind, token, name = match.groups()
        if kind == "files":
            task = self._tasks.get(name)
            ready = task is not None and task.status(time.time()) == "success"
            return self._tasks.video(task) if task is not None and ready and _same(task.token, token) else None
        media = self._media.get(name)
        return self._media.file(media) if media is not None and _same(media.token, token) else None


def _same(token: str, other: str) -> bool:
    return secrets.compare_digest(token.encode(), other.encode())


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
