"""Previews a request: its cost, its time, and why it would be refused. Nothing is written or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from happyhorse_nb import polling
from happyhorse_nb.engine.core import engine
from happyhorse_nb.errors import MissingKey
from happyhorse_nb.job.request import Request, prepare, spread
from happyhorse_nb.limits.budget import check_budget
from happyhorse_nb.models import Cost, Snapshot, Status, check_takes
from happyhorse_nb.settings import current_account, is_loopback, told_origin
from happyhorse_nb.settings.config import config


@dataclass(frozen=True)
class Preview:
    """What one video costs (USD; None if the list prices do not say) and takes (seconds), whether that is play money,
    and how many videos are made at once."""

    cost: Cost | None
    seconds: float
    sandbox: bool
    at_once: int


def preview(params: Mapping[str, Any], *, model: str) -> Preview:
    """The estimates for a request with these parameters. Raises `LedgerError`, `ConfigError`."""
    try:
        sandbox = current_account().sandbox
    except MissingKey:
        sandbox = is_loopback(told_origin())
    wanted = {name: value for name, value in params.items() if value is not None}
    asked = Snapshot(status=Status.QUEUED, model=model, params=wanted, sandbox=sandbox)
    typical = polling.typical(wanted, sandbox=sandbox)
    seconds = polling.forecast(engine().ledger.history(asked), typical=typical).median
    settings = config()
    return Preview(settings.estimate(wanted, model=model), seconds, sandbox, settings.max_concurrent)


def check(
    image: Any,
    prompt: str | None,
    params: Mapping[str, Any],
    *,
    takes: int = 1,
    **options: Any,
) -> tuple[Request, list[Snapshot]]:
    """The request that `generate` would submit, and those of its takes that exist already and are not paid for again.

    ``options`` are those of `prepare`. Raises what `generate` would raise.
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


def last_seed() -> tuple[int, str] | None:
    """The seed and the short id of the newest job in the ledger; None where the seed is not known. Raises
    `LedgerError`."""
    newest = engine().ledger.newest(1)
    seed = newest[0].snapshot.params.get("seed") if newest else None
    return (seed, newest[0].snapshot.short_id) if isinstance(seed, int) else None
