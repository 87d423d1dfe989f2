"""The Python face: one line per action, the same that the magics and the widgets call."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast, overload

from happyhorse_nb.api.catalog import Jobs, order, query
from happyhorse_nb.api.lookup import Taken, everywhere, jobs_of, no_job
from happyhorse_nb.api.lookup import resume as _resume
from happyhorse_nb.engine.core import engine
from happyhorse_nb.errors import InvalidRequest, in_words_here
from happyhorse_nb.job.display import Pending, can_ask, settled
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.request import Request, prepare, spread
from happyhorse_nb.job.state import state_of
from happyhorse_nb.job.takes import Takes
from happyhorse_nb.job.waiting import wait as wait_for
from happyhorse_nb.limits.budget import AskFirst, Quote
from happyhorse_nb.models import MODELS, Cost, Fit, Model, Snapshot, Status, check_takes, find_model
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import config
from happyhorse_nb.store import Record

Resolution = Literal["720P", "1080P"]


@overload
def generate(
    image: Any,
    prompt: str | None = None,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: Literal[1] | None = None,
    fit: Fit = False,
    again: bool = False,
    save: str | Path | None = None,
    namespace: Mapping[str, Any] | None = None,
    yes: bool = False,
) -> Job: ...
@overload
def generate(
    image: Any,
    prompt: str | None = None,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: int | None = None,
    fit: Fit = False,
    again: bool = False,
    save: str | Path | None = None,
    namespace: Mapping[str, Any] | None = None,
    yes: bool = False,
) -> Job | Takes: ...
def generate(
    image: Any,
    prompt: str | None = None,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: int | None = None,
    fit: Fit = False,
    again: bool = False,
    save: str | Path | None = None,
    namespace: Mapping[str, Any] | None = None,
    yes: bool = False,
) -> Job | Takes:
    """Make a video from a first frame; returns its `Job` at once, or with ``takes`` more than one `Takes`.

    ``image``: a path, an http(s) URL, a data URI, bytes, a PIL image, a NumPy array or a matplotlib figure; JPEG, PNG
    or WEBP, each side at least 300 px, aspect 1:2.5 to 2.5:1, at most 10 MB (the API's reference). ``prompt``: at most
    5000 characters, a Chinese one counting 2. ``resolution``: ``720P`` or ``1080P`` (default). ``duration``: 3 to 15
    whole seconds (default 5). ``seed``: 0 to 2147483647, drawn when left out; `Job.seed` has it. ``model``: a model's
    id. ``fit``: make an image or prompt that breaks the limits fit, and say what was done; too long a shape is padded,
    or cropped with ``"crop"``. ``again``: buy a new video even where an equal request has made one, with a new seed
    unless one is given. ``save``: the file to write, an .mp4 that does not exist yet. A model or parameter that is
    None comes from ``%config HappyHorse``. ``takes``: 1 to 4 videos of the same request, with the seeds from
    ``seed`` on, or with drawn ones; run again, takes with drawn seeds are those made before. ``save`` then names
    ``launch-1.mp4`` and so on, and the budget must hold for all before any is sent. ``namespace``: where the name
    of a variable is looked up, for callers that take text. ``yes``: what costs more than ``HappyHorse.ask_above``
    is meant. Else it is refused, or in a notebook that somebody watches asked about with a button: what is returned
    then stands for the job from when that is pressed on.

    Raises, before anything is sent, `InvalidRequest` with the limit and the remedy, `MissingKey`, `ConfigError`,
    `LedgerError`. What goes wrong later is in the job.
    """
    params = {"resolution": resolution, "duration": duration, "seed": seed}
    return create(
        image,
        prompt,
        params,
        model=model,
        takes=takes,
        fit=fit,
        again=again,
        save=save,
        namespace=namespace,
        yes=yes,
    )


def create(
    image: Any,
    prompt: str | None,
    params: Mapping[str, Any],
    *,
    model: str | None = None,
    takes: int | None = None,
    fit: Fit = False,
    again: bool = False,
    save: str | Path | None = None,
    namespace: Mapping[str, Any] | None = None,
    yes: bool = False,
) -> Job | Takes:
    """`generate` for callers that have the parameters and further inputs by their names in the model's table."""
    count = check_takes(takes)
    run = engine()
    request = prepare(
        image,
        prompt,
        params,
        settings=config(),
        home=run.folder,
        model=model,
        fit=fit,
        save=save,
        namespace=namespace,
        # A default would be the seed of what was made before.
        unset=("seed",) if again else (),
    )
    return _made(request, count, again=again, yes=yes)


def with_options(function: Callable[..., Any]) -> inspect.Signature:
    """Its signature with the models' parameters, from their one table, so that ``?`` and Tab show them."""
    own = inspect.signature(function)
    fixed = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = dict.fromkeys(
        name
        for model in MODELS.values()
        for name in (*(role.option for role in model.inputs), *(p.name for p in model.options))
        if name not in own.parameters and name != "image"
    )
    options = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names]
    return own.replace(parameters=fixed + options)


