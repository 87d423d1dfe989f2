"""Opens a form: empty, filled in, or with a job's request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb.api.calls import Audio, Ratio, Resolution
from happyhorse_nb.api.pages import inputs_of
from happyhorse_nb.api.preview import name_of_film
from happyhorse_nb.inputs import gather
from happyhorse_nb.models import MODELS, TAKES, Fit, Model, check_params, check_takes, find_model, model_for
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import config
from happyhorse_nb.settings.frontend import running_cell
from happyhorse_nb.widgets.form.body import Form
from happyhorse_nb.widgets.form.controls import usual_model
from happyhorse_nb.widgets.form.values import (
    EDIT,
    FIXED,
    IMAGE,
    REFERENCES,
    TEXT,
    Picture,
    Values,
    kind_of,
    merged,
    source_of,
)

if TYPE_CHECKING:
    from happyhorse_nb.job import Job


def form(
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
    unlisted: bool = False,
    save: str | Path | None = None,
) -> Form:
    """A form to make video with, filled in with these arguments, which are those of `generate`.

    As the last value of a cell it shows itself. Its kind (text, image, references, edit) follows from the inputs, the
    model or the parameters that are given, and can be switched. When the cell runs again, what was typed stays, but for
    arguments that have changed. Raises `InvalidRequest` for inputs or parameters that no model takes together, and for
    a value out of its range; errors in pictures, video and prompt are shown in the form.
    """
    params = {"resolution": resolution, "ratio": ratio, "duration": duration, "seed": seed, "audio": audio}
    inputs = {"image": image, "references": references or None, "video": video}
    options: dict[str, Any] = {"takes": takes, "fit": fit, "unlisted": unlisted, "save": save}
    return _open(inputs, prompt, model=model, params=params, **options)


def edit(job: Job) -> Form:
    """A form with a job's inputs, prompt, model and parameters, of whatever kind they are. Says so where inputs are
    forgotten."""
    now = job.snapshot
    table = MODELS.get(now.model)
    found = inputs_of(job)
    inputs: dict[str, Any] = {}
    missing: list[str] = []
    for role in table.inputs if table is not None else MODELS[usual_model(IMAGE)].inputs:
        some = found.get(role.option, [])
        given = [Picture(name or role.words, one) if isinstance(one, bytes) else one for one, name in some if one]
        if len(given) < max(len(some), role.minimum):
            missing.append(role.words if role.maximum == 1 else f"{role.words}s")
        inputs[role.option] = (given if role.maximum > 1 else given[0]) if given else None
    what = " and ".join(missing)
    are = "are not kept any more: choose them" if what.endswith("s") else "is not kept any more: choose one"
    note = f"The {what} of job {now.short_id} {are}." if missing else ""
    # What the job left to the server stays so, whatever the settings are now.
    params = {p.name: p.default for p in table.options} if table is not None else {}
    params |= now.params
    chosen = {p.name: p.unlisted for p in table.options} if table is not None else {}
    unlisted = any(params.get(name) in choices for name, choices in chosen.items())
    return _open(inputs, now.prompt, model=now.model or None, params=params, unlisted=unlisted, note=note)


def _open(
    inputs: Mapping[str, Any],
    prompt: str | None,
    *,
    model: str | None,
    params: dict[str, Any],
    takes: int | None = None,
    fit: Fit = False,
    unlisted: bool = False,
    save: str | Path | None = None,
    note: str = "",
) -> Form:
    settings = config()
    sources = {name: given for name, given in inputs.items() if given is not None}
    table = _table(sources, [name for name, value in params.items() if value is not None], model)
    # Those of all models, since the kind may be switched.
    given = {p.name: p.default for known in MODELS.values() for p in known.options}
    for known in MODELS:
        given |= settings.defaults(known)
    given |= check_params(table, params, unlisted=unlisted)
    seed = given.pop("seed", None)
    values = Values(
        source=source_of(inputs.get("image")),
        references=tuple(map(source_of, inputs.get("references") or ())),
        video=name_of_film(inputs.get("video")),
        prompt=prompt or "",
        model=table.id,
        params=given,
        takes=check_takes(takes) or int(TAKES.default or 1),
        fit=fit,
        unlisted=unlisted,
        save=str(save or ""),
    )
    if seed is not None:
        values = replace(values, seed_mode=FIXED, seed=int(seed))
    return _in_cell(values, note)


def _table(sources: Mapping[str, Any], params: Sequence[str], model: str | None) -> Model:
    """The model of a new form, for these inputs and parameters. Raises `InvalidRequest` where there is none."""
    settings = config()
    if model is not None:
        table = find_model(model)
        if sources.keys() - {role.option for role in table.inputs}:
            # It says which models take these.
            gather(table, sources)
        return table
    if sources:
        table = model_for(sources, settings.version)
        return MODELS[usual_model(kind_of(table.id))]
    # The first kind that has these parameters; that of the model which the settings name, then a first frame.
    usual = [kind_of(settings.model)] if settings.model else []
    tables = [MODELS[usual_model(kind)] for kind in (*usual, IMAGE, TEXT, REFERENCES, EDIT)]
    return next((table for table in tables if set(params) <= {p.name for p in table.options}), tables[0])


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
