"""The HTTP API on loopback, answering by script and keeping a record of all that was asked.

Without a script it behaves as the API's documents say. A script changes single answers:

    with FakeServer(video=small_mp4) as server:
        server.script("submit", Say(429, headers={"Retry-After": "1"}), Do())   # refused once, then accepted
        server.script("poll", Say(503), Do(cut=Cut.HALFWAY))                    # then two bad reads, then good ones
        server.words = ("pending", "processing", "success")                     # what a task says, poll by poll
        with server.held("submit"):                                             # as slow as the test likes
            ...
        server.wait_for("poll", 3)
        assert server.paid == 1

It runs on a thread of its own, so the code under test may block or own the test's loop. A test never needs to sleep:
`held` keeps answers back until the test lets them go, `wait_for` waits until a request has come, and the last word of a
task is repeated until the test says another one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import Enum
from typing import Any, Literal

from aiohttp import web

Kind = Literal["submit", "poll", "file", "upload", "delete", "validate", "balance", "models", "other"]

#: A key that a test can look for wherever it must not be.
KEY = "mdlx-test-0f3c9a71"
#: As of a signed link: whoever has it has the video.
SIGNATURE = "sig-7d20b1"


class Cut(Enum):
    """Where the connection is cut."""

    BEFORE_READING = "before the request's body is read; nothing is done"
    AFTER_ACCEPTING = "after it is done, before a byte of the answer"
    HALFWAY = "in the middle of the answer's body"


@dataclass(frozen=True)
class Do:
    """Do what the API does, but for what is given here; ``edit`` changes the JSON answer.

    ``delay`` is seconds before it is done, ``late`` seconds between that and the answer, and ``pace`` seconds between
    two pieces of the file.
    """

    delay: float = 0.0
    late: float = 0.0
    pace: float = 0.0
    cut: Cut | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[dict[str, Any]], Any] | None = None


@dataclass(frozen=True)
class Say:
    """Say just this, and do nothing. The body is ``raw`` if given, else ``body`` as JSON, else the API's error.

    With ``chunked`` its length is not told before.
    """

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: Cut | None = None
    chunked: bool = False

    def bytes(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = self.body if self.body is not None else error(self.status)
        return json.dumps(body).encode()


Answer = Do | Say


def error(status: int, message: str = "Scripted: as the test asked") -> dict[str, Any]:
    """An error as the API writes it."""
    return {"code": status, "message": message}


@dataclass(frozen=True)
class Request:
    """One request as it came. ``body`` is empty when the connection was cut before it was read."""

    kind: Kind
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float
    connection: int
    """Which connection it came on, so that a test can tell a fresh one from a kept one."""
    answer: Answer
    """What the script had for it."""

    @property
    def host(self) -> str:
        return self.headers["Host"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def part(self) -> tuple[str, str, bytes]:
        """The file of an upload: its name, its media type, its bytes."""
        return part_of(self.headers["Content-Type"], self.body)

    @property
    def key(self) -> str | None:
        """The key that came with it, if any."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None


class Task:
    """A task that was accepted. It says the next of its words at each poll, and the last one again and again."""

    def __init__(self, task_id: str, words: tuple[str, ...], payload: Any) -> None:
        self.id = task_id
        self.payload = payload
        self.message = "prompt violates the content policy"
        self.amount = "0.7000"
        self._words = deque(words)

    def say(self, *words: str) -> None:
        """Go on with these words at the next poll, whatever was to come."""
        self._words = deque(words)

    @property
    def runs(self) -> bool:
        """Whether its next word is none of an end."""
        return self._words[0] in ("pending", "processing")

    def next_word(self) -> str:
        return self._words.popleft() if len(self._words) > 1 else self._words[0]


