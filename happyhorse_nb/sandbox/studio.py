"""Renders the tasks one after the other on a thread, so that the server goes on answering."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import aiohttp
from filelock import Timeout

from happyhorse_nb import inputs as images
from happyhorse_nb.errors import DownloadError, InvalidRequest
from happyhorse_nb.models import MODELS
from happyhorse_nb.sandbox.answers import image_limits
from happyhorse_nb.sandbox.film import Interrupted, choose_move, render
from happyhorse_nb.sandbox.store import Task, TaskStore

_TIMEOUT = aiohttp.ClientTimeout(total=20.0)
_REDIRECTS = 5


async def fetch(url: str, *, max_bytes: int) -> bytes:
    """The bytes at an http(s) address, at most ``max_bytes``, within 20 seconds. aiohttp follows redirects to
    http(s) only. Raises `DownloadError` with the reason."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, max_redirects=_REDIRECTS + 1) as answer,
        ):
            if answer.status != 200:
                raise DownloadError(f"the first frame cannot be fetched: its server answers {answer.status}")
            data = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                data += chunk
                if len(data) > max_bytes:
                    large = f"it is larger than {max_bytes / 1024 / 1024:g} MB"
                    raise DownloadError(f"the first frame cannot be fetched: {large}")
            return bytes(data)
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        raise DownloadError(f"the first frame cannot be fetched: {_reason(problem)}") from None


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


_log = logging.getLogger(__name__)

#: Seconds between two looks whether another server has finished a task that it has locked.
_LOOK_AGAIN = 0.25


class Studio:
    """Renders every task that it is given. When it closes, the next server on the folder goes on."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._stop = threading.Event()
        # One at a time: the encoder alone uses all processors.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sandbox-film")
        self._work: dict[str, asyncio.Task[None]] = {}

    def take(self, task_id: str) -> None:
        """Start on a task, unless that was done before."""
        if task_id not in self._work and not self._stop.is_set():
            work = asyncio.create_task(self._run(task_id), name=f"sandbox {task_id}")
            self._work[task_id] = work
            work.add_done_callback(lambda _: self._work.pop(task_id, None))

    async def close(self) -> None:
        """Stop within a frame's time. Unfinished tasks stay on disk as they are."""
        self._stop.set()
        work = list(self._work.values())
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)

    async def _run(self, task_id: str) -> None:
        while True:
            task = self._store.get(task_id)
            if task is None or task.ended is not None:
                return
            with suppress(Timeout), self._store.lock(task_id):
                await self._finish(task_id)
                return
            await asyncio.sleep(_LOOK_AGAIN)

    async def _finish(self, task_id: str) -> None:
        # Read again under the lock: another server may have finished it just now.
        task = self._store.get(task_id)
        if task is None or task.ended is not None:
            return
        try:
            task = await self._film(task)
        except Interrupted:
            return
        except (DownloadError, InvalidRequest) as problem:
            task = replace(task, error=str(problem))
        except Exception as problem:  # noqa: BLE001 - a task must end, or its reader waits for ever
            _log.exception("%s could not be rendered", task_id)
            task = replace(task, error=f"the clip could not be rendered: {problem}")
        self._store.save(replace(task, ended=time.time()))

    async def _film(self, task: Task) -> Task:
        if task.image_url is not None:
            limits = image_limits(MODELS[task.model])
            data = await fetch(task.image_url, max_bytes=limits.max_bytes)
            images.check(await asyncio.to_thread(images.inspect, data), limits)
            self._store.save_first_frame(task, data)
            # The address may be signed, so it is removed as soon as it is not needed.
            task = replace(task, image_url=None)
            self._store.save(task)
        rendering = asyncio.get_running_loop().run_in_executor(self._pool, self._render, task)
        try:
            width, height = await asyncio.shield(rendering)
        except asyncio.CancelledError:
            # The thread ends within a frame's time; until then the task's lock has to be held.
            await asyncio.wait([rendering])
            rendering.exception()
            raise
        return replace(task, width=width, height=height)

    def _render(self, task: Task) -> tuple[int, int]:
        return render(
            self._store.first_frame(task),
            self._store.video(task),
            resolution=task.resolution,
            duration=task.duration,
            move=choose_move(task.seed, task.prompt, task.duration),
            stop=self._stop.is_set,
        )
