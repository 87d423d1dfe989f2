"""The async client of the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from happyhorse_nb import inputs as images
from happyhorse_nb import polling, wire
from happyhorse_nb.client.body import Body, Flight, Patience
from happyhorse_nb.client.download import MAX_BYTES, download
from happyhorse_nb.client.poll import wait_for
from happyhorse_nb.client.transfer import NO_LINK
from happyhorse_nb.client.transport import Answer, Heard, Transport
from happyhorse_nb.client.upload import LIMITS, Upload, form_of, unknown_upload, upload_of
from happyhorse_nb.errors import (
    APIError,
    ConfigError,
    ConnectionLost,
    DownloadError,
    OutcomeUnknown,
    Redirected,
    ServerError,
    WaitTimeout,
)
from happyhorse_nb.models import (
    MODELS,
    REFERENCES,
    VERSIONS,
    Fit,
    Model,
    Snapshot,
    Status,
    VideoInfo,
    check_params,
    check_prompt,
    find_model,
    join_notes,
    model_for,
)
from happyhorse_nb.settings import Account, account_of, check_origin, current_account, process
from happyhorse_nb.settings.account import ORIGIN_VARIABLE, HiddenText, missing_key, told_origin
from happyhorse_nb.settings.folders import absolute
from happyhorse_nb.settings.process import in_thread

_UNKNOWN = "{problem} after the request had left. It may have been charged, so it is not sent again by itself."
_LOOK = (
    "Look at your account's task list: if the task is there, take it up by its id (resume); if not, send it again by "
    "hand (again)."
)


def good(answer: Answer, task_id: str | None = None) -> dict[str, Any]:
    """The JSON of a 2xx. Raises the `APIError` of any other status, and `ConnectionLost` for no JSON."""
    if answer.sends_on:
        raise Redirected(
            f"it redirects to {answer.sends_on}",
            status=answer.status,
            task_id=task_id,
            origin=answer.sends_on,
            remedy=_remedy(answer.sends_on),
        )
    if not 200 <= answer.status < 300:
        raise wire.parse_error(answer.status, answer.body, answer.headers, now=time.time(), task_id=task_id)
    if not isinstance(answer.body, dict):
        raise ConnectionLost("the server's answer cannot be read")
    return answer.body


def not_taken(problem: APIError, named: str | None) -> bool:
    """Whether this answer to a submit, which names the task ``named``, says that nothing was accepted.

    A refusal says so; of redirects 307 and 308, by their definition, and 301: an address that is given up for good has
    done no work. A 303 means that the work is done, and many servers and login pages answer 302: those are not known.
    """
    if problem.status == 200:
        # The server's own refusal, unless it names a task, whatever code it gives.
        return named is None
    if isinstance(problem, Redirected):
        return named is None and problem.status in (301, 307, 308)
    # A server in trouble does not say what became of the request.
    return not isinstance(problem, ServerError)


def snapshot_of(body: dict[str, Any], *, asked: str | None = None) -> Snapshot:
    """The task of an answer. Raises what `wire.parse` raises."""
    found = wire.parse(body, asked=asked)
    # Verbose tracebacks print the values in a line, and so the link.
    return replace(found, video_url=HiddenText(found.video_url)) if found.video_url else found


def field(data: dict[str, Any], name: str) -> Any:
    """A field of ``data``; None where it is missing."""
    inner = data.get("data")
    return inner.get(name) if isinstance(inner, dict) else None


def _remedy(sends_on: str) -> str:
    """What to do where a server redirects to that origin."""
    try:
        return f"If that is your server's new address, set {ORIGIN_VARIABLE}={check_origin(sends_on)}."
    except ConfigError:
        return f"The key is not sent there; check {ORIGIN_VARIABLE}."


def unknown_outcome(problem: Exception, task_id: str | None = None) -> OutcomeUnknown:
    """The error for a submit that has left without a certain answer, though perhaps with the id of a task."""
    if isinstance(problem, APIError):
        what = f"The server answered {problem.code if problem.status == 200 else problem.status} ({problem.message})"
    else:
        what = str(problem)[:1].upper() + str(problem)[1:]
    message = _UNKNOWN.format(problem=what.rstrip("."))
    snapshot = Snapshot(status=Status.UNKNOWN, task_id=task_id, message=message, remedy=_LOOK)
    return OutcomeUnknown(message, remedy=_LOOK, snapshot=snapshot)


class Client:
    """Talks to the API; ``async with Client() as client`` in any program.

    ``api_key`` and ``base_url`` default to the environment's (``MODELLIX_API_KEY``, ``MODELLIX_BASE_URL``). Raises
    `MissingKey` or `ConfigError`. It has no ledger: the caller remembers what it submits. ``heard`` is called with each
    answer and the number of requests on their way; ``repeated`` is awaited before `submit` sends a second request.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        account: Account | None = None,
        heard: Heard | None = None,
        repeated: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._transport: Transport | None = None
        self._suffix = True
        #: The pictures that `submit` has uploaded, by the digest of their bytes.
        self._uploaded: dict[str, Upload] = {}
        # For all waits together, as each held read keeps one of the connections.
        self._hold = polling.Hold()
        self._heard = heard
        #: How long the steps of a paid request may take.
        self.patience = Patience()
        self._repeated = repeated
        # Hidden before anything can fail, as verbose tracebacks print arguments.
        api_key = None if api_key is None else HiddenText(api_key)
        self.account = account or _account(api_key, base_url)

    def __repr__(self) -> str:
        # Also printed by the traceback of its own ``__init__``.
        account = getattr(self, "account", None)
        return f"Client(origin={account.origin!r})" if account else "Client()"

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        transport, self._transport = self._transport, None
        if transport is not None and transport.loop is asyncio.get_running_loop():
            await transport.close()

    async def submit(
        self,
        image: Any = None,
        prompt: str | None = None,
        *,
        model: str | None = None,
        fit: Fit = False,
        unlisted: bool = False,
        inline: bool = False,
        flight: Flight | None = None,
        **params: Any,
    ) -> Snapshot:
        """Send one paid request, and never a second one for it; returns the accepted task.

        ``image`` is anything `images.load` takes, or a tuple of inputs that are ready; ``params`` are the model's
        parameters (``resolution``, ``duration`` in seconds, ``seed`` …) and its other inputs (``references``,
        ``video``). Without a ``model`` the one is used that takes these inputs. With ``fit`` an image or prompt that
        breaks the limits is made to fit, and the snapshot's ``note`` says what was done. ``unlisted``: what only
        Alibaba's pages of the model have is sent, too. Pictures of this machine that the model takes by address alone
        are uploaded before, each once in a client's life; with ``inline`` they are sent inside the request, which
        Modellix's pages do not have. ``flight`` is told how far the request has come.

        Raises `InvalidRequest` before anything is sent, and what `upload` raises, after which nothing was paid for;
        `APIError` when the server refused it and charged nothing
        (`RateLimited` says when to send it again); `NotSent` when it did not leave as a whole; `OutcomeUnknown`, with
        the task's id in its snapshot if there is one, when it is not known whether it was accepted.
        """
        options = {role.option for one in MODELS.values() for role in one.inputs}
        others = {name: params.pop(name) for name in list(params) if name in options}
        sources = {"image": image, **others}
        given = [name for name, source in sources.items() if source is not None]
        table = find_model(model) if model else model_for(given, VERSIONS[0])
        checked = check_params(table, params, unlisted=unlisted)
        text, cut = check_prompt(table, prompt, fit=bool(fit))
        local = self.account.sandbox
        some: Sequence[images.Input] = image if isinstance(image, tuple) else [image]
        if not all(process.is_a(one, images.Input) for one in some):
            some = await in_thread(lambda: images.gather(table, sources, fit=fit, local=local, unlisted=unlisted))
            if not inline:
                some = [await self._by_address(table, one) for one in some]
        for one in some:
            if one.url is not None:
                # Ready inputs were not checked here: the caller made them, or they were queued under other settings.
                images.check_address(one.url, local=local)
        # (In one step: verbose tracebacks print locals, and addresses may be secrets.)
        body = Body(
            wire.to_body(table, [(one.role, one.lead) for one in some], text, checked),
            await in_thread(lambda: tuple(one.read() for one in some)),
        )
        named: str | None = None
        try:
            answer = await self._post(table, body, flight or Flight())
            named = wire.named_task(answer.body)
            # A body that names a task means there is one, and it costs money, whatever the status line says.
            accepted = snapshot_of(answer.body if wire.accepts(answer.body) else good(answer))
            return replace(accepted, note=join_notes(*(one.note for one in some), cut))
        except APIError as problem:
            if not_taken(problem, named):
                raise
            unknown = unknown_outcome(problem, named)
        except ConnectionLost as problem:
            unknown = unknown_outcome(problem, named)
        raise unknown

    async def upload(self, picture: Any, *, flight: Flight | None = None) -> Upload:
        """Give the server a picture, byte for byte, for the address to send in a request. It is free.

        ``picture`` is anything `images.load` takes but an address: PNG, JPEG or WEBP, up to 16 MiB. The server keeps it
        for about 7 days, and at most 10 for an account (its media documents). At most two are sent at once.
        ``flight`` is told how far it has come. Raises `InvalidRequest` before anything is sent; `APIError` when the
        server refused it; `NotSent` when it did not leave as a whole; `UploadUnknown` when it is not known whether the
        server holds it.
        """
        if not process.is_a(picture, images.Input):
            picture = await in_thread(lambda: images.load(picture, limits=LIMITS, role=REFERENCES))
        form = await in_thread(form_of, picture)
        try:
            async with self._wire.uploads:
                answer = await self._wire.post(wire.UPLOADS, form, flight or Flight())
            return upload_of(good(answer), local=self.account.sandbox)
        except APIError as problem:
            if not_taken(problem, None):
                raise
            unknown = unknown_upload(problem)
        except ConnectionLost as problem:
            unknown = unknown_upload(problem)
        raise unknown

    async def delete_upload(self, file_id: str) -> None:
        """Have the server delete a picture that was uploaded; one that it does not have any more is deleted, too.

        Raises `APIError`, `TransportError`, and `InvalidRequest` for what is no such id.
        """
        answer = await self._wire.delete(wire.upload_path(file_id))
        if answer.status not in (204, 404):
            wire.check_code(good(answer))

    async def read(self, task_id: str, *, hold: bool = False) -> Snapshot:
        """What the server says of a task. Raises `APIError`, `TransportError`, and `InvalidRequest` for no task id.

        With ``hold`` the server is asked to answer only when there is news, or after at most 45 s (the API's
        documents); an older server ignores that.
        """
        answer = await self._wire.get(wire.task_path(task_id, hold=hold), held=hold)
        if answer.status == 404 and not isinstance(answer.body, dict):
            # Not from the API but from a proxy before it, which knows nothing of tasks.
            raise ServerError("something in front of the server answers, with 404", status=404, task_id=task_id)
        return snapshot_of(good(answer, task_id), asked=task_id)

    async def wait(
        self,
        task_id: str,
        *,
        timeout: float | None = 3600.0,  # noqa: ASYNC109  # the usual name
        on_change: Callable[[Snapshot], None] | None = None,
    ) -> Snapshot:
        """Read a task until it has ended, through drops, 429 and server errors; ``timeout`` is in seconds.

        Returns the snapshot with the link to the video. Raises `JobFailed` when the task failed, `WaitTimeout`,
        `InvalidRequest` for what is no task id, and the errors that end reading: 400, 401, 402, and a 404 that is
        repeated for a minute (`read` raises it at once).
        """
        try:
            async with asyncio.timeout(timeout) as limit:
                typical = polling.TYPICAL_SANDBOX if self.account.sandbox else polling.TYPICAL
                return await wait_for(self.read, self._hold, task_id, typical=typical, on_change=on_change)
        except TimeoutError:
            if not limit.expired():
                raise
            what = f"task {task_id} has not ended after {timeout:g} s; it still runs on the server"
        raise WaitTimeout(what)

    async def download(
        self,
        task: Snapshot,
        target: Path | str,
        *,
        on_bytes: Callable[[int, int | None], None] | None = None,
        patience: float = 30.0,
        cap: int = MAX_BYTES,
        part: str | None = None,
    ) -> VideoInfo:
        """Fetch a finished task's video into a file that does not exist yet; the key does not go along.

        It is streamed, resumed after a cut, at most ``cap`` bytes long, checked to be playable, and appears whole or
        not at all. It is tried again until about ``patience`` seconds have brought nothing new; what came twice the
        same and cannot be played stays beside it as ``NAME.damaged``. ``on_bytes`` is called with the bytes so far and
        the total, if known. ``part`` names the unfinished file and must be unique. Downloads beyond a few wait for
        their turn. Raises `DownloadError`.
        """
        if not task.video_url:
            raise DownloadError(NO_LINK, refused=True)
        info, _ = await self._fetch(
            task.video_url, absolute(str(target)), on_bytes=on_bytes, patience=patience, cap=cap, part=part
        )
        return info

    async def bring(self, task: Snapshot, target: Path, **more: Any) -> tuple[VideoInfo, Path]:
        """`download` for a job, with ``renew`` for a fresh link; returns the file's path, too.

        Where ``target`` is taken the file goes beside it: ``launch (2).mp4``. Raises `DownloadError`.
        """
        return await self._fetch(task.video_url, target, numbered=True, **more)

    async def balance(self) -> Decimal | None:
        """The account's balance in USD; None where the server does not say. Raises `APIError`, `TransportError`."""
        return wire.dollars(field(good(await self._wire.get("/api/v1/team/balance")), "balance"))

    async def valid_key(self) -> bool:
        """Whether the server takes the key. Raises `APIError`, `TransportError`."""
        try:
            data = good(await self._wire.get("/api/v1/apikey/validate"))
        except APIError as problem:
            if problem.status == 401:
                return False
            raise
        return field(data, "is_valid") is True

    async def models(self) -> list[str]:
        """The slugs of the server's models, such as ``alibaba/happyhorse-1.0-i2v``."""
        data = good(await self._wire.get("/api/v1/models"))
        found = data.get("models") or field(data, "models")
        listed = found if isinstance(found, list) else []
        return [m["slug"] for m in listed if isinstance(m, dict) and isinstance(m.get("slug"), str)]

    async def _by_address(self, model: Model, one: images.Input) -> images.Input:
        """The input as it is sent, uploaded where the model takes its address alone."""
        role = model.role(one.role)
        if one.url is not None or role.embedded or not role.uploaded:
            return one
        known = self._uploaded.get(one.digest)
        if known is None or not known.fresh:
            known = self._uploaded[one.digest] = await self.upload(one)
        return one.at(known.url)

    async def _fetch(self, url: str | None, target: Path, **more: Any) -> tuple[VideoInfo, Path]:
        wire = self._wire
        return await download(
            wire.files, url, target, loopback=self.account.sandbox, own=wire.host, slot=wire.downloads, **more
        )

    @property
    def _wire(self) -> Transport:
        # Made inside the loop that uses it, and anew for another one: each `asyncio.run` and `hh.run` has its own.
        if self._transport is None or self._transport.loop is not asyncio.get_running_loop():
            self._transport = Transport(self.account, self._heard, self.patience)
        return self._transport

    async def _post(self, model: Model, body: Body, flight: Flight) -> Answer:
        suffix = self._suffix
        answer = await self._wire.post(wire.submit_path(model, suffix=suffix), body, flight)
        if answer.status != 404 or wire.named_task(answer.body):
            return answer
        # A 404 that names no task accepted nothing, so the other known path is safe to try, once.
        flight.left = flight.whole = False
        if self._repeated is not None:
            await self._repeated()
        other = await self._wire.post(wire.submit_path(model, suffix=not suffix), body, flight)
        if other.status == 404:
            return answer
        self._suffix = not suffix
        return other


def _account(api_key: HiddenText | None, base_url: str | None) -> Account:
    """The account from the arguments, else from the environment."""
    if api_key is None:
        account = current_account()
        return account_of(account.key.reveal(), base_url, source=account.source) if base_url else account
    if not api_key.strip():
        raise missing_key()
    return account_of(HiddenText(api_key.strip()), base_url or told_origin(), source="the caller")
