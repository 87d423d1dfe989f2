"""A server that answers anything at all: the client ends in a result or a known error, and the key stays home."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from happyhorse_nb import Client, HappyHorseError
from happyhorse_nb.client import VideoInfo
from happyhorse_nb.models import Snapshot, Status
from support.fake_server import KEY

EXAMPLES = 4 * int(os.environ.get("HH_KILLS") or 10)
#: Seconds after which a call counts as hanging: more than all limits of one call together, those of `Patience` twice
#: over (a submit may try a second address). It bounds a failure, it measures nothing.
HANGS = 600.0
HERE, ELSEWHERE = "{here}", "{elsewhere}"


# What a server may say

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        ["success", "pending", "failed", "task-1", "\x00", "\u202e", "<script>", "NaN", "1e999999999", "9" * 5000]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
LINKS = [
    f"{HERE}/files/a.mp4",
    f"{ELSEWHERE}/files/a.mp4",
    f"{ELSEWHERE}/api/v1/tasks/task-1",
    "http://10.255.255.1/a.mp4",
    "https://127.0.0.1:1/a.mp4",
    "file:///etc/passwd",
    "ftp://127.0.0.1/a",
    "javascript:alert(1)",
    "data:text/html,x",
    "//127.0.0.1/a",
    "https://",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "https://127.0.0.1:1/\r\nAuthorization: x",
    "../../etc/passwd",
    "",
]
links = st.sampled_from(LINKS) | st.text(max_size=30)


@st.composite
def answers(draw: st.DrawFn) -> Any:
    """An answer of the API with some of it wrong."""
    word = draw(st.sampled_from(["pending", "processing", "success", "failed", "??"]) | json_values)
    data: dict[str, Any] = {
        "status": word,
        "task_id": draw(st.sampled_from(["task-1", "task-1", "task-2", "../x", ""]) | json_values),
        "get_result": {"method": "GET", "url": draw(links)},
        "result": {"resources": [{"url": draw(links), "type": "video", "width": draw(json_values)}]},
        "billing": {"amount": draw(json_values)},
        "balance": draw(json_values),
        "is_valid": draw(json_values),
        "models": draw(json_values),
        "duration": draw(json_values),
        "result_expires_at": draw(json_values),
    }
    for name in draw(st.lists(st.sampled_from(sorted(data)), max_size=3)):
        data[name] = draw(json_values)
    return {"code": draw(st.sampled_from([0, 0, 0, 1, 404, 429, 503, "0", None])), "message": "m", "data": data}


bodies = st.one_of(
    answers().map(json.dumps).map(str.encode),
    answers().map(json.dumps).map(str.encode),
    json_values.map(json.dumps).map(str.encode),
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"[" * 100_000,
            b'{"code":0,"data":' * 20_000,
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
            b'{"code": ' + b"9" * 5000 + b"}",
            b"<html>please log in</html>",
            bytes(5_000_000),
            b'{"a":"' + b"x" * 5_000_000 + b'"}',
        ]
    ),
)

#: How a body is packed: the header it goes under, and what is done with it.
PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": ("Content-Encoding: gzip\r\n", gzip.compress),
    "half a gzip": ("Content-Encoding: gzip\r\n", lambda body: gzip.compress(body)[:-9]),
    "no gzip": ("Content-Encoding: gzip\r\n", bytes),
    "deflate": ("Content-Encoding: deflate\r\n", zlib.compress),
    "br": ("Content-Encoding: br\r\n", bytes),
    "zstd": ("Content-Encoding: zstd\r\n", bytes),
    "unknown": ("Content-Encoding: rot13\r\n", bytes),
    "a bomb": ("Content-Encoding: gzip\r\n", lambda body: gzip.compress(bytes(30_000_000), 1)),
}

#: How its end is told.
FRAMED: dict[str, Callable[[bytes], tuple[str, bytes]]] = {
    "length": lambda body: (f"Content-Length: {len(body)}\r\n", body),
    "too short": lambda body: (f"Content-Length: {len(body) // 2}\r\n", body),
    "too long": lambda body: (f"Content-Length: {len(body) + 10}\r\n", body),
    "absurd": lambda body: (f"Content-Length: {'9' * 30}\r\n", body),
    "negative": lambda body: ("Content-Length: -1\r\n", body),
    "two lengths": lambda body: (f"Content-Length: {len(body)}\r\nContent-Length: 3\r\n", body),
    "none": lambda body: ("", body),
    "chunked": lambda body: ("Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
    "chunks broken": lambda body: ("Transfer-Encoding: chunked\r\n", b"%x\r\n%s" % (len(body) + 5, body)),
    "chunks nonsense": lambda body: ("Transfer-Encoding: chunked\r\n", b"zz\r\n" + body),
    "both": lambda body: (f"Transfer-Encoding: chunked\r\nContent-Length: {len(body)}\r\n", body),
}

STATUSES = [200] * 8 + [100, 101, 103, 199, 201, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 404]
STATUSES += [408, 409, 416, 418, 429, 429, 451, 500, 502, 503, 504, 511, 599, 600, 999]

HEADERS = [
    "Retry-After: 0",
    "Retry-After: soon",
    "Retry-After: 1e308",
    "Retry-After: Sun, 99 Nov 2026 14:00:00 GMT",
    "X-RateLimit-Reset: 99999999999999999999",
    "X-RateLimit-Reset: nan",
    "Content-Type: text/html",
    "Content-Type: application/json; charset=utf-7",
    "Content-Type: \x7f/;;;",
    "Set-Cookie: a=b",
    "Content-Range: bytes 0-0/1",
    "Content-Range: bytes x",
    'ETag: W/"x',
    "Connection: close",
    "Upgrade: websocket",
    "Www-Authenticate: Basic",
    "No colon at all",
    "X-Long: " + "x" * 20_000,
    *(f"X-{number}: many" for number in range(3)),
]


@dataclass(frozen=True)
class Reply:
    """The bytes of one answer; ``{here}`` and ``{elsewhere}`` stand for the two servers' origins."""

    raw: bytes
    hang_up: bool

    def bytes(self, here: str, elsewhere: str) -> bytes:
        return self.raw.replace(HERE.encode(), here.encode()).replace(ELSEWHERE.encode(), elsewhere.encode())


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    if draw(st.integers(0, 19)) == 0:
        return Reply(draw(st.binary(max_size=60) | st.just(b"") | st.just(b"HTTP/1.1 200 OK\r\n" * 9)), hang_up=True)
    body = draw(bodies)
    status = draw(st.sampled_from(STATUSES))
    packed = draw(st.sampled_from(["plain"] * 8 + sorted(PACKED)))
    if status < 200:
        # Not the answer yet: nobody reads what follows, and where that is long, or is once it is unpacked, the end of
        # the connection goes unseen behind it. The call would end all the same, but only after all of its patience.
        body, packed = body[:1000], "plain"
    packing, pack = PACKED[packed]
    framing, sent = FRAMED[draw(st.sampled_from(["length"] * 8 + sorted(FRAMED)))](pack(body))
    told = draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    if 300 <= status < 400:
        told.append("Location: " + draw(st.sampled_from(LINKS)).replace("\r\n", ""))
    head = f"HTTP/1.1 {status} So\r\n" + framing + packing + "".join(f"{line}\r\n" for line in told)
    return Reply(head.encode("latin-1") + b"\r\n" + sent, hang_up=True)


