"""How a form is opened: empty, filled in, or with a job's request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb.jobs.api import with_options
from happyhorse_nb.models import MODELS, Fit, check_params, check_takes, find_model
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.form.values import Picture, Values, source_of

if TYPE_CHECKING:
    from happyhorse_nb.jobs import Job
    from happyhorse_nb.widgets.form.body import Form


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
    from happyhorse_nb.jobs import engine

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
    from happyhorse_nb.widgets.form.draft import blank, open_form

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
