"""Answers the API's addresses."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from aiohttp import web

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import MODELS, Model
from happyhorse_nb.sandbox import answers, footage
from happyhorse_nb.sandbox.answers import Refusal, limit_headers, seconds_until
from happyhorse_nb.sandbox.options import SandboxOptions
from happyhorse_nb.sandbox.request import Wanted, largest_body, read_request
from happyhorse_nb.sandbox.schema import api_schema
from happyhorse_nb.sandbox.sources import Links
from happyhorse_nb.sandbox.store import Task, TaskStore
from happyhorse_nb.sandbox.studio import Studio

#: Seconds between two looks at a task whose read is held open.
_GLANCE = 0.1


class Routes:
    """The API's addresses, over a store of tasks and the studio that works on them."""

    def __init__(self, store: TaskStore, links: Links, studio: Studio, options: SandboxOptions) -> None:
        self._store = store
        self._links = links
        self._studio = studio
        self._options = options
        # No other task may be added between counting the running ones and adding one.
        self._gate = asyncio.Lock()
        self._closing = False

    def table(self) -> list[web.RouteDef]:
        """All routes. Reads come first, or ``tasks`` would be taken for a provider."""
        return [
            web.get("/api/v1/tasks/{task_id}", self.task),
            web.get("/api/v1/models", self.models),
            web.get("/api/v1/apikey/validate", self.validate),
            web.get("/api/v1/team/balance", self.balance),
            web.post("/api/v1/{provider}/{model}/async", self.submit),
            web.post("/api/v1/{provider}/{model}", self.submit),
            web.get("/files/{token}/{name}", self.file),
            web.get("/models/{provider}/{model}/api_schema", self.schema),
        ]

    async def release(self, _: web.Application) -> None:
        """Answer the reads that are held open, because the server stops."""
        self._closing = True

    async def submit(self, request: web.Request) -> web.Response:
        """Accept a task."""
        model = _model(request.match_info["provider"], request.match_info["model"])
        most = largest_body(model, unlisted=self._options.unlisted)
        if (request.content_length or 0) > most:
            raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
        body = await request.read()
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(body))
        try:
            # Many megabytes of base64: on a thread, or all other requests would wait.
            wanted = await asyncio.to_thread(read_request, model, body, unlisted=self._options.unlisted)
        except InvalidRequest as problem:
            raise Refusal(400, problem.why) from None
        await asyncio.sleep(self._options.accept_delay)
        async with self._gate:
            task = await asyncio.to_thread(self._task, model, wanted)
            await asyncio.to_thread(self._check_room, task)
            await asyncio.to_thread(self._store.add, task, wanted.files)
        self._studio.take(task.id)
        return answers.accepted(task, _origin(request))

    async def task(self, request: web.Request) -> web.Response:
        """Say how a task stands."""
        task = self._store.get(request.match_info["task_id"])
        if task is None:
            raise Refusal(404, "there is no such task, or it has expired")
        if task.ended is None:
            # It may have been accepted by an earlier server on this folder.
            self._studio.take(task.id)
        if request.query.get("wait") == "true":
            task = await self._after_change(task)
        return answers.state(task, _origin(request), now=time.time(), keep=self._options.keep)

    async def _after_change(self, task: Task) -> Task:
        """The task once its status has changed, or the hold is over."""
        first, until = task.status(time.time()), time.monotonic() + self._options.hold
        while task.active(time.time()) and task.status(time.time()) == first:
            if self._closing or time.monotonic() >= until:
                break
            await asyncio.sleep(_GLANCE)
            if task.ended is None:
                task = self._store.get(task.id) or task
        return task

    async def models(self, _: web.Request) -> web.Response:
        """List the models."""
        return answers.models(MODELS.values())

    async def schema(self, request: web.Request) -> web.Response:
        """Describe one model, to anybody."""
        model = _model(request.match_info["provider"], request.match_info["model"])
        return web.json_response(api_schema(model, _origin(request)))

    async def validate(self, _: web.Request) -> web.Response:
        """Say that the key is valid: any is, and the gate has seen one."""
        return answers.success({"is_valid": True})

    async def balance(self, _: web.Request) -> web.Response:
        """Say what is left of the play money; a running task is paid for already."""
        return answers.success({"balance": float(await asyncio.to_thread(self._left))})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send the video to anybody with its link."""
        task = self._store.get(request.match_info["name"].removesuffix(".mp4"))
        if task is None or task.status(time.time()) != "success":
            raise Refusal(404, "there is no such file, or it has expired")
        if not secrets.compare_digest(task.token.encode(), request.match_info["token"].encode()):
            raise Refusal(403, "this link is not valid; ask for the task again to get a fresh one")
        return web.FileResponse(self._store.video(task), headers={"Content-Type": "video/mp4"})

    def _task(self, model: Model, wanted: Wanted) -> Task:
        now, seed, error = time.time(), wanted.params.get("seed"), self._options.failure(wanted.prompt)
        return Task(
            model=model.id,
            prompt=wanted.prompt,
            resolution=wanted.params["resolution"],
            duration=wanted.params.get("duration", 0),
            ratio=wanted.params.get("ratio", ""),
            audio=wanted.params.get("audio", ""),
            seed=random.randrange(2**31) if seed is None else seed,
            created=now,
            seconds=self._options.seconds,
            addresses=wanted.addresses,
            footage=self._length(model, wanted),
            ended=None if error is None else now,
            error=error or "",
        )

    def _length(self, model: Model, wanted: Wanted) -> float | None:
        """Seconds of the video that is edited, where it was made here; others are still to be fetched."""
        url = wanted.addresses.get(model.video.name) if model.video is not None else None
        own = self._links.find(url) if url is not None else None
        if own is not None:
            # What is no video fails its task, like one from elsewhere.
            with suppress(InvalidRequest, OSError):
                return footage.read(own).seconds
        return None

    def _check_room(self, task: Task) -> None:
        """Raises `Refusal` when too many tasks run, or the play money does not suffice."""
        now = time.time()
        limit = self._options.max_concurrent
        running = [task for task in self._store.all() if task.active(now)]
        if limit is not None and len(running) >= limit:
            free = min(task.created + task.seconds for task in running)
            headers = {**limit_headers(limit, 0, free), "Retry-After": str(seconds_until(free, now))}
            raise Refusal(429, f"{len(running)} of at most {limit} tasks are running; wait for one of them", headers)
        cost, left = replace(task, error="").amount(), self._left()
        if cost > left:
            raise Refusal(402, f"this costs ${cost:.2f} and ${left:.2f} of the play money is left")

    def _left(self) -> Decimal:
        spent = sum((task.amount() for task in self._store.all()), Decimal(0))
        return max(Decimal(str(self._options.balance)) - spent, Decimal(0))


def _model(provider: str, name: str) -> Model:
    model = MODELS.get(name)
    if model is not None and model.provider == provider:
        return model
    known = ", ".join(model.slug for model in MODELS.values())
    raise Refusal(404, f"there is no model {provider}/{name} here; there are {known}")


def _origin(request: web.Request) -> str:
    # As the caller addresses this server, so that links survive a restart on another port.
    return f"{request.scheme}://{request.host}"
