"""The controls of the form: the switch between the kinds of videos, the model, and the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from happyhorse_nb.models import MODELS, TAKES, Param
from happyhorse_nb.render import form as html
from happyhorse_nb.settings.config import config
from happyhorse_nb.widgets.form.values import FIXED, KINDS, RANDOM, SAME, Values, models_of

#: Endings of other kinds of film.
_OTHERS = ("avi", "gif", "m4v", "mkv", "mov", "webm", "webp")
#: A range of up to so many values is a slider, a larger one a number to type.
_SLIDER = 60


class Controls:
    """Kind, model, parameters, seed, takes and file name. ``on_change`` is called after each change; ``last_seed``
    gives seed and id of the last job, None where it is not known."""

    def __init__(
        self, values: Values, *, on_change: Callable[[], None], last_seed: Callable[[], tuple[int, str] | None]
    ) -> None:
        import ipywidgets as widgets

        self._on_change = on_change
        self._last_seed = last_seed
        # In the order of the model with the most, the seed last.
        tables = sorted(MODELS.values(), key=lambda model: -len(model.options))
        self._params = {p.name: p for table in tables for p in table.options if p.name != "seed"}
        self._params["seed"] = tables[0].param("seed")
        self._fields = {
            name: _field(param, values.params.get(name), unlisted=values.unlisted)
            for name, param in self._params.items()
        }
        self._fields["seed"] = widgets.RadioButtons(
            options=[RANDOM, SAME, FIXED], value=values.seed_mode, description="Seed"
        )
        seed = self._params["seed"]
        self._number = widgets.BoundedIntText(
            values.seed, min=seed.minimum, max=seed.maximum, description="Seed number", continuous_update=True
        )
        #: With *same*: the seed, and the job it is from.
        self._said = widgets.HTML()
        numbers = list(range(TAKES.minimum or 1, (TAKES.maximum or 1) + 1))
        self._takes = widgets.RadioButtons(options=numbers, value=values.takes, description=_title(TAKES))
        self._kind = widgets.RadioButtons(options=list(KINDS), value=values.kind, description="Made from")
        self._model = widgets.Dropdown(options=models_of(values.kind), value=values.model, description="Model")
        #: The model chosen last for each kind.
        self._chosen: dict[str, str] = {}
        # Not at every letter, since the ending is added.
        self._save = widgets.Text(
            named(values.save), placeholder="automatic", description="File name", continuous_update=False
        )
        self._all = [*self._fields.values(), self._number, self._takes, self._model, self._save]
        for control in (self._kind, *self._all):
            control.add_class("hh-control")
        for control in (self._kind, *self._fields.values(), self._takes):
            if isinstance(control, widgets.RadioButtons):
                control.add_class("hh-segments")
        self._number.add_class("hh-number")
        seeds = widgets.VBox([self._fields["seed"], self._number, self._said])
        first = [seeds if name == "seed" else field for name, field in self._fields.items()]
        rows = [*first, self._takes], [self._model, self._save]
        self.rows = [widgets.HBox(row, _dom_classes=("hh-controls",)) for row in rows]
        self.switch = widgets.HBox([self._kind], _dom_classes=("hh-kinds",))
        self._arrange()
        self._show_seed()
        self._kind.observe(self._switched, "value")
        for control in self._all:
            control.observe(self._changed, "value")

    @property
    def kind(self) -> str:
        """The kind of video that is chosen."""
        return str(self._kind.value)

    def read(self, values: Values) -> Values:
        """``values`` with those of the controls."""
        return replace(
            values,
            model=self._model.value,
            params={name: field.value for name, field in self._fields.items() if name != "seed"},
            seed_mode=self._fields["seed"].value,
            seed=self._number.value,
            takes=self._takes.value,
            save=named(self._save.value),
        )

    def _switched(self, change: Mapping[str, Any]) -> None:
        """Offer the models of the kind; the usual one, or the one chosen for it before."""
        self._chosen[change["old"]] = self._model.value
        kind = change["new"]
        self._model.unobserve(self._changed, "value")
        self._model.options = models_of(kind)
        self._model.value = self._chosen.get(kind) or usual_model(kind)
        self._model.observe(self._changed, "value")
        self._arrange()
        self._on_change()

    def _changed(self, change: Mapping[str, Any]) -> None:
        if change["owner"] is self._fields["seed"]:
            last = self._last_seed() if change["new"] == SAME else None
            if last is not None:
                self._number.value = last[0]
            self._show_seed()
        if change["owner"] is self._save and named(change["new"]) != change["new"]:
            # This calls `_changed` again.
            self._save.value = named(change["new"])
            return
        self._arrange()
        self._on_change()

    def _show_seed(self) -> None:
        """Show the seed that will be sent. The job is named only while it is still the last one."""
        last = self._last_seed() if self._fields["seed"].value == SAME else None
        whose = f", of {last[1]}" if last is not None and last[0] == self._number.value else ""
        self._said.value = "" if last is None else html.verdict(f"seed {self._number.value}{whose}")

    def _arrange(self) -> None:
        """Hide what the model does not take, and write the seconds into the slider's label."""
        names = {p.name for p in MODELS[self._model.value].options}
        for name, field in self._fields.items():
            field.layout.display = None if name in names else "none"
            if self._params[name].unit == "seconds":
                field.description = f"{_title(self._params[name])}, {field.value} s"
        self._number.layout.display = None if self._fields["seed"].value == FIXED else "none"


def usual_model(kind: str) -> str:
    """The model for a kind: the one that the settings name, if it is of that kind, else that of their version."""
    settings, models = config(), models_of(kind)
    if settings.model in models:
        return str(settings.model)
    return next((model for model in models if MODELS[model].version == settings.version), models[0])


def named(typed: str) -> str:
    """The file's name with its ending. A folder, and the ending of another kind of film, stay as typed: they are
    refused with the reason."""
    name = typed.strip()
    stem, dot, ending = name.rpartition(".")
    if not name or name.endswith(("/", "\\")) or (ending.lower() in _OTHERS and dot):
        return name
    return f"{stem}.mp4" if dot and ending.lower() == "mp4" else f"{name}.mp4"


def _field(param: Param, value: Any, *, unlisted: bool) -> Any:
    import ipywidgets as widgets

    value = param.default if value is None else value
    title = _title(param)
    if param.choices:
        choices = [*param.choices, *(param.unlisted if unlisted else ())]
        return widgets.RadioButtons(options=choices, value=value, description=title)
    low, high = param.minimum or 0, param.maximum or 0
    if high - low <= _SLIDER:
        return widgets.IntSlider(value, min=low, max=high, description=title, readout=False)
    return widgets.BoundedIntText(value or low, min=low, max=high, description=title)


def _title(param: Param) -> str:
    return param.name[:1].upper() + param.name[1:]