class FakeServer:
    """A scripted API server; a context manager. ``video`` is what every finished task's link gives."""

    def __init__(self, *, video: bytes = b"", size: tuple[int, int] = (320, 214), key: str = KEY) -> None:
        self.video = video
        self.size = size
        self.key = key
        #: A key that was replaced by ``key`` and is not revoked yet.
        self.old_key: str | None = None
        #: The words of each new task, from its first poll on.
        self.words: tuple[str, ...] = ("pending", "processing", "success")
        #: False for a server that only knows the address with /async, True for one that only knows it without.
        self.without_suffix = False
        #: Where the finished video lies; a test may name another host.
        self.file_origin: str | None = None
        #: Seconds for which a read with ``?wait=true`` is held open unless its task ends; None: it is not.
        self.holds: float | None = None
        #: So many at once; those beyond it are answered 429.
        self.holds_at_most = 1000
        self._held = 0
        #: How it names its tasks.
        self.ids = "task-fake{:04d}"
        #: What a read with ``?wait=true`` is answered instead.
        self.on_wait: Answer | None = None
        self.balance: Any = "12.3400"
        #: The pictures that were uploaded, by id; how many it takes, and at once; and the most there were at once.
        self.files: dict[str, bytes] = {}
        self.files_at_most, self.uploads_at_most = 10, 2
        self.most_uploads = self._uploading = 0
        #: Where they lie; a test may name another host.
        self.media_origin: str | None = None
        #: When they expire (Unix seconds), which it tells unless that is None.
        self.files_expire: float | None = None
        self.requests: list[Request] = []
        self.tasks: dict[str, Task] = {}
        self.origin = ""
        self._scripts: defaultdict[Kind, deque[Answer]] = defaultdict(deque)
        self._holds: dict[Kind, asyncio.Event] = {}
        self._numbers = itertools.count(1)
        self._connections: dict[object, int] = {}
        self._busy = 0
        self._over = asyncio.Event()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-server", daemon=True)

    # What a test tells it

    def script(self, kind: Kind, *answers: Answer) -> None:
        """Answer the next requests of this kind like this, one answer each; after that as the API does."""
        self._scripts[kind].extend(answers)

    def forget(self, kind: Kind) -> None:
        """Drop what is left of the script for this kind: from now on answer as the API does."""
        self._scripts[kind].clear()

    @contextmanager
    def held(self, kind: Kind) -> Iterator[None]:
        """Keep every answer of this kind back until the block ends. The requests are read and recorded meanwhile."""
        event = self._call(self._hold, kind)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(event.set)

    # What a test asks it

    def of(self, kind: Kind) -> list[Request]:
        """The requests of this kind so far, in order."""
        return [request for request in list(self.requests) if request.kind == kind]

    @property
    def paid(self) -> int:
        """How many paid requests have come."""
        return len(self.of("submit"))

    @property
    def task(self) -> Task:
        """The newest task."""
        return list(self.tasks.values())[-1]

    def wait_for(self, kind: Kind, count: int = 1, *, timeout: float = 180.0) -> list[Request]:
        """Wait until that many requests of this kind have come. Raises TimeoutError, with what did come."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.of(kind)) >= count, timeout):
                raise TimeoutError(
                    f"no {count} x {kind} in {timeout:g} s; {dict(Counter(r.kind for r in self.requests))}"
                )
        return self.of(kind)

    async def seen(self, kind: Kind, count: int = 1, *, timeout: float = 180.0) -> list[Request]:  # noqa: ASYNC109
        """The same for a test that is a coroutine."""
        return await asyncio.to_thread(self.wait_for, kind, count, timeout=timeout)

    def quiet(self, *, timeout: float = 180.0) -> None:
        """Wait until everything that has come is answered, or its sender gone."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._busy == 0, timeout):
                raise TimeoutError(f"{self._busy} requests without an answer after {timeout:g} s")

    # Its life

    def __enter__(self) -> FakeServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        self._over.set()
        for hold in self._holds.values():
            hold.set()
        await self._runner.cleanup()

    def _hold(self, kind: Kind) -> asyncio.Event:
        self._holds[kind] = asyncio.Event()
        return self._holds[kind]

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        async def call() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    # From a request to its answer

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        upload = int(_kind(request) == "upload")
        self._count(1)
        self._uploading += upload
        self.most_uploads = max(self.most_uploads, self._uploading)
        try:
            return await self._answer(request)
        finally:
            self._uploading -= upload
            self._count(-1)

    def _count(self, step: int) -> None:
        with self._changed:
            self._busy += step
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = _kind(request)
        answer = self._scripts[kind].popleft() if self._scripts[kind] else Do()
        waits = kind == "poll" and request.query.get("wait") == "true"
        if waits and self.on_wait is not None:
            answer = self.on_wait
        cut_early = answer.cut is Cut.BEFORE_READING
        body = b"" if cut_early else await request.read()
        self._record(request, kind, body, answer)
        if hold := self._holds.get(kind):
            await hold.wait()
        if answer.delay:
            await self._pause(answer.delay)
        if waits and self.holds is not None:
            if self._held >= self.holds_at_most:
                return self._say(Say(429))
            self._held += 1
            try:
                await self._until_ended(request, self.holds)
            finally:
                self._held -= 1
        if cut_early:
            return _drop(request)
        response = self._say(answer) if isinstance(answer, Say) else self._do(answer, kind, request, body)
        if isinstance(answer, Do) and answer.late:
            await self._pause(answer.late)
        if answer.cut is Cut.AFTER_ACCEPTING:
            return _drop(request)
        if answer.cut is Cut.HALFWAY:
            return await _half(request, response)
        return response

    async def _pause(self, seconds: float) -> None:
        """So many seconds, but no longer than the server lives: a test may ask for more than it takes itself."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _until_ended(self, request: web.Request, seconds: float) -> None:
        task = self.tasks.get(request.path.rpartition("/")[2])
        until = time.monotonic() + seconds
        while task is not None and task.runs and time.monotonic() < until:
            await asyncio.sleep(0.02)
            if request.transport is None or request.transport.is_closing():
                return

    def _record(self, request: web.Request, kind: Kind, body: bytes, answer: Answer) -> None:
        connection = self._connections.setdefault(request.transport, len(self._connections) + 1)
        with self._changed:
            self.requests.append(
                Request(
                    kind=kind,
                    method=request.method,
                    path=request.path,
                    query=dict(request.query),
                    headers=request.headers,
                    body=body,
                    at=time.monotonic(),
                    connection=connection,
                    answer=answer,
                )
            )
            self._changed.notify_all()

    def _say(self, answer: Say) -> web.Response:
        headers = {"Content-Type": "application/json", **answer.headers}
        response = web.Response(status=answer.status, body=answer.bytes(), headers=headers)
        if answer.chunked:
            response.enable_chunked_encoding()
        return response

    def _do(self, answer: Do, kind: Kind, request: web.Request, body: bytes) -> web.Response:
        if kind == "file":
            return _paced(_ranged(self.video, request.headers.get("Range"), answer.headers), answer.pace)
        status, said = self._api(kind, request, body)
        if answer.edit:
            said = answer.edit(said) or said
        return web.json_response(said, status=status, headers=answer.headers)

    def _api(self, kind: Kind, request: web.Request, body: bytes) -> tuple[int, dict[str, Any]]:
        if request.headers.get("Authorization") not in {f"Bearer {key}" for key in (self.key, self.old_key)}:
            return 401, error(401, "Unauthorized: the key is not valid")
        if kind == "submit":
            if request.path.endswith("/async") is self.without_suffix:
                return 404, error(404, "Not found: no such address")
            return 200, _success(self._accept(body))
        if kind == "poll":
            task = self.tasks.get(request.path.rpartition("/")[2])
            return (200, _success(self._state(task))) if task else (404, error(404, "Not found: no such task"))
        if kind == "upload":
            return self._take(*part_of(request.headers["Content-Type"], body))
        if kind == "delete":
            gone = self.files.pop(request.path.rpartition("/")[2], None) is None
            return (404, error(404, "Not found: no such file")) if gone else (200, _success({}))
        if kind == "validate":
            return 200, _success({"is_valid": True})
        if kind == "balance":
            return 200, _success({"balance": self.balance})
        if kind == "models":
            return 200, _success({"models": [{"slug": "alibaba/happyhorse-1.0-i2v"}]})
        return 404, error(404, "Not found: no such address")

    def _accept(self, body: bytes) -> dict[str, Any]:
        task = Task(self.ids.format(next(self._numbers)), self.words, json.loads(body))
        self.tasks[task.id] = task
        link = f"{self.origin}/api/v1/tasks/{task.id}"
        return {
            "status": "pending",
            "task_id": task.id,
            "model_id": "model-1",
            "get_result": {"method": "GET", "url": link},
        }

    def _take(self, name: str, media_type: str, data: bytes) -> tuple[int, dict[str, Any]]:
        if self._uploading > self.uploads_at_most:
            return 429, error(429, "Rate limit: too many uploads at once")
        if len(self.files) >= self.files_at_most:
            return 400, error(400, "Bad request: the team has 10 files already")
        file_id = f"file-{next(self._numbers):04}"
        self.files[file_id] = data
        told = {} if self.files_expire is None else {"expires_at": int(self.files_expire * 1000)}
        return 200, _success(
            {
                "file_id": file_id,
                "type": media_type,
                "url": f"{self.media_origin or self.origin}/media/{file_id}?signature={SIGNATURE}",
                "filename": name,
                "size": len(data),
                "created_at": "2026-11-30T12:00:00Z",
                **told,
            }
        )

    def _state(self, task: Task) -> dict[str, Any]:
        word = task.next_word()
        state: dict[str, Any] = {"status": word, "task_id": task.id, "model_id": "model-1"}
        if word in ("success", "succeeded", "completed"):
            url = f"{self.file_origin or self.origin}/files/{task.id}.mp4?signature={SIGNATURE}"
            width, height = self.size
            state |= {
                "duration": 61_000,
                "result": {
                    "resources": [{"url": url, "type": "video", "width": width, "height": height, "format": "mp4"}]
                },
                "billing": {"status": "succeeded", "amount": task.amount},
                "result_expires_at": int((time.time() + 86_400) * 1000),
            }
        elif word == "failed":
            state["error"] = {"message": task.message}
        return state


def refused_origin() -> str:
    """An origin on loopback where nobody listens: a request to it is never sent."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _kind(request: web.Request) -> Kind:
    path = request.path
    if request.method == "POST" and path.startswith("/api/v1/alibaba/"):
        return "submit"
    if path.startswith("/api/v1/tasks/"):
        return "poll"
    if path.startswith("/api/v1/media/files"):
        return "upload" if request.method == "POST" else "delete"
    if path.startswith("/files/"):
        return "file"
    others: dict[str, Kind] = {
        "/api/v1/apikey/validate": "validate",
        "/api/v1/team/balance": "balance",
        "/api/v1/models": "models",
    }
    return others.get(path, "other")