def jobs(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool = False,
    sort: str | None = None,
) -> Jobs:
    """The jobs of the ledger, newest first; in a notebook they show themselves as a table with what was spent.

    ``status``: a state, several, or ``running``, ``ended``, ``failures``. ``text``: words in prompt, id or file name.
    ``since``: ``30min``, ``12h``, ``2d``, a date, a datetime, a timedelta or Unix seconds. ``model``: a model's id.
    ``starred``: with a star, or without. ``removed``: those that ``%happyhorse remove`` has hidden, and no others.
    ``sort``: ``newest``, ``oldest``, ``cost`` (the dearest first), ``prompt``, ``state`` or ``starred``. What is
    forgotten is not listed, and counts in what was spent. Raises `InvalidRequest` for what is none of that,
    `LedgerError`.
    """
    return Jobs(query(status, text, since, model, starred, removed), order(sort))


def wait(*some: Job | Takes | str, timeout: float | None = None) -> None:
    """Wait for these jobs and takes, or for all that run, in other kernels too; ``timeout`` in seconds.

    A text is any unambiguous piece of a job's id. Raises `WaitTimeout`, not the jobs' errors; `InvalidRequest` for
    what names no job, and what `Job.watch` raises.
    """
    wait_for(jobs_of("wait", some) or running(), timeout=timeout)


def running() -> list[Job]:
    """The jobs that run now: here, and in other kernels that use the same account."""
    return everywhere(engine())


def _made(request: Request, count: int, *, again: bool, yes: bool) -> Job | Takes:
    """Buy it, or ask first where that is to be done and somebody can be asked."""
    requests = spread(request, count)

    def buy(agreed: Quote | None) -> Job | Takes:
        jobs = engine().submit_all(requests, again=again, yes=yes, agreed=agreed)
        return jobs[0] if count == 1 else Takes(jobs, seed=None if request.take else request.seed)

    try:
        return buy(None)
    except InvalidRequest as problem:
        if not process.is_a(problem, AskFirst) or not can_ask():
            raise
        pending = Pending(problem.quote, buy, prompt=request.prompt, thumbnail=request.thumbnail)
    pending.show()
    # It is what it stands for, but for its class.
    return cast(Job, pending)


