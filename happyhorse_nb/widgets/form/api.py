"""How a form is opened: empty, filled in, or with a job's request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb.api.calls import with_options
from happyhorse_nb.models import MODELS, Fit, check_params, check_takes, find_model
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import config
from happyhorse_nb.settings.frontend import running_cell
from happyhorse_nb.widgets.form.body import Form
from happyhorse_nb.widgets.form.values import Picture, Values, merged, source_of

if TYPE_CHECKING:
    from happyhorse_nb.job import Job


@dataclass
class Draft:
    """The form of a cell: what its arguments said (``told``), and itself. ``run`` is the run that made it."""

    told: Values
    form: Form
    run: str


def open_form(told: Values, *, note: str = "") -> Form:
    """A form for the running cell: with what was typed into the one it had before, but for arguments that changed."""
    drafts: dict[tuple[str, int], Draft] = process.once("forms", dict)
    cell, run = running_cell()
    place = 0
    # Two forms in one cell are told apart by their order.
    while cell and (cell, place) in drafts and drafts[cell, place].run == run:
        place += 1
    before = drafts.get((cell, place)) if cell else None
    values = told if before is None else merged(before.form.values, before.told, told)
    form = Form(values, note=note)
    if before is not None:
        before.form.close()
        form.deck.add(*before.form.deck.shown)
    if cell:
        drafts[cell, place] = Draft(told, form, run)
    return form


def blank(values: Values) -> Values:
    """The values with the settings' defaults where nothing is told."""
    from happyhorse_nb.models import MODELS, TAKES, find_model
    from happyhorse_nb.settings.config import config
    from happyhorse_nb.widgets.form.values import FIXED

    settings = config()
    model = find_model(values.model or settings.model).id
    defaults = {p.name: p.default for p in MODELS[model].options} | settings.defaults(model)
    told = {**defaults, **values.params}
    seed = told.pop("seed", None)
    filled = replace(values, model=model, params=told, takes=values.takes or int(TAKES.default or 1))
    return filled if seed is None else replace(filled, seed_mode=FIXED, seed=int(seed))


def form(
    image: Any = None,
    prompt: str | None = None,
    *,
    model: str | None = None,
    takes: int | None = None,
    fit: Fit = False,
    save: str | Path | None = None,
    **params: Any,
) -> Form:
    """A form to make video with, filled in with what is given; all of it as for `generate`.

    As the last value of a cell it shows itself. What was typed into it survives that its cell is run again, but for
    arguments that have changed. Raises `InvalidRequest` for a parameter that no model takes or a value out of its
    range; what is wrong with image and prompt is said in the form.
    """
    return _open(image, prompt, model=model, takes=takes, fit=fit, save=save, params=params)


form.__signature__ = with_options(form)  # type: ignore[attr-defined]  # what inspect.signature looks for


def edit(job: Job) -> Form:
    """A form with a job's first frame, prompt, model and parameters. Says so where the first frame is forgotten."""
    from happyhorse_nb.engine import engine

    record, now = job.record, job.snapshot
    image: Any = record.frame or None
    note = ""
    if record.frame and not record.frame.startswith(("http://", "https://")):
        data = engine().frames.get(record.frame)
        image = None if data is None else Picture(record.frame_label or "first-frame", data)
    if image is None:
        note = f"The first frame of job {now.short_id} is not kept any more: choose one."
    # What it left to the server is as it was, whatever the settings say now.
    options = {p.name: p.default for p in MODELS[now.model].options} if now.model in MODELS else {}
    return _open(image, now.prompt, model=now.model or None, params={**options, **now.params}, note=note)


def _open(
    image: Any,
    prompt: str | None,
    *,
    model: str | None,
    params: dict[str, Any],
    takes: int | None = None,
    fit: Fit = False,
    save: str | Path | None = None,
    note: str = "",
) -> Form:

    table = find_model(model or config().model)
    told = Values(
        source=source_of(image),
        prompt=prompt or "",
        model=table.id,
        params=check_params(table, params),
        takes=check_takes(takes),
        fit=fit,
        save=str(save or ""),
    )
    return open_form(blank(told), note=note)