# The two servers: the configured one, and one that must never see the key


@dataclass
class Wild:
    """Says what it is told to, and keeps what it was asked."""

    script: list[Reply] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    origin: str = ""
    elsewhere: str = ""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            length = [
                line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-length:")
            ]
            await reader.readexactly(int(length[0]) if length else 0)
            reply = self.script[(len(self.heads) - 1) % len(self.script)]
            writer.write(reply.bytes(self.origin, self.elsewhere))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # The client has had enough of it.
            pass
        finally:
            writer.close()

    async def hang_up(self) -> None:
        """Let go of whoever has not taken in all that was said."""
        for writer in self.writers:
            writer.transport.abort()
        # Once more round the loop, for those who were still speaking.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @property
    def posts(self) -> list[str]:
        return [head.split()[1] for head in self.heads if head.startswith("POST ")]


@asynccontextmanager
async def wild(script: list[Reply]) -> AsyncIterator[tuple[Wild, Wild]]:
    here, elsewhere = Wild(script), Wild(script)
    async with (
        await asyncio.start_server(here.serve, "127.0.0.1", 0) as first,
        await asyncio.start_server(elsewhere.serve, "127.0.0.1", 0) as second,
    ):
        here.origin, elsewhere.origin = (
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in (first, second)
        )
        here.elsewhere = elsewhere.elsewhere = elsewhere.origin
        try:
            yield here, elsewhere
        finally:
            await here.hang_up()
            await elsewhere.hang_up()


