"""Transfers one video into a file: as much of it as one connection brings."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import InitVar, dataclass
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

#: Bytes in one write. With fewer, handing them over would cost more than writing.
_BATCH = 4 * 1024 * 1024
#: Seconds after which fewer are written, so that what a slow line brings is on disk when it is cut.
_SOON = 0.25


class BatchWriter:
    """Writes what comes to a file on a thread; at most two batches are in memory.

    Any call may raise the OSError of an earlier write. ``sync`` waits until the file behind a descriptor is on disk.
    """

    def __init__(self, file: BinaryIO, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._file = file
        self._sync = sync
        self._pieces: list[bytes] = []
        self._size = 0
        self._since = time.monotonic()
        self._writing: asyncio.Future[None] | None = None

    async def put(self, piece: bytes) -> bool:
        """Add a piece; whether it completed a batch."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size < _BATCH and time.monotonic() - self._since < _SOON:
            return False
        await self._written()
        pieces, self._pieces, self._size, self._since = self._pieces, [], 0, time.monotonic()
        self._writing = asyncio.ensure_future(at_disk(self._write, pieces))
        return True

    async def end(self, *, sync: bool = False) -> None:
        """Wait until all of it is written; with ``sync``, until it is on the disk itself."""
        await self._written()
        if self._pieces or sync:
            pieces, self._pieces = self._pieces, []
            await at_disk(self._write, pieces, sync)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def _write(self, pieces: list[bytes], sync: bool = False) -> None:
        self._file.writelines(pieces)
        self._file.flush()
        if sync:
            bring_to_disk(self._file.fileno(), self._sync)


#: Bytes that aiohttp buffers, twice over. Its default holds a fast line up at every read.
_BUFFER = 512 * 1024
_REDIRECTS = 5
#: Seconds of silence after which a connection counts as cut.
_SILENCE = 30.0
#: A transfer that brings fewer bytes a second, on average over a window (seconds), is given up.
_SLOWEST = 2048
WINDOW = 30.0
#: Most seconds of one silence that count for the average, in a connection or between two: an outage is no crawling.
_PAUSE = 5.0
_BROKEN = "the connection broke again and again"
NO_LINK = "the server says the task is done but gives no link to a video"


@lasting
class Cut(Exception):
    """A transfer that broke off, or a server in trouble: worth another try from where it stopped.

    ``refused``: the link itself was turned down, so the next try wants a fresh one.
    """

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


