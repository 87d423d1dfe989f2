"""Previews a request: its cost, its time, and why it would be refused. Nothing is written or sent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from happyhorse_nb import polling
from happyhorse_nb.api.lookup import find, footage, jobs_of
from happyhorse_nb.engine.core import engine
from happyhorse_nb.errors import InvalidRequest, MissingKey
from happyhorse_nb.inputs import Input, load
from happyhorse_nb.job.request import Request, prepare, spread
from happyhorse_nb.limits.budget import check_budget
from happyhorse_nb.models import LONGEST, VIDEO, Cost, ImageLimits, Snapshot, Status, check_takes
from happyhorse_nb.render.gallery import Poster
from happyhorse_nb.settings import current_account, is_loopback, on_this_machine, told_origin
from happyhorse_nb.settings.config import config
from happyhorse_nb.store import Filter

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job


@dataclass(frozen=True)
class Preview:
    """What one video costs (USD; None if the list prices do not say) and takes (seconds), whether that is play money,
    and how many videos are made at once."""

    cost: Cost | None
    seconds: float
    sandbox: bool
    at_once: int


def preview(params: Mapping[str, Any], *, model: str, footage: float | None = None) -> Preview:
    """The estimates for a request with these parameters; ``footage`` is the length (seconds) of the video that is
    edited, None where it is not known. Raises `LedgerError`, `ConfigError`."""
    try:
        sandbox = current_account().sandbox
    except MissingKey:
        sandbox = is_loopback(told_origin())
    wanted = {name: value for name, value in params.items() if value is not None}
    asked = Snapshot(status=Status.QUEUED, model=model, params=wanted, sandbox=sandbox)
    # What an edit makes is as long as its input.
    length = {} if footage is None else {"duration": min(footage, LONGEST)}
    typical = polling.typical({**wanted, **length}, sandbox=sandbox)
    seconds = polling.forecast(engine().ledger.history(asked), typical=typical).median
    settings = config()
    return Preview(settings.estimate(wanted, model=model, footage=footage), seconds, sandbox, settings.max_concurrent)


def check(
    image: Any,
    prompt: str | None,
    params: Mapping[str, Any],
    *,
    takes: int = 1,
    **options: Any,
) -> tuple[Request, list[Snapshot]]:
    """The request that `generate` would submit, and those of its takes that exist already and are not paid for again.

    Inputs are as `prepare` takes them, a video as `film` gives it; ``options`` are those of `prepare`. Raises what
    `generate` would raise.
    """
    run, settings, count = engine(), config(), check_takes(takes)
    request = prepare(image, prompt, params, settings=settings, home=run.folder, **options)
    account = current_account()
    cost = request.estimate(settings)
    requests = spread(request, count)
    records = [one.record(account, owner=run.presence.id, cost=cost) for one in requests]
    before = [run.ledger.equal(record) if settings.reuse else None for record in records]
    new = [(one, record) for one, record, equal in zip(requests, records, before, strict=True) if equal is None]
    for one, _ in new:
        one.check_target()
    if new:
        first, *rest = (record for _, record in new)
        check_budget(settings.budget, first, run.ledger, *rest)
    return request, [equal.snapshot for equal in before if equal is not None]


def film(source: str, namespace: Mapping[str, Any] | None = None) -> tuple[Input, Snapshot | None]:
    """The video to edit that a text names (see `lookup.footage`), and the job that has made it, None for an address.

    Raises `InvalidRequest`, `JobNotFound`, `ConfigError`, `LedgerError`.
    """
    given = footage(source, namespace)
    if isinstance(given, str):
        return load(given, limits=ImageLimits(), local=on_this_machine(), role=VIDEO), None
    return given, find(given.job).snapshot


#: So many finished jobs are looked through for those whose videos can be edited.
_LOOKED_THROUGH = 60


def films(count: int) -> list[Poster]:
    """The newest jobs of the account in use whose videos can be edited. Raises `ConfigError`, `LedgerError`."""
    run, account = engine(), current_account()
    done = Filter(status=frozenset({Status.DONE}), forgotten=False, removed=False)
    key = account.key.fingerprint
    keys = {key, *run.ledger.keys_of(account.realm, key)}
    now = time.time()
    found = [
        Poster(record.snapshot, record.thumbnail)
        for record in run.ledger.newest(_LOOKED_THROUGH, only=done)
        if record.origin == account.realm
        and record.account in keys
        and record.snapshot.task_id is not None
        and (record.snapshot.expires_at is None or record.snapshot.expires_at > now)
    ]
    return found[:count]


def name_of_film(video: Job | str | None) -> str:
    """What a form calls the video to edit: a piece of the job's id, or the text itself; empty for None.

    Raises `InvalidRequest` for what is no job, and for takes.
    """
    if video is None or isinstance(video, str):
        return video or ""
    some = jobs_of("edit", video)
    if len(some) != 1:
        what = f"edit takes one video, and these are {len(some)}"
        raise InvalidRequest(what, remedy="Name one of the takes: launch[0].", param="video")
    return some[0].snapshot.short_id


def last_seed() -> tuple[int, str] | None:
    """The seed and the short id of the newest job in the ledger; None where the seed is not known. Raises
    `LedgerError`."""
    newest = engine().ledger.newest(1)
    seed = newest[0].snapshot.params.get("seed") if newest else None
    return (seed, newest[0].snapshot.short_id) if isinstance(seed, int) else None
