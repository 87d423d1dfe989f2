"""Makes a job's inputs ready to be sent: pictures that the server wants by their address are uploaded, and the video of
another job is given by the link that it has now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from happyhorse_nb.engine.ledger import AsyncLedger
from happyhorse_nb.errors import (
    APIError,
    HappyHorseError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerError,
    TransportError,
    lasting,
)
from happyhorse_nb.inputs import Input, inspect
from happyhorse_nb.job import outcome
from happyhorse_nb.limits.account import AccountLimits
from happyhorse_nb.limits.uploads import NotUploaded, Waiter
from happyhorse_nb.models import Snapshot, Status, find_model
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.settings.process import in_thread


class Sender(Protocol):
    """What is needed of a job that is about to be sent."""

    inputs: tuple[Input, ...]
    limits: AccountLimits
    ledger: AsyncLedger
    settings: Settings

    @property
    def now(self) -> Snapshot:
        """What is known of it."""

    @property
    def origin(self) -> str:
        """The server it is for, as in the ledger."""

    async def request_turn(self) -> None:
        """Wait until a request may leave."""

    def say(self, message: str) -> None:
        """Show what it waits for."""

    def backoff(self, tries: int) -> float:
        """Seconds before the next try, after so many failures."""


@lasting
class NotReady(Exception):
    """The job ends as this snapshot says, before anything was paid for."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot.message)
        self.snapshot = snapshot


async def ready(sender: Sender) -> tuple[Input, ...]:
    """The inputs as they are sent. It may be cancelled at any time. Raises `NotReady` and `LedgerError`."""
    inputs = sender.inputs
    try:
        if any(one.info is None and one.url is None and not one.job for one in inputs):
            inputs = await in_thread(_complete, inputs)
        if sender.settings.references == "upload":
            inputs = await _by_address(sender, inputs)
        # Last, so that the link is fresh.
        return tuple([await _linked(sender, one) if one.job else one for one in inputs])
    except InvalidRequest as problem:
        raise NotReady(outcome.refused(sender.now, problem)) from None


def _complete(inputs: Sequence[Input]) -> tuple[Input, ...]:
    """The inputs with their `info`. It may read the disk. Raises `InvalidRequest` when a file is gone."""
    return tuple(
        one if one.url is not None or one.job or one.info is not None else replace(one, info=inspect(one.read()))
        for one in inputs
    )


async def _by_address(sender: Sender, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """The inputs with the addresses of those pictures that the model takes by address alone."""
    model = find_model(sender.now.model)

    def wants(one: Input) -> bool:
        role = model.role(one.role)
        return role.uploaded and not role.embedded and one.url is None

    pictures = [one for one in inputs if wants(one)]
    if not pictures:
        return inputs
    waiter = Waiter(sender.request_turn, sender.say, sender.settings.send_patience, sender.settings.max_backoff)
    try:
        addresses = await sender.limits.uploads.addresses(sender.now.id, pictures, waiter)
    except NotUploaded as why:
        raise NotReady(outcome.not_uploaded(sender.now, why.label, why.problem)) from None
    return tuple(one.at(addresses[one.digest]) if wants(one) else one for one in inputs)


async def _linked(sender: Sender, one: Input) -> Input:
    """The video of another job by the link that its task has now, which is never written down or shown."""
    name = f"the video of job {one.job[:8]}"
    record = await sender.ledger.get(one.job)
    if record is None or record.snapshot.task_id is None or record.origin != sender.origin:
        raise _gone(sender, f"{name} cannot be had: its task is not in the ledger any more")
    trouble = _Trouble(sender, name)
    while True:
        await sender.request_turn()
        try:
            read = await sender.limits.client.read(record.snapshot.task_id)
        except (APIError, TransportError) as problem:
            wait = trouble.wait(problem)
        else:
            if read.status == Status.DOWNLOADING and read.video_url:
                return one.at(read.video_url)
            raise _gone(sender, f"the server gives no link to {name}")
        await asyncio.sleep(wait)


class _Trouble:
    """For how long the link to ``name`` is asked for again."""

    def __init__(self, sender: Sender, name: str) -> None:
        self._sender, self._name = sender, name
        self._since = time.monotonic()
        self._missing: float | None = None
        self._tries = 0

    def wait(self, problem: HappyHorseError) -> float:
        """Seconds until it is asked for again after this answer. Raises `NotReady`."""
        sender, now = self._sender, time.monotonic()
        self._tries += 1
        wait = sender.backoff(self._tries)
        if isinstance(problem, RateLimited):
            # The rate limiter makes all requests of the account wait.
            sender.limits.limiter.refused(problem.retry_after or wait)
            return 0.0
        if isinstance(problem, NotFound):
            # In passing, a read can get that of a task that is there.
            self._missing = now if self._missing is None else self._missing
            if now - self._missing >= sender.settings.missing_patience:
                raise _gone(sender, f"the server does not have {self._name} any more")
        elif not isinstance(problem, (ServerError, TransportError)):
            raise NotReady(outcome.refused(sender.now, problem))
        elif now - self._since + wait > sender.settings.send_patience:
            raise NotReady(outcome.not_linked(sender.now, self._name, problem))
        sender.say(outcome.trouble(problem))
        return wait


def _gone(sender: Sender, what: str) -> NotReady:
    remedy = "Edit another one, or give the URL of a copy that the server can reach; nothing was charged."
    return NotReady(outcome.refused(sender.now, InvalidRequest(what, remedy=remedy, param="video")))
