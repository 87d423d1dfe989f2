"""One video on its way into a file: as much of it as a connection brings."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import aiohttp
from aiohttp import hdrs

from happyhorse_nb.client.network import damage, destination, joined, proxy_for
from happyhorse_nb.client.unpack import CannotUnpack, Unpacker
from happyhorse_nb.errors import DownloadError, NotSent, lasting
from happyhorse_nb.settings import bring_to_disk, is_loopback
from happyhorse_nb.settings.account import HiddenText
from happyhorse_nb.settings.process import at_disk

#: Bytes that are written at once. Fewer would cost more in handing over than in writing.
_BATCH = 4 * 1024 * 1024
#: Seconds after which fewer are, so that what came over a slow line is on disk when it is cut.
_SOON = 0.25


class Behind:
    """Takes what comes for a file, and has a thread write it; at most two batches are in memory.

    Raises OSError, for what was handed over before, at any later call. ``sync`` waits until the file behind a
    descriptor is on the disk.
    """

    def __init__(self, file: BinaryIO, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._file = file
        self._sync = sync
        self._pieces: list[bytes] = []
        self._size = 0
        self._since = time.monotonic()
        self._writing: asyncio.Future[None] | None = None

    async def put(self, piece: bytes) -> bool:
        """Add a piece. Says whether a batch was handed over with it."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size < _BATCH and time.monotonic() - self._since < _SOON:
            return False
        await self._hand_over()
        return True

    async def end(self, *, sync: bool = False) -> None:
        """Wait until all of it is written; with ``sync``, until it is on the disk itself."""
        await self._written()
        if self._pieces or sync:
            pieces, self._pieces = self._pieces, []
            await at_disk(self._write, pieces, sync)

    async def _hand_over(self) -> None:
        await self._written()
        pieces, self._pieces, self._size, self._since = self._pieces, [], 0, time.monotonic()
        self._writing = asyncio.ensure_future(at_disk(self._write, pieces))

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def _write(self, pieces: list[bytes], sync: bool = False) -> None:
        self._file.writelines(pieces)
        self._file.flush()
        if sync:
            bring_to_disk(self._file.fileno(), self._sync)


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
_BROKEN = "the connection broke again and again"
NO_LINK = "the server says the task is done but gives no link to a video"