# The client's calls, each with what it may give


async def outcome(call: Awaitable[Any]) -> Any:
    """The result, or the known error. Anything else is raised, and a call that hangs is a TimeoutError."""
    try:
        async with asyncio.timeout(HANGS):
            return await call
    except HappyHorseError as problem:
        return problem


def calls(client: Client, photo: bytes, folder: Path, link: str) -> dict[str, tuple[Callable[[], Awaitable[Any]], Any]]:
    done = Snapshot(status=Status.DOWNLOADING, task_id="task-1", video_url=link)
    target = folder / "clip.mp4"
    return {
        "submit": (partial(client.submit, photo, "p"), Snapshot),
        "read": (partial(client.read, "task-1"), Snapshot),
        "wait": (partial(client.wait, "task-1", timeout=0.1), Snapshot),
        "download": (partial(client.download, done, target, patience=0.05, cap=100_000), VideoInfo),
        "balance": (client.balance, (Decimal, type(None))),
        "models": (client.models, list),
        "valid_key": (client.valid_key, bool),
    }


async def play(name: str, script: list[Reply], photo: bytes, folder: Path, link: str) -> Any:
    async with wild(script) as (here, elsewhere):
        link = link.replace(HERE, here.origin).replace(ELSEWHERE, elsewhere.origin)
        async with Client(api_key=KEY, base_url=here.origin) as client:
            call, result = calls(client, photo, folder, link)[name]
            found = await outcome(call())
        assert isinstance(found, (HappyHorseError, result)), found
        assert KEY not in str(found) + repr(found)
        assert not isinstance(found, Decimal) or len(f"{found:.2f}") < 20
        assert len(str(found)) < 2000 or not isinstance(found, HappyHorseError)
        assert not any(KEY in head for head in elsewhere.heads)
        assert not any(KEY in head for head in here.heads if "/files/" in head.split()[1])
        assert elsewhere.posts == []
        # The other of the two known addresses, and only after a 404.
        assert len(here.posts) <= (name == "submit") * (2 if script[0].raw.startswith(b"HTTP/1.1 404") else 1)
        assert len(set(here.posts)) == len(here.posts)
    return found


@pytest.mark.parametrize("name", ["submit", "read", "wait", "download", "balance", "models", "valid_key"])
def test_the_client_survives_any_answer(name: str, photo: Path) -> None:
    @settings(
        max_examples=EXAMPLES // 4 if name in ("wait", "download") else EXAMPLES,
        deadline=None,
        derandomize=os.environ.get("HH_CI") == "1",
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    @given(script=st.lists(replies(), min_size=1, max_size=4), link=st.sampled_from(LINKS[:3]))
    def any_answer(script: list[Reply], link: str) -> None:
        with tempfile.TemporaryDirectory(prefix="hh-") as folder:
            found = asyncio.run(play(name, script, photo.read_bytes(), Path(folder), link))
            # (What came twice the same and is no film is kept, under a name that is none of a film.)
            left = [path.name for path in Path(folder).iterdir() if path.suffix != ".damaged"]
            assert left == (["clip.mp4"] if isinstance(found, VideoInfo) else [])

    any_answer()


@pytest.mark.parametrize("task_id", ["", "../x", "a/b", "a?b", "a#b", "a b", "é", "\r\nX: y", "x" * 500])
async def test_what_is_no_task_id_is_no_request(task_id: str) -> None:
    async with wild([Reply(b"", hang_up=True)]) as (here, _), Client(api_key=KEY, base_url=here.origin) as client:
        with pytest.raises(ValueError, match="not a task id"):
            await client.read(task_id)
        assert here.heads == []
