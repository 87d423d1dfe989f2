"""The public functions of the package, one for each action."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast, overload

from happyhorse_nb.api.catalog import Jobs, order, query
from happyhorse_nb.api.lookup import footage, jobs_of, no_job, running, take_up
from happyhorse_nb.engine.core import engine
from happyhorse_nb.errors import InvalidRequest, in_words_here
from happyhorse_nb.job.display import Pending, can_ask, settled
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.pictures import strip
from happyhorse_nb.job.request import Request, prepare, spread
from happyhorse_nb.job.state import state_of
from happyhorse_nb.job.takes import Takes
from happyhorse_nb.job.waiting import wait as wait_for
from happyhorse_nb.limits.budget import AskFirst, Quote
from happyhorse_nb.models import Cost, Fit, Model, Snapshot, Status, check_takes, find_model
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import config
from happyhorse_nb.store import Record

Resolution = Literal["720P", "1080P", "480P"]
Ratio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "4:5", "5:4", "9:21", "21:9"]
Audio = Literal["auto", "origin"]


class _Changes(TypedDict, total=False):
    """The options of `again` for its overloads, which differ in ``takes`` alone."""

    model: str | None
    resolution: Resolution | None
    ratio: Ratio | None
    duration: int | None
    seed: int | None
    audio: Audio | None
    save: str | Path | None
    yes: bool


class _Options(_Changes, total=False):
    """Those of `generate`."""

    references: Sequence[Any]
    video: Job | str | None
    fit: Fit
    again: bool
    unlisted: bool
    namespace: Mapping[str, Any] | None


@overload
def generate(
    image: Any = None, prompt: str | None = None, *, takes: Literal[1] | None = None, **options: Unpack[_Options]
) -> Job: ...
@overload
def generate(
    image: Any = None, prompt: str | None = None, *, takes: int | None = None, **options: Unpack[_Options]
) -> Job | Takes: ...
def generate(
    image: Any = None,
    prompt: str | None = None,
    *,
    references: Sequence[Any] = (),
    video: Job | str | None = None,
    model: str | None = None,
    resolution: Resolution | None = None,
    ratio: Ratio | None = None,
    duration: int | None = None,
    seed: int | None = None,
    audio: Audio | None = None,
    takes: int | None = None,
    fit: Fit = False,
    again: bool = False,
    save: str | Path | None = None,
    unlisted: bool = False,
    namespace: Mapping[str, Any] | None = None,
    yes: bool = False,
) -> Job | Takes:
    """Make a video of text alone, of a first frame (``image``), of ``references``, or of another ``video``. Returns its
    `Job` at once, or `Takes` for more than one.

    ``image``: a path, an http(s) URL, a data URI, bytes, a PIL image, a NumPy array or a matplotlib figure; JPEG, PNG
    or WEBP, each side at least 300 px, aspect 1:2.5 to 2.5:1, at most 10 MB. ``references``: 1 to 9 such pictures, each
    side at least 400 px, which the prompt calls character1, character2 … in this order. ``video``: a finished job (or a
    piece of its id), or the http(s) URL of an MP4 or MOV (H.264) of 3 to 60 s, at most 100 MB, to be changed as the
    prompt says, with up to 5 ``references``; what comes out has at most its first 15 s. ``prompt``: at most 5000
    characters, a Chinese one counting 2; needed for all but a first frame. (All limits: the API's reference.)

    ``resolution``: ``720P`` or ``1080P`` (default). ``ratio``: ``16:9`` (default), ``9:16``, ``1:1``, ``4:3``, ``3:4``,
    where there is neither image nor video. ``duration``: 3 to 15 whole seconds (default 5), but for an edit. ``seed``:
    0 to 2147483647, drawn when left out; `Job.seed` has it. ``audio``: for an edit, new sound as it fits (``auto``,
    default), or the video's own (``origin``). ``model``: a model's id, which must take these inputs; the one of
    ``HappyHorse.version`` that does, when left out. ``fit``: make an image or prompt that breaks the limits fit, and
    say what was done; too long a shape is padded, or cropped with ``"crop"``. ``again``: buy a new video even where an
    equal request has made one, with a new seed unless one is given. ``save``: the file to write, an .mp4 that does not
    exist yet. A model or parameter that is None comes from ``%config HappyHorse``. ``takes``: 1 to 4 videos of the same
    request, with the seeds from ``seed`` on, or with drawn ones, which stay the same when the call is run again.
    ``save`` then names ``launch-1.mp4`` and so on, and the budget must hold for all before any is sent. ``unlisted``:
    send what only Alibaba's pages of the models have (480P; 4:5, 5:4, 9:21, 21:9; first frames of up to 20 MB); the
    server decides, and a refusal costs nothing. ``namespace``: the variables that a text may name. ``yes``: buy without
    a question what costs more than ``HappyHorse.ask_above``. Without it that is refused, or, in a notebook that
    somebody watches, asked about with a button: what is returned stands for the job once the button is pressed.

    Raises, before anything is sent, `InvalidRequest` with the limit and the remedy, `MissingKey`, `ConfigError`,
    `LedgerError`; `JobNotFound` for a ``video`` that is none. Later errors are in the job.
    """
    params = {"resolution": resolution, "ratio": ratio, "duration": duration, "seed": seed, "audio": audio}
    inputs = {"references": references, "video": video}
    options: dict[str, Any] = {"model": model, "takes": takes, "fit": fit, "again": again, "save": save}
    return create(image, prompt, params | inputs, namespace=namespace, yes=yes, unlisted=unlisted, **options)


def create(
    image: Any,
    prompt: str | None,
    params: Mapping[str, Any],
    *,
    takes: int | None = None,
    again: bool = False,
    yes: bool = False,
    later: bool = False,
    **options: Any,
) -> Job | Takes:
    """`generate` with the parameters, and the inputs beside ``image``, as a mapping by their names. ``options`` are
    those of `prepare`. With ``later`` the jobs may start only at `begin`, or after a moment."""
    count = check_takes(takes)
    # Without the default seed, which would be that of the video made before.
    unset = ("seed",) if again else ()
    params = {**params, "video": footage(params.get("video"), options.get("namespace"))}
    request = prepare(image, prompt, params, settings=config(), home=engine().folder, unset=unset, **options)
    return _buy(request, count, again=again, yes=yes, later=later)


def begin() -> None:
    """Start what was made to start later."""
    engine().begin()


def jobs(
    status: str | Status | Iterable[str | Status] | None = None,
    text: str | None = None,
    since: str | float | date | timedelta | None = None,
    model: str | None = None,
    starred: bool | None = None,
    removed: bool = False,
    sort: str | None = None,
) -> Jobs:
    """The jobs of the ledger, newest first; a notebook shows them as a table with what was spent.

    ``status``: a state, several, or ``running``, ``ended``, ``failures``. ``text``: words in prompt, id or file name.
    ``since``: ``30min``, ``12h``, ``2d``, a date, a datetime, a timedelta or Unix seconds. ``model``: a model's id.
    ``starred``: with a star, or without. ``removed``: only those hidden by ``%happyhorse remove``. ``sort``:
    ``newest``, ``oldest``, ``cost`` (the dearest first), ``prompt``, ``state`` or ``starred``. Forgotten jobs are not
    listed, but count in what was spent. Raises `InvalidRequest` for any other value, `LedgerError`.
    """
    return Jobs(query(status, text, since, model, starred, removed), order(sort))


def wait(*some: Job | Takes | str, timeout: float | None = None) -> None:
    """Wait for these jobs and takes, or for all that run, in other kernels too; ``timeout`` in seconds.

    A text is any unambiguous piece of a job's id. Raises `WaitTimeout`, not the jobs' errors; `InvalidRequest` for
    what is no job, and what `Job.watch` raises.
    """
    wait_for(jobs_of("wait", some) or running(), timeout=timeout)


def _buy(request: Request, count: int, *, again: bool, yes: bool, later: bool = False) -> Job | Takes:
    """Submit the request, or show a question first where its price asks for one and somebody can answer."""
    requests = spread(request, count)

    def buy(agreed: Quote | None) -> Job | Takes:
        jobs = engine().submit_all(requests, again=again, yes=yes, agreed=agreed, later=later)
        return jobs[0] if count == 1 else Takes(jobs, seed=None if request.take else request.seed)

    try:
        return buy(None)
    except InvalidRequest as problem:
        if not process.is_a(problem, AskFirst) or not can_ask():
            raise
        pending = Pending(problem.quote, buy, prompt=request.prompt, pictures=strip(request.inputs))
    pending.show()
    # It behaves like the job or takes that it stands for.
    return cast(Job, pending)


@overload
def again(job: Job | str, *, takes: Literal[1] | None = None, **changes: Unpack[_Changes]) -> Job: ...
@overload
def again(job: Takes, *, takes: None = None, **changes: Unpack[_Changes]) -> Takes: ...
@overload
def again(job: Job | Takes | str, *, takes: int | None = None, **changes: Unpack[_Changes]) -> Job | Takes: ...
def again(
    job: Job | Takes | str,
    *,
    model: str | None = None,
    resolution: Resolution | None = None,
    ratio: Ratio | None = None,
    duration: int | None = None,
    seed: int | None = None,
    audio: Audio | None = None,
    takes: int | None = None,
    save: str | Path | None = None,
    yes: bool = False,
) -> Job | Takes:
    """Buy a new video with the model, parameters, prompt and inputs of a job; for takes, as many new ones.

    It gets a new seed, and otherwise only what is given changes: ``hh.again(job, resolution="1080P", seed=job.seed)``
    is the same video in 1080P. A text is any unambiguous piece of a job's id. Raises `InvalidRequest` where the job's
    prompt and inputs are forgotten, and what `generate` raises; `JobNotFound`.
    """
    params = {"resolution": resolution, "ratio": ratio, "duration": duration, "seed": seed, "audio": audio}
    request, count = _changed(job, params, takes=takes, model=model, save=save)
    return _buy(request, count, again=True, yes=yes)


def remade(job: Job | str, *, yes: bool = False, **params: Any) -> Job | Takes:
    """`again`, but an equal request that was made before is not bought again: two presses of a button buy one video."""
    request, count = _changed(job, params)
    return _buy(request, count, again=False, yes=yes)


def price(job: Job, **changes: Any) -> Cost | None:
    """What a job's request costs with these parameters changed, by the list prices (USD); None where it is unknown."""
    now = job.snapshot
    table = find_model(now.model)
    footage = next((one.seconds for one in state_of(job).record.inputs if one.seconds is not None), None)
    return config().estimate(_merged(now, table, changes), model=table.id, footage=footage)


def _merged(now: Snapshot, table: Model, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The job's parameters that this model takes, but for the seed, with the changes."""
    names = {p.name for p in table.options if p.name != "seed"}
    held = {name: value for name, value in now.params.items() if name in names}
    return held | {name: value for name, value in changes.items() if value is not None}


def _sources(record: Record) -> dict[str, Any]:
    """The inputs of a job by their options: the stored bytes where there are any, else the source."""
    frames, found = engine().frames, dict[str, Any]()
    for role in find_model(record.snapshot.model).inputs:
        some = [one for one in record.inputs if one.role == role.name]
        given = [
            footage(one.job) if one.job else data if (data := frames.get(one.source)) is not None else one.source
            for one in some
        ]
        found[role.option] = given if role.maximum > 1 else next(iter(given), None)
    return found


def _changed(
    job: Job | Takes | str,
    params: Mapping[str, Any],
    *,
    takes: int | None = None,
    model: str | None = None,
    save: str | Path | None = None,
) -> tuple[Request, int]:
    """The request of a job with these changes, and the number of takes; see `again`."""
    job = settled(job)
    run, some = engine(), jobs_of("again", job)
    several = process.is_a(job, Takes)
    if isinstance(job, Iterable) and not (several or isinstance(job, str)):
        # A list may hold jobs of different requests.
        raise no_job("again", job)
    first = some[0]
    # From the ledger first: a forgotten job is not bought again from a variable that still holds its prompt.
    record = run.ledger.get(first.id) or state_of(first).record
    now = record.snapshot
    table = find_model(now.model) if now.model else None
    if record.forgotten or table is None or (not record.inputs and any(role.minimum for role in table.inputs)):
        raise InvalidRequest(
            f"job {now.short_id} cannot be repeated: what it was made from is forgotten, or was never known here",
            remedy="Make a new one from its inputs and prompt.",
            param="job",
        )
    count = len(some) if takes is None else check_takes(takes)
    table = find_model(model) if model else table
    request = prepare(
        None,
        now.prompt or None,
        _merged(now, table, params) | _sources(record),
        settings=config(),
        home=run.folder,
        model=table.id,
        save=save,
        unset=[p.name for p in table.options],
    )
    if request.take and record.take and count == 1:
        # It replaces that take when the cell with the takes is run again.
        request = replace(request, take=record.take)
    return request, count


def resume(piece: Job | Takes | str | None = None, *, attach: Job | str | None = None) -> list[Job]:
    """Go on with a job (itself, or a piece of its id), a task from elsewhere (its id), or all unfinished jobs.

    Works in any kernel. Queued jobs that the budget does not allow stay queued: the others are returned, and a warning
    says what still waits.

    A task from elsewhere becomes a job of its own. ``attach`` is the job, unknown until now, that the task belongs to;
    a warning says so where there may be such a job and none is given.

    Raises `InvalidRequest` where no job could be resumed, for what is no job, and for a task that cannot be that of
    ``attach``; `JobNotFound`, `MissingKey`, `ConfigError`, `LedgerError`, and with ``attach`` `APIError` and
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
        # A text is passed on as it is: it may be the id of a task from elsewhere.
        taken = take_up([piece] if isinstance(piece, str) else [job.id for job in jobs_of("resume", piece)])
    if taken.refusal is not None:
        if not taken.jobs:
            raise taken.refusal
        warnings.warn(str(taken.refusal), stacklevel=2)
    if taken.hint:
        warnings.warn(in_words_here(taken.hint), stacklevel=2)
    return taken.jobs


def balance() -> Decimal | None:
    """The account's balance in USD; None where the server does not tell it.

    Raises `APIError`, `TransportError`, `MissingKey`, `ConfigError`, `LedgerError`.
    """
    return engine().ask(lambda client: client.balance())


def forget(job: Job | Takes | str, *, trash: bool = False) -> None:
    """Wipe prompt, thumbnail and first frame of a job, or of takes, from the ledger.

    Parameters, cost and the video file stay, with the words in the file's name; with ``trash`` the file is moved into
    the folder ``.trash`` beside it. A text is any unambiguous piece of a job's id. Raises `InvalidRequest` while it
    runs, or if the file cannot be moved; `JobNotFound`.
    """
    for one in _ended("forget", job):
        engine().forget(one, trash=trash)


def remove(jobs: Any) -> list[Job]:
    """Hide these from tables and gallery: a `Job`, `Takes`, pieces of ids, or several. Nothing is wiped, the cost still
    counts, and `restore` brings them back.

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
    """The named jobs, none of which runs. Raises `InvalidRequest`, `JobNotFound`."""
    some = jobs_of(verb, named)
    for job in some:
        if not job.done():
            name = job.snapshot.short_id
            remedy = f"Stop it first: `%happyhorse stop {name}`"
            raise InvalidRequest(f"job {name} still runs", remedy=remedy, param="job")
    return some
