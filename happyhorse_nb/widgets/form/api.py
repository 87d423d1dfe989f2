"""Opens a form: empty, filled in, or with a job's request."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb.api.pages import first_frame
from happyhorse_nb.models import MODELS, TAKES, Fit, check_params, check_takes, find_model, model_for
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import config
from happyhorse_nb.settings.frontend import running_cell
from happyhorse_nb.widgets.form.body import Form
from happyhorse_nb.widgets.form.values import FIXED, Picture, Values, merged, source_of

if TYPE_CHECKING:
    from happyhorse_nb.job import Job


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
    """A form to make video with, filled in with these arguments, which are those of `generate`.

    As the last value of a cell it shows itself. When the cell runs again, what was typed stays, but for arguments that
    have changed. Raises `InvalidRequest` for an unknown parameter or a value out of its range; errors in image and
    prompt are shown in the form.
    """
    return _open(image, prompt, model=model, takes=takes, fit=fit, save=save, params=params)


def _signature() -> inspect.Signature:
    """The signature of `form` with the models' parameters in place of ``params``, so that ``?`` and Tab show them."""
    own = inspect.signature(form)
    shown = {p.name: p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD}
    for model in MODELS.values():
        for name in (*(role.option for role in model.inputs), *(p.name for p in model.options)):
            shown.setdefault(name, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None))
    return own.replace(parameters=list(shown.values()))


form.__signature__ = _signature()  # type: ignore[attr-defined]  # what inspect.signature looks for


def edit(job: Job) -> Form:
    """A form with a job's first frame, prompt, model and parameters. Says so where the first frame is forgotten."""
    now = job.snapshot
    image, name = first_frame(job)
    note = "" if image is not None else f"The first frame of job {now.short_id} is not kept any more: choose one."
    source = Picture(name or "first-frame", image) if isinstance(image, bytes) else image
    # What the job left to the server stays so, whatever the settings are now.
    options = {p.name: p.default for p in MODELS[now.model].options} if now.model in MODELS else {}
    return _open(source, now.prompt, model=now.model or None, params={**options, **now.params}, note=note)


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
    settings = config()
    table = find_model(model or settings.model or model_for(["image"], settings.version).id)
    given = {p.name: p.default for p in table.options} | settings.defaults(table.id) | check_params(table, params)
    seed = given.pop("seed", None)
    values = Values(
        source=source_of(image),
        prompt=prompt or "",
        model=table.id,
        params=given,
        takes=check_takes(takes) or int(TAKES.default or 1),
        fit=fit,
        save=str(save or ""),
    )
    if seed is not None:
        values = replace(values, seed_mode=FIXED, seed=int(seed))
    return _in_cell(values, note)


@dataclass
class _Draft:
    """The form of a cell, its arguments, and the run of the cell that made it."""

    told: Values
    form: Form
    run: str


def _in_cell(told: Values, note: str) -> Form:
    """A form for the running cell, with what was typed into its earlier one, but for arguments that have changed."""
    drafts: dict[tuple[str, int], _Draft] = process.once("forms", dict)
    cell, run = running_cell()
    number = 0
    # Several forms in one cell are numbered in their order.
    while cell and (cell, number) in drafts and drafts[cell, number].run == run:
        number += 1
    before = drafts.get((cell, number)) if cell else None
    form = Form(told if before is None else merged(before.form.values, before.told, told), note=note)
    if before is not None:
        before.form.close()
        form.results.add(*before.form.results.shown)
    if cell:
        drafts[cell, number] = _Draft(told, form, run)
    return form
