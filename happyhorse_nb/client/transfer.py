"""One video on its way into a file: as much of it as a connection brings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
from aiohttp import hdrs

from happyhorse_nb.client.behind import Behind
from happyhorse_nb.client.proxy import proxy_for
from happyhorse_nb.errors import DownloadError, NotSent, lasting
from happyhorse_nb.settings import is_loopback
from happyhorse_nb.settings.account import HiddenText

#: Bytes that wait for us at most, twice over. More than the usual, which holds a fast line up at every read.
_BUFFER = 512 * 1024
_REDIRECTS = 5
#: Seconds of silence after which a cut is assumed.
_SILENCE = 30.0
#: A transfer that brings fewer bytes a second than this, on average over this many seconds, is given up.
_SLOWEST = 2048
WINDOW = 30.0
#: Seconds without a byte that are counted at most, within a connection or between two: an outage is no crawling.
_PAUSE = 5.0
_BROKEN = "the connection broke off again and again"


@lasting
class Cut(Exception):
    """A transfer that broke off or a server in trouble: worth another try, from where it stopped."""


class Transfer:
    """A link, the file that its video goes to, and how much of it is there (``have``, in bytes).

    The link is a secret, and verbose tracebacks print the locals of every frame. So what goes wrong is returned from
    the functions that have the link or an answer in their hands, and raised by the one that has neither.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        half: Path,
        *,
        loopback: bool,
        cap: int,
        window: float,
        on_bytes: Callable[[int, int | None], None] | None,
    ) -> None:
        self.have = 0
        #: Whether the server told where the video ends, so that a cut does not go unnoticed.
        self.told = True
        self._session = session
        self._url = HiddenText(url)
        self.half = half
        self._loopback = loopback
        self._cap = cap
        self._window = window
        #: The seconds and bytes since it was last seen that it does not crawl, and when the last of them came. What
        #: lies between two connections counts too, or it would go on for ever with some that bring a byte each.
        self._spent, self._came = 0.0, 0
        self._mark = time.monotonic()
        self._on_bytes = on_bytes
        #: Names the version of the file that was begun with; another one is no continuation of it.
        self._tag: str | None = None

    async def go_on(self) -> None:
        """Fetch what is missing. Raises `Cut`, `DownloadError`, and OSError for trouble with the file."""
        problem = await self._fetch()
        if problem is not None:
            raise problem

    async def _fetch(self) -> Cut | DownloadError | None:
        response = None
        try:
            async with asyncio.timeout(2 * _SILENCE):
                response = await self._open()
            if isinstance(response, Exception):
                return response
            return await self._save(response)
        except NotSent as problem:
            return DownloadError(f"the video could not be fetched: {problem}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError, RuntimeError):
            # (RuntimeError: the interpreter shuts down and gives no thread to look a name up.)
            return Cut(_BROKEN)
        finally:
            if isinstance(response, aiohttp.ClientResponse):
                response.close()

    async def _save(self, response: aiohttp.ClientResponse) -> Cut | DownloadError | None:
        if response.status == 200:
            self.have, self._tag = 0, _strong(response.headers.get(hdrs.ETAG))
        total = response.content_length + self.have if response.content_length is not None else None
        # aiohttp itself notices when an answer in chunks is cut.
        self.told = total is not None or "chunked" in response.headers.get(hdrs.TRANSFER_ENCODING, "").lower()
        too_large = DownloadError(f"the video is larger than {self._cap:,} bytes")
        if total is not None and total > self._cap:
            return too_large
        with self.half.open("ab" if self.have else "wb") as file:
            behind = Behind(file)
            whole = False
            try:
                async for piece in response.content.iter_any():
                    if self._crawls(len(piece)):
                        return DownloadError("the video could not be fetched: it comes too slowly")
                    if self.have + len(piece) > self._cap:
                        return too_large
                    self.have += len(piece)
                    if await behind.put(piece) and self._on_bytes is not None:
                        self._on_bytes(self.have, total)
                whole = True
            finally:
                # Also of a transfer that was cut: what has come of it is not asked for again.
                await behind.end(sync=whole)
            if self._on_bytes is not None:
                self._on_bytes(self.have, total)
        return Cut(_BROKEN) if total is not None and self.have < total else None

    def _crawls(self, came: int) -> bool:
        """Whether less than `_SLOWEST` came on average over a window. Without it, a byte now and then is progress."""
        now = time.monotonic()
        self._spent += min(now - self._mark, _PAUSE)
        self._mark = now
        self._came += came
        if self._spent < self._window:
            return False
        slow = self._came < _SLOWEST * self._spent
        self._spent, self._came = 0.0, 0
        return slow

    async def _open(self) -> aiohttp.ClientResponse | Cut | DownloadError:
        """The answer with the video in it, after redirects, each of them checked again."""
        url: str = self._url
        for _ in range(_REDIRECTS + 1):
            if not _may_follow(url, loopback=self._loopback):
                return DownloadError("the link to the video is not https, so it is not followed", refused=True)
            proxy = {} if is_loopback(url) else proxy_for(url)
            response = await self._session.get(
                url,
                headers=self._headers(),
                allow_redirects=False,
                read_bufsize=_BUFFER,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE),
                **proxy,
            )
            if response.status in (301, 302, 303, 307, 308) and hdrs.LOCATION in response.headers:
                url = _joined(url, response.headers[hdrs.LOCATION])
                response.close()
                continue
            problem = self._judge(response)
            if problem is None:
                return response
            response.close()
            return problem
        return DownloadError("the link to the video leads in circles", refused=True)

    def _headers(self) -> dict[str, str]:
        # As it is: a packed answer has another length, and no part of it can be asked for.
        headers: dict[str, str] = {hdrs.ACCEPT: "video/mp4, */*;q=0.1", hdrs.ACCEPT_ENCODING: "identity"}
        if self.have:
            headers[hdrs.RANGE] = f"bytes={self.have}-"
            if self._tag:
                headers[hdrs.IF_RANGE] = self._tag
        return headers

    def _judge(self, response: aiohttp.ClientResponse) -> Cut | DownloadError | None:
        """None for an answer with the video in it, or with what is missing of it."""
        status = response.status
        if status == 200:
            return None
        part = response.headers.get(hdrs.CONTENT_RANGE, "")
        if status == 206 and self.have and part.startswith(f"bytes {self.have}-"):
            return None
        if status in (206, 416):
            # Not the part that was asked for: begin again.
            self.have = 0
        if status in (206, 408, 416, 429) or status >= 500:
            return Cut(f"its server answers {status}")
        return DownloadError(f"the link to the video was turned down ({status})", refused=True)


def _joined(url: str, location: str) -> str:
    try:
        return HiddenText(urljoin(url, location))
    except ValueError:
        return "no address"


def _may_follow(url: str, *, loopback: bool) -> bool:
    with suppress(ValueError):
        scheme = url.partition(":")[0].lower()
        return scheme == "https" or (scheme == "http" and loopback and is_loopback(url))
    return False


def _strong(tag: str | None) -> str | None:
    return tag if tag and tag.startswith('"') else None