@overload
def again(
    job: Job | str,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: Literal[1] | None = None,
    save: str | Path | None = None,
    yes: bool = False,
) -> Job: ...
@overload
def again(
    job: Takes,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: None = None,
    save: str | Path | None = None,
    yes: bool = False,
) -> Takes: ...
@overload
def again(
    job: Job | Takes | str,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: int | None = None,
    save: str | Path | None = None,
    yes: bool = False,
) -> Job | Takes: ...
def again(
    job: Job | Takes | str,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    duration: int | None = None,
    seed: int | None = None,
    takes: int | None = None,
    save: str | Path | None = None,
    yes: bool = False,
) -> Job | Takes:
    """Buy a new video with the model, parameters, prompt and first frame of a job; of takes, as many new ones.

    Its seed is a new one. What is given is changed, all else is as it was: ``hh.again(job, resolution="1080P",
    seed=job.seed)`` is the same once more, in 1080P. A text is any unambiguous piece of a job's id. Raises
    `InvalidRequest` where what it was made from is forgotten, and what `generate` raises; `JobNotFound`.
    """
    params = {"resolution": resolution, "duration": duration, "seed": seed}
    request, count = _changed(job, takes=takes, model=model, save=save, params=params)
    return _made(request, count, again=True, yes=yes)


def remade(
    job: Job | Takes | str,
    *,
    takes: int | None = None,
    model: str | None = None,
    save: str | Path | None = None,
    yes: bool = False,
    **params: Any,
) -> Job | Takes:
    """`again`, but what was made before, or is on its way, is that: two presses of one button buy one video."""
    request, count = _changed(job, takes=takes, model=model, save=save, params=params)
    return _made(request, count, again=False, yes=yes)


def price(job: Job, *, takes: int = 1, model: str | None = None, **params: Any) -> Cost | None:
    """What a job's request costs with these changes, by the list prices (USD); None where they do not say."""
    now = job.snapshot
    table = find_model(model or now.model)
    one = config().estimate(_options(now, table, params), model=table.id)
    return None if one is None else Cost(one.amount * takes)