def part_of(media_type: str, body: bytes) -> tuple[str, str, bytes]:
    """The one file of a multipart form."""
    form: Any = message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + body)
    [part] = form.get_payload()
    assert part.get_param("name", header="content-disposition") == "file"
    return part.get_filename(), part.get_content_type(), part.get_payload(decode=True)


def _success(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "success", "data": data}


def _ranged(video: bytes, asked: str | None, headers: Mapping[str, str]) -> web.Response:
    """The file, or the part of it that ``Range: bytes=N-`` asks for."""
    common = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "ETag": '"v1"', **headers}
    if asked is None:
        return web.Response(body=video, headers=common)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    start, end = int(first), int(last or len(video) - 1)
    if start >= len(video):
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(video)}"})
    common["Content-Range"] = f"bytes {start}-{end}/{len(video)}"
    return web.Response(status=206, body=video[start : end + 1], headers=common)


def _paced(response: web.Response, pace: float) -> web.Response:
    """The same, in eight pieces with a pause before each."""
    body = response.body
    if not pace or not isinstance(body, bytes):
        return response
    size = len(body) // 8 + 1

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            await asyncio.sleep(pace)
            yield body[start : start + size]

    headers = {**response.headers, "Content-Length": str(len(body))}
    return web.Response(status=response.status, headers=headers, body=pieces())


def _drop(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The whole head, half of the body, and no more."""
    body = response.body if isinstance(response.body, bytes) else b""
    started = web.StreamResponse(status=response.status, headers=response.headers)
    started.content_length = len(body)
    await started.prepare(request)
    await started.write(body[: len(body) // 2])
    if request.transport:
        # close, not abort: what was written arrives before the end does.
        request.transport.close()
    return started