@lasting
class Cut(Exception):
    """A transfer that broke off, or a server in trouble: worth another try, from where it stopped.

    ``refused`` says that the link itself was turned down: worth another try with a fresh one.
    """

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


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
        own: str,
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
        self._own = own
        self._cap = cap
        self._window = window
        #: The seconds and bytes since it was last seen that it does not crawl, and when the last of them came. What
        #: lies between two connections counts too, or it would go on for ever with some that bring a byte each.
        self._spent, self._came = 0.0, 0
        self._mark = time.monotonic()
        self._on_bytes = on_bytes
        #: Names the version of the file that was begun with; another one is no continuation of it.
        self._tag: str | None = None
        #: How it was said to be packed then.
        self._said = ""
        #: Its length in bytes, where it was told; a part of another length is no continuation either.
        self._total: int | None = None

    @property
    def linked(self) -> bool:
        """Whether there is a link."""
        return bool(self._url)

    def follow(self, url: str) -> None:
        """Go on with a fresh link. One with another path may lead to another video, so begin anew."""
        if url.partition("?")[0] != self._url.partition("?")[0]:
            self.have = 0
        self._url = HiddenText(url)

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
        except DownloadError as problem:
            # Anew: the frames that this one has come through hold the link.
            return Cut(str(problem), refused=True) if problem.refused else DownloadError(str(problem))
        except CannotUnpack as problem:
            return Cut(str(problem))
        except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError, RuntimeError) as problem:
            # (RuntimeError: the interpreter shuts down and gives no thread to look a name up.)
            wrong = damage(problem)
            return Cut(f"its server's {wrong}" if wrong else _BROKEN)
        finally:
            if isinstance(response, aiohttp.ClientResponse):
                response.close()

    async def _save(self, response: aiohttp.ClientResponse) -> Cut | DownloadError | None:
        if response.status == 200:
            self.have, self._tag = 0, _strong(response.headers.get(hdrs.ETAG))
            self._said = _coding(response)
            self._total = response.content_length
        elif self._total is None and response.content_length is not None:
            self._total = self.have + response.content_length
        total = self._total
        # aiohttp itself notices when an answer in chunks is cut.
        self.told = total is not None or "chunked" in response.headers.get(hdrs.TRANSFER_ENCODING, "").lower()
        if total is not None and total > self._cap:
            return self._too_large()
        # What is missing of one that was begun with is not packed: of no other is a part asked for.
        unpacker = None if self.have else Unpacker(self._said)
        with self.half.open("ab" if self.have else "wb") as file:
            behind = Behind(file)
            whole = False
            try:
                problem = await self._take(response, behind, unpacker, total)
                whole = problem is None
            finally:
                # Also of a transfer that was cut: what has come of it is not asked for again.
                await behind.end(sync=whole)
                if unpacker is not None and unpacker.packed:
                    # How it is packed tells where it ends. Nothing goes on in the midst of it.
                    self.told = True
                    total = self.have = self.have if whole else 0
        if problem is not None:
            return problem
        if self._on_bytes is not None:
            self._on_bytes(self.have, total)
        return Cut(_BROKEN) if total is not None and self.have < total else None

    async def _take(
        self, response: aiohttp.ClientResponse, behind: Behind, unpacker: Unpacker | None, total: int | None
    ) -> DownloadError | None:
        """Write down what comes, to its end."""
        async for piece in response.content.iter_any():
            if self._crawls(len(piece)):
                return DownloadError("the video could not be fetched: the connection is too slow")
            for part in [piece] if unpacker is None else unpacker.feed(piece):
                if self.have + len(part) > self._cap:
                    return self._too_large()
                self.have += len(part)
                if await behind.put(part) and self._on_bytes is not None:
                    # The length that was told is that of the parcel.
                    self._on_bytes(self.have, None if unpacker is not None and unpacker.packed else total)
        for part in () if unpacker is None else unpacker.end():
            self.have += len(part)
            await behind.put(part)
        return None

    def _too_large(self) -> DownloadError:
        return DownloadError(f"the video is larger than {self._cap:,} bytes")

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
        if not self.linked:
            return Cut(NO_LINK, refused=True)
        link: str = self._url
        for _ in range(_REDIRECTS + 1):
            url = destination(link, loopback=self._loopback, own=self._own)
            proxy = {} if is_loopback(str(url)) else proxy_for(str(url))
            response = await self._session.get(
                url,
                headers=self._headers(),
                allow_redirects=False,
                read_bufsize=_BUFFER,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE),
                **proxy,
            )
            if response.status in (301, 302, 303, 307, 308) and hdrs.LOCATION in response.headers:
                link = joined(link, response.headers[hdrs.LOCATION])
                response.close()
                continue
            problem = self._judge(response)
            if problem is None:
                return response
            response.close()
            return problem
        return Cut("the link to the video redirects in circles", refused=True)

    def _headers(self) -> dict[str, str]:
        # As it is: a packed answer has another length, and no part of it can be asked for.
        headers: dict[str, str] = {hdrs.ACCEPT: "video/mp4, */*;q=0.1", hdrs.ACCEPT_ENCODING: "identity"}
        if self.have:
            headers[hdrs.RANGE] = f"bytes={self.have}-"
            if self._tag:
                headers[hdrs.IF_RANGE] = self._tag
        return headers

    def _judge(self, response: aiohttp.ClientResponse) -> Cut | None:
        """None for an answer with the video in it, or with what is missing of it."""
        status = response.status
        if status == 200:
            return None
        part = response.headers.get(hdrs.CONTENT_RANGE, "")
        if status == 206 and self.have and part.startswith(f"bytes {self.have}-") and self._continues(response):
            return None
        if status in (206, 416):
            # Not the part that was asked for: begin again.
            self.have = 0
        if status in (206, 408, 416, 429) or status >= 500:
            return Cut(f"its server answers {status}")
        return Cut(f"the link to the video was refused ({status})", refused=True)

    def _continues(self, response: aiohttp.ClientResponse) -> bool:
        """Whether a part is of the version that was begun with, as far as the server says so."""
        total = response.headers.get(hdrs.CONTENT_RANGE, "").rpartition("/")[2]
        tag = _strong(response.headers.get(hdrs.ETAG))
        if _coding(response) != self._said:
            return False
        # (Without a length or a tag in either answer, there is nothing that speaks against it.)
        return (not total.isdecimal() or self._total in (None, int(total))) and (not tag or self._tag in (None, tag))


def _coding(response: aiohttp.ClientResponse) -> str:
    return ",".join(response.headers.getall(hdrs.CONTENT_ENCODING, []))


def _strong(tag: str | None) -> str | None:
    return tag if tag and tag.startswith('"') else None
