"""What was typed into a form, for when its cell is run again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from happyhorse_nb.settings import process
from happyhorse_nb.settings.frontend import running_cell
from happyhorse_nb.widgets.form.body import Form
from happyhorse_nb.widgets.form.values import Values, merged


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