def _options(now: Snapshot, table: Model, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A job's options with the changes; its seed is none of them, nor is what the other model does not take."""
    names = {p.name for p in table.options if p.name != "seed"}
    held = {name: value for name, value in now.params.items() if name in names}
    return held | {name: value for name, value in changes.items() if value is not None}


def _sources(record: Record) -> dict[str, Any]:
    """What a job was made from, by the options of its inputs: the bytes where they are kept, else the source."""
    frames, found = engine().frames, dict[str, Any]()
    for role in find_model(record.snapshot.model).inputs:
        some = [one for one in record.inputs if one.role == role.name]
        given = [data if (data := frames.get(one.source)) is not None else one.source for one in some]
        found[role.option] = given if role.maximum > 1 else next(iter(given), None)
    return found


def _changed(
    job: Job | Takes | str,
    *,
    takes: int | None,
    model: str | None,
    save: str | Path | None,
    params: Mapping[str, Any],
) -> tuple[Request, int]:
    """The request of a job with these changes, and how many takes of it; see `again`."""
    job = settled(job)
    run, some = engine(), jobs_of("again", job)
    several = process.is_a(job, Takes)
    if isinstance(job, Iterable) and not (several or isinstance(job, str)):
        # Of other jobs in a list nobody says that they are of one request.
        raise no_job("again", job)
    first = some[0]
    # From the ledger: what was forgotten there is not bought again from a variable that still has it.
    record = run.ledger.get(first.id) or state_of(first).record
    now = record.snapshot
    if not record.inputs:
        raise InvalidRequest(
            f"job {now.short_id} cannot be repeated: what it was made from is forgotten, or was never known here",
            remedy="Make a new one from its first frame and prompt.",
            param="image",
        )
    count = len(some) if takes is None else check_takes(takes)
    table = find_model(model or now.model)
    request = prepare(
        None,
        now.prompt or None,
        _options(now, table, params) | _sources(record),
        settings=config(),
        home=run.folder,
        model=table.id,
        save=save,
        unset=[p.name for p in table.options],
    )
    if request.take and record.take and count == 1:
        # From now on it is that take, where the takes are asked for again.
        request = replace(request, take=record.take)
    return request, count


def resume(piece: Job | Takes | str | None = None, *, attach: Job | str | None = None) -> list[Job]:
    """Go on with the job of that piece of an id (or a task id from elsewhere), or with every unfinished one.

    A `Job` or `Takes` name themselves. Works in any kernel. A queued job that the budget does not allow keeps back none
    of the others: those are returned, and a warning says what still waits.

    A task id from elsewhere becomes a job of its own. ``attach`` is the job whose outcome is not known, or a piece of
    its id, that this task belongs to; where there is such a job, and it is not given, a warning says so.

    Raises `InvalidRequest` where nothing else was left to take up, for what names no job, and for a task that cannot be
    that of ``attach``; `JobNotFound`, `MissingKey`, `ConfigError`, `LedgerError`, and with ``attach`` `APIError` and
    `TransportError`.
    """
    if attach is not None:
        some = jobs_of("attach", attach)
        if not isinstance(piece, str) or len(some) != 1:
            raise InvalidRequest(
                "attach is for one task and one job", remedy="Write hh.resume(task_id, attach=job).", param="attach"
            )
        taken = take_up([piece], attach=some[0].id)
    elif piece is None:
        taken = take_up()
    else:
        # A text may be the id of a task from elsewhere, which names no job yet.
        taken = take_up([piece] if isinstance(piece, str) else [job.id for job in jobs_of("resume", piece)])
    if taken.refusal is not None:
        if not taken.jobs:
            raise taken.refusal
        warnings.warn(str(taken.refusal), stacklevel=2)
    if taken.hint:
        warnings.warn(in_words_here(taken.hint), stacklevel=2)
    return taken.jobs


def take_up(pieces: Sequence[str] | None = None, *, attach: str | None = None) -> Taken:
    """`resume` for several pieces, or for all: what was taken up, and the refusal of what was not.

    Raises `JobNotFound`, `MissingKey`, `LedgerError`, and with ``attach`` what it refuses.
    """
    return _resume(engine(), pieces, attach=attach)


def balance() -> Decimal | None:
    """The account's balance in USD; None where the server does not say.

    Raises `APIError`, `TransportError`, `MissingKey`, `ConfigError`, `LedgerError`.
    """
    return engine().ask(lambda client: client.balance())


def forget(job: Job | Takes | str, *, trash: bool = False) -> None:
    """Wipe what a job was about from the ledger: prompt, thumbnail, first frame; of takes, of all of them.

    Its parameters, its cost and its video file stay, the file with the words in its name; with ``trash`` the file is
    moved into the folder ``.trash`` beside it. A text is any unambiguous piece of a job's id. Raises `InvalidRequest`
    while it runs, or if the file cannot be moved; `JobNotFound`.
    """
    some = _ended("forget", job)
    for one in some:
        engine().forget(one, trash=trash)


def remove(jobs: Any) -> list[Job]:
    """Have tables and gallery leave these out: a `Job`, `Takes`, pieces of ids, or several. Nothing is wiped, what was
    paid counts on, and `restore` brings them back.

    Raises `InvalidRequest` while one runs; `JobNotFound`, `LedgerError`.
    """
    some = _ended("remove", jobs)
    engine().ledger.remove([job.id for job in some], now=time.time())
    return some


def restore(jobs: Any = None) -> list[Job]:
    """Bring removed jobs back, those removed last where none is named; returns them. Raises as `remove` does."""
    run = engine()
    some = [run.known(row) for row in run.ledger.removed_last()] if jobs is None else jobs_of("restore", jobs)
    run.ledger.remove([job.id for job in some], now=None)
    return some


def _ended(verb: str, named: Any) -> list[Job]:
    """The jobs of that name, none of which runs. Raises `InvalidRequest`, `JobNotFound`."""
    some = jobs_of(verb, named)
    for job in some:
        if not job.done():
            name = job.snapshot.short_id
            remedy = f"Stop it first: `%happyhorse stop {name}`"
            raise InvalidRequest(f"job {name} still runs", remedy=remedy, param="job")
    return some
