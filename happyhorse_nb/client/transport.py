"""One HTTP request and its answer, with an exact account of whether anything left this machine."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from multidict import CIMultiDict

from happyhorse_nb._version import __version__
from happyhorse_nb.client.body import Flight, Load, Patience
from happyhorse_nb.client.network import HEADERS, UNSENT, PublicOnly, in_words, lost, proxy_for
from happyhorse_nb.errors import ConnectionLost, NotSent, TransportError
from happyhorse_nb.settings import Account
from happyhorse_nb.settings.account import plain_origin
from happyhorse_nb.settings.process import in_thread

#: Bytes of an answer that are read at most. The API's are a few kilobytes; the list of models the largest.
_MAX_ANSWER = 4 * 1024 * 1024
_SHORT = 64 * 1024
_MAX_PUBLIC = 1024 * 1024
_MAX_HEADERS = 1024
#: Seconds for a whole read, and for the body of any answer; and for making a connection.
_READ_TIMEOUT = 30.0
_CONNECT_TIMEOUT = 20.0
#: Seconds for a read that the server holds open, which it does for at most 45 s (the API's documents).
_HELD_TIMEOUT = 60.0
#: Bytes of a paid request that the system may buffer. Its default is megabytes, which a slow line has not sent after
#: minutes, and which would pass for sent.
_SEND_BUFFER = 256 * 1024
#: The name of a host in a redirect, which is shown.
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
#: Videos fetched at once. They share the line evenly; with more, all would be late.
_DOWNLOADS = 6
#: Uploads that the server takes at once (its media documents).
_UPLOADS = 2


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers, and JSON (None where the body is none). The key is in none of them.

    ``sends_on`` is the origin a 3xx leads to, without the rest of the address, which may be secret.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    sends_on: str = ""


Heard = Callable[[Answer, int], None]


async def public_text(url: str) -> str:
    """What is at a public http(s) address, as text: without the key, at most 1 MB. Raises `TransportError`."""
    host = urlsplit(url).hostname or ""
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_READ_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={hdrs.USER_AGENT: f"happyhorse-nb/{__version__}"},
            ) as session,
            session.get(url, max_redirects=3) as answer,
        ):
            if answer.status != 200:
                raise ConnectionLost(f"{host} answers {answer.status}")
            text = await answer.content.read(_MAX_PUBLIC)
            while len(text) < _MAX_PUBLIC and (more := await answer.content.read(_MAX_PUBLIC - len(text))):
                text += more
            return text.decode(errors="replace")
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise ConnectionLost(f"{host or 'the address'} cannot be read: {in_words(problem)}") from None


class Transport:
    """Sends requests with the key to one account's origin, and nowhere else. Belongs to the running loop.

    ``heard`` is called with each answer and the number of requests on their way. ``resolver`` and ``tls`` replace the
    system's way to resolve names and to trust certificates; ``patience`` is for paid requests.
    """

    def __init__(
        self,
        account: Account,
        heard: Heard | None = None,
        patience: Patience | None = None,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        self.account = account
        self._heard = heard
        self._patience = patience or Patience()
        self._in_flight = 0
        self.loop = asyncio.get_running_loop()
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_leaves)
        common: dict[str, Any] = {
            "headers": {hdrs.USER_AGENT: f"happyhorse-nb/{__version__}"},
            "cookie_jar": aiohttp.DummyCookieJar(),
            "max_line_size": HEADERS,
            "max_field_size": HEADERS,
        }
        # Newer releases of aiohttp limit their number, too.
        if "max_headers" in inspect.signature(aiohttp.ClientSession).parameters:
            common["max_headers"] = _MAX_HEADERS
        self._reads = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_READ_TIMEOUT, sock_connect=_CONNECT_TIMEOUT),
            **common,
        )
        # A session of its own, so that no read waits for a connection that a video keeps for minutes. Unpacked by us:
        # aiohttp trusts the header of an answer, and reports the packed length.
        if not account.sandbox:
            resolver = PublicOnly(self.host, resolver)
        #: For videos: without the key.
        self.files = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, ssl=tls), auto_decompress=False, **common
        )
        #: Held while a video is fetched.
        self.downloads = asyncio.Semaphore(_DOWNLOADS)
        #: Held while a picture is uploaded.
        self.uploads = asyncio.Semaphore(_UPLOADS)
        # A kept-alive connection that the server has just closed fails as one that is lost after sending. So each paid
        # request has a connection of its own, and a failure means what it says.
        self._paid = aiohttp.ClientSession(
            # Without a limit: waiting here would count as a slow connection.
            connector=_Paid(force_close=True, limit=0),
            # `Patience` has the limits.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            trace_configs=[trace],
            **common,
        )

    def __del__(self) -> None:
        # A client that nobody closed must not write a warning into somebody's notebook.
        for session in (getattr(self, name, None) for name in ("_reads", "files", "_paid")):
            if session is not None and not session.closed:
                _abandon(session)

    @property
    def host(self) -> str:
        """The host of the account's origin."""
        return urlsplit(self.account.origin).hostname or ""

    async def close(self) -> None:
        """Close all connections."""
        await self._reads.close()
        await self.files.close()
        await self._paid.close()

    async def get(self, path: str, *, held: bool = False) -> Answer:
        """Read something; with ``held`` the server may hold it open. Raises `NotSent`, `ConnectionLost`."""
        return await self._send(self._reads, hdrs.METH_GET, path, held=held)

    async def delete(self, path: str) -> Answer:
        """Delete something, which may be done twice. Raises `NotSent`, `ConnectionLost`."""
        return await self._send(self._reads, hdrs.METH_DELETE, path)

    async def post(self, path: str, body: Load, flight: Flight) -> Answer:
        """Send a paid request or an upload, once; ``flight`` is told how far it has come.

        Raises `NotSent` when it did not leave as a whole, `ConnectionLost` when it may have.
        """
        return await self._send(self._paid, hdrs.METH_POST, path, body, flight)

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        body: Load | None = None,
        flight: Flight | None = None,
        *,
        held: bool = False,
    ) -> Answer:
        # (A held one was counted by the server long before its answer.)
        self._in_flight += not held
        try:
            answer = await self._try(session, method, path, body, flight or Flight(), held=held)
        finally:
            self._in_flight -= not held
        # Raised here, without the original behind it: aiohttp's frames hold the headers, and so the key.
        if isinstance(answer, TransportError):
            raise answer
        if self._heard is not None:
            self._heard(answer, self._in_flight)
        return answer

    async def _try(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Load | None, flight: Flight, *, held: bool
    ) -> Answer | TransportError:
        # Proxies of the environment; never for a server on this machine.
        more: dict[str, Any] = {} if self.account.sandbox else proxy_for(self.account.origin)
        if held:
            more["timeout"] = aiohttp.ClientTimeout(total=_HELD_TIMEOUT, sock_connect=_CONNECT_TIMEOUT)
        try:
            async with (
                # A read is limited as a whole, by its session; a paid request step by step.
                nullcontext() if body is None else flight.watched(self._patience),
                session.request(
                    method,
                    self.account.origin + path,
                    data=None if body is None else body.pieces(flight),
                    headers=self._headers(body),
                    # A redirect could lead the key to another server.
                    allow_redirects=False,
                    trace_request_ctx=flight,
                    **more,
                ) as response,
            ):
                if body is not None:
                    flight.answered()
                raw = await _read(response)
                # Reading a short one takes less than handing it to a thread.
                short = raw is None or len(raw) <= _SHORT
                return Answer(
                    response.status,
                    self._told(response.headers),
                    self._json(raw) if short else await in_thread(self._json, raw),
                    self._sends_on(response),
                )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RuntimeError) as problem:
            # (RuntimeError: Python is ending and gives no thread to resolve a name.)
            # A read may be sent again anyway, so the kind of its error is proof enough.
            if isinstance(problem, UNSENT) if body is None else not flight.left:
                return NotSent(f"nothing was sent: {in_words(problem)}")
            if body is not None and not flight.whole:
                return NotSent(f"only a part of the request was sent: {in_words(problem)}", begun=True)
            return ConnectionLost(lost(problem))

    def _sends_on(self, response: aiohttp.ClientResponse) -> str:
        """The origin that a redirect leads to; empty for no redirect."""
        told = response.headers.get(hdrs.LOCATION, "") if 300 <= response.status < 400 else ""
        try:
            parts = urlsplit(urljoin(str(response.url), told))
            host = parts.hostname or ""
            if not told or parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
                return ""
            origin = plain_origin(parts.scheme, host, parts.port)
        except ValueError:
            return ""
        if origin == self.account.origin:
            return "another of its own addresses"
        return self.account.key.scrub.text(origin)

    def _json(self, raw: bytes | None) -> Any:
        """The JSON without the key: some servers repeat it in an error, which is shown and written down."""
        try:
            return None if raw is None else self.account.key.scrub(json.loads(raw))
        except (ValueError, RecursionError):
            return None

    def _told(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        scrub = self.account.key.scrub.text
        return CIMultiDict((scrub(name), scrub(value)) for name, value in headers.items())

    def _headers(self, body: Load | None) -> dict[str, str]:
        key = self.account.key.reveal()
        headers: dict[str, str] = {hdrs.AUTHORIZATION: type(key)(f"Bearer {key}"), hdrs.ACCEPT: "application/json"}
        if body is not None:
            headers[hdrs.CONTENT_TYPE] = body.media_type
            # Stated, so that half a request never passes for a whole one.
            headers[hdrs.CONTENT_LENGTH] = str(body.size)
        return headers


class _Paid(aiohttp.TCPConnector):
    """Connections with small buffers, so that what is written has nearly left."""

    async def connect(self, *args: Any, **more: Any) -> Connection:
        # After connecting: aiohttp's hook for setting up a socket is newer than our oldest version of it.
        connection = await super().connect(*args, **more)
        if (transport := connection.transport) is not None:
            transport.set_write_buffer_limits(high=1)
            # A connection that cannot be set up like that is used as it is.
            with suppress(OSError, AttributeError):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        return connection


def _abandon(session: aiohttp.ClientSession) -> None:
    """Close a session's connections without awaiting: its loop may have ended long ago."""
    connector: Any = session.connector
    session.detach()
    # Private, as the public one is awaited; the second name is that of older releases.
    close = getattr(connector, "_close_immediately", None) or getattr(connector, "_close", None)
    if close is not None:
        close()


async def _leaves(_session: object, context: Any, _params: object) -> None:
    # Called by aiohttp just before it hands the first bytes to the socket.
    flight = context.trace_request_ctx
    if flight is not None:
        flight.left = True


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None when it is longer than any answer of the API."""
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_ANSWER:
            return None
    return bytes(raw)
