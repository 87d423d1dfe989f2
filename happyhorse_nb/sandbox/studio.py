"""Renders the tasks one after the other on a thread, so that the server goes on answering."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from filelock import Timeout

from happyhorse_nb.errors import DownloadError, InvalidRequest
from happyhorse_nb.inputs import inspect, output_size
from happyhorse_nb.models import FIRST_FRAME, MODELS, Role
from happyhorse_nb.sandbox import footage, scenes
from happyhorse_nb.sandbox.film import FPS, Film, Interrupted, write
from happyhorse_nb.sandbox.options import SandboxOptions
from happyhorse_nb.sandbox.picture import choose_move, dice_of, prepare, upright
from happyhorse_nb.sandbox.request import check_picture, limits_of, role_of
from happyhorse_nb.sandbox.sound import samples_of, soft_sound
from happyhorse_nb.sandbox.sources import Links, fetch
from happyhorse_nb.sandbox.store import Task, TaskStore

_log = logging.getLogger(__name__)

#: Seconds between two looks whether another server has finished a task that it has locked.
_LOOK_AGAIN = 0.25


class Studio:
    """Renders every task that it is given. When it closes, the next server on the folder goes on."""

    def __init__(self, store: TaskStore, links: Links, options: SandboxOptions) -> None:
        self._store = store
        self._links = links
        self._options = options
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
            why = problem.why if isinstance(problem, InvalidRequest) else str(problem)
            task = replace(task, error=why)
        except Exception as problem:  # noqa: BLE001 - a task must end, or its reader waits for ever
            _log.exception("%s could not be rendered", task_id)
            task = replace(task, error=f"the clip could not be rendered: {problem}")
        self._store.save(replace(task, ended=time.time()))

    async def _film(self, task: Task) -> Task:
        task = await self._fetch(task)
        rendering = asyncio.get_running_loop().run_in_executor(self._pool, self._render, task)
        try:
            width, height = await asyncio.shield(rendering)
        except asyncio.CancelledError:
            # The thread ends within a frame's time; until then the task's lock has to be held.
            await asyncio.wait([rendering])
            rendering.exception()
            raise
        return replace(task, width=width, height=height)

    async def _fetch(self, task: Task) -> Task:
        """The task with all its inputs on disk, and the length of the video among them."""
        model, length = MODELS[task.model], task.footage
        for name, url in task.addresses.items():
            role = role_of(model, name)
            data = await self._bytes(url, role)
            if role.image is not None:
                await asyncio.to_thread(check_picture, data, role, unlisted=self._options.unlisted)
            await asyncio.to_thread(self._store.save_input, task, name, data)
            if role.image is None:
                given = await asyncio.to_thread(footage.read, self._store.input(task, name))
                footage.check(given, unlisted=self._options.unlisted)
                length = given.seconds
        if task.addresses:
            # They may be signed, so they are removed as soon as they are not needed.
            task = replace(task, addresses={}, footage=length)
            self._store.save(task)
        return task

    async def _bytes(self, url: str, role: Role) -> bytes:
        own = self._links.find(url)
        if own is not None:
            return await asyncio.to_thread(own.read_bytes)
        most = limits_of(role, unlisted=self._options.unlisted).max_bytes if role.image else footage.MAX_BYTES
        return await fetch(url, what=f"the {role.words}", max_bytes=most)

    def _render(self, task: Task) -> tuple[int, int]:
        options = self._options
        film = self._film_of(task, options.sample_rate)
        write(
            film,
            self._store.video(task),
            label=task.id,
            rate=options.sample_rate,
            fragmented=options.fragmented,
            stop=self._stop.is_set,
        )
        return film.width, film.height

    def _film_of(self, task: Task, rate: int) -> Film:
        """What the task's film shows and sounds like, which follows from its inputs."""
        model, dice = MODELS[task.model], dice_of(task.seed, task.prompt)
        files = {role.name: self._inputs(task, role) for role in model.inputs}
        if model.video is not None:
            given = footage.read(self._store.input(task, model.video.name))
            pictures = [data for role in model.inputs if role.image for data in files[role.name]]
            frames, size = given.frames, output_size(given.width, given.height, task.resolution)
            samples = samples_of(frames, FPS, rate)
            kept = task.audio == "origin"
            sound = footage.sound_of(given, samples, rate) if kept else soft_sound(dice, samples, rate)
            return Film(*size, frames, footage.edited(given, pictures, dice, *size), sound)
        frames = scenes.frames_of(task.duration)
        sound = soft_sound(dice, samples_of(frames, FPS, rate), rate)
        if FIRST_FRAME.name in files:
            (first,) = files[FIRST_FRAME.name]
            info = inspect(first)
            size = output_size(info.width, info.height, task.resolution)
            picture = prepare(upright(first), *size)
            return Film(*size, frames, scenes.walk(picture, choose_move(dice, task.duration), *size, frames), sound)
        size = scenes.size_of(task.ratio, task.resolution)
        if references := [data for some in files.values() for data in some]:
            return Film(*size, frames, scenes.album(references, dice, *size, frames), sound)
        return Film(*size, frames, scenes.words(task.prompt, dice, *size, frames), sound)

    def _inputs(self, task: Task, role: Role) -> list[bytes]:
        """The pictures of that role, in order."""
        if role.image is None:
            return []
        names = [role.name] if role.maximum == 1 else [f"{role.name}-{n}" for n in range(1, role.maximum + 1)]
        paths = [self._store.input(task, name) for name in names]
        return [path.read_bytes() for number, path in enumerate(paths) if number < role.minimum or path.exists()]