@dataclass(eq=False, repr=False)
class Transfer:
    """A link, the file that its video goes to, and how many bytes of it are there (``have``).

    The link is a secret, and verbose tracebacks print the locals of every frame. So functions that hold the link or an
    answer return their errors, and `go_on`, which holds neither, raises them.
    """

    session: aiohttp.ClientSession
    url: InitVar[str]
    half: Path
    loopback: bool
    own: str
    cap: int
    window: float
    on_bytes: Callable[[int, int | None], None] | None

    def __post_init__(self, url: str) -> None:
        self.have = 0
        #: Whether the server stated where the video ends, so that a cut is noticed.
        self.ends_known = True
        self._url = HiddenText(url)
        #: Seconds and bytes in the current window, and when bytes came last. The time between two connections counts
        #: too, or connections that bring a byte each could go on for ever.
        self._spent, self._came, self._mark = 0.0, 0, time.monotonic()
        #: The version of the file that was begun (no other is a continuation of it), its Content-Encoding, and its
        #: length in bytes where stated.
        self._tag: str | None = None
        self._encoding = ""
        self._total: int | None = None

    @property
    def linked(self) -> bool:
        """Whether there is a link."""
        return bool(self._url)

    def follow(self, url: str) -> None:
        """Use a fresh link. If its path is another, it may be another video, so begin anew."""
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
            # A new one, since the frames of this one hold the link.
            return Cut(str(problem), refused=True) if problem.refused else DownloadError(str(problem))
        except CannotUnpack as problem:
            return Cut(str(problem))
        except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError, RuntimeError) as problem:
            # (RuntimeError: Python is ending and gives no thread to resolve a name.)
            wrong = damage(problem)
            return Cut(f"its server's {wrong}" if wrong else _BROKEN)
        finally:
            if isinstance(response, aiohttp.ClientResponse):
                response.close()

    async def _save(self, response: aiohttp.ClientResponse) -> Cut | DownloadError | None:
        if response.status == 200:
            self.have, self._tag = 0, _strong(response.headers.get(hdrs.ETAG))
            self._encoding = _coding(response)
            self._total = response.content_length
        elif self._total is None and response.content_length is not None:
            self._total = self.have + response.content_length
        total = self._total
        # (In chunks, aiohttp notices a cut.)
        self.ends_known = total is not None or "chunked" in response.headers.get(hdrs.TRANSFER_ENCODING, "").lower()
        if total is not None and total > self.cap:
            return self._too_large()
        # A resumed part is never packed: parts of packed videos are not asked for.
        unpacker = None if self.have else Unpacker(self._encoding)
        with self.half.open("ab" if self.have else "wb") as file:
            writer = BatchWriter(file)
            whole = False
            try:
                problem = await self._take(response, writer, unpacker, total)
                whole = problem is None
            finally:
                # Also after a cut: what has come is not fetched again.
                await writer.end(sync=whole)
                if unpacker is not None and unpacker.packed:
                    # Packed data state where they end, and cannot be resumed.
                    self.ends_known = True
                    total = self.have = self.have if whole else 0
        if problem is not None:
            return problem
        if self.on_bytes is not None:
            self.on_bytes(self.have, total)
        return Cut(_BROKEN) if total is not None and self.have < total else None

    async def _take(
        self, response: aiohttp.ClientResponse, writer: BatchWriter, unpacker: Unpacker | None, total: int | None
    ) -> DownloadError | None:
        """Write what comes, to its end."""
        async for piece in response.content.iter_any():
            if self._crawls(len(piece)):
                return DownloadError("the video could not be fetched: the connection is too slow")
            for part in [piece] if unpacker is None else unpacker.feed(piece):
                if self.have + len(part) > self.cap:
                    return self._too_large()
                self.have += len(part)
                if await writer.put(part) and self.on_bytes is not None:
                    # (The stated length is that of the packed data.)
                    self.on_bytes(self.have, None if unpacker is not None and unpacker.packed else total)
        for part in () if unpacker is None else unpacker.end():
            self.have += len(part)
            await writer.put(part)
        return None

    def _too_large(self) -> DownloadError:
        return DownloadError(f"the video is larger than {self.cap:,} bytes")

    def _crawls(self, came: int) -> bool:
        """Whether less than `_SLOWEST` came over a window, although a byte came now and then."""
        now = time.monotonic()
        self._spent += min(now - self._mark, _PAUSE)
        self._mark = now
        self._came += came
        if self._spent < self.window:
            return False
        slow = self._came < _SLOWEST * self._spent
        self._spent, self._came = 0.0, 0
        return slow

    async def _open(self) -> aiohttp.ClientResponse | Cut | DownloadError:
        """The answer with the video, after redirects, each of which is checked."""
        if not self.linked:
            return Cut(NO_LINK, refused=True)
        link: str = self._url
        for _ in range(_REDIRECTS + 1):
            url = destination(link, loopback=self.loopback, own=self.own)
            proxy = {} if is_loopback(str(url)) else proxy_for(str(url))
            response = await self.session.get(
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
        # Unpacked: a packed answer has another length, and cannot be resumed.
        headers: dict[str, str] = {hdrs.ACCEPT: "video/mp4, */*;q=0.1", hdrs.ACCEPT_ENCODING: "identity"}
        if self.have:
            headers[hdrs.RANGE] = f"bytes={self.have}-"
            if self._tag:
                headers[hdrs.IF_RANGE] = self._tag
        return headers

    def _judge(self, response: aiohttp.ClientResponse) -> Cut | None:
        """None for an answer with the video, or with the missing part of it."""
        status = response.status
        if status == 200:
            return None
        part = response.headers.get(hdrs.CONTENT_RANGE, "")
        if status == 206 and self.have and part.startswith(f"bytes {self.have}-") and self._continues(response):
            return None
        if status in (206, 416):
            # Not the part that was asked for.
            self.have = 0
        if status in (206, 408, 416, 429) or status >= 500:
            return Cut(f"its server answers {status}")
        return Cut(f"the link to the video was refused ({status})", refused=True)

    def _continues(self, response: aiohttp.ClientResponse) -> bool:
        """Whether a part belongs to the version that was begun, as far as the server says."""
        total = response.headers.get(hdrs.CONTENT_RANGE, "").rpartition("/")[2]
        tag = _strong(response.headers.get(hdrs.ETAG))
        if _coding(response) != self._encoding:
            return False
        # (An answer without a length or a tag is no evidence against it.)
        return (not total.isdecimal() or self._total in (None, int(total))) and (not tag or self._tag in (None, tag))


def _coding(response: aiohttp.ClientResponse) -> str:
    return ",".join(response.headers.getall(hdrs.CONTENT_ENCODING, []))


def _strong(tag: str | None) -> str | None:
    return tag if tag and tag.startswith('"') else None
