"""The controls of the form: the parameters, the prompt with its length as the server counts it, and what only a script
on the page can report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from functools import cache
from typing import Any

from happyhorse_nb.models import FIRST_FRAME, MODELS, TAKES, Param, fit_prompt, prompt_weight
from happyhorse_nb.models.check import interpolate, left
from happyhorse_nb.render import form as html
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, SAME, Values
from happyhorse_nb.widgets.output import button, set_trait

#: Endings of other kinds of film.
_OTHERS = ("avi", "gif", "m4v", "mkv", "mov", "webm", "webp")
#: A range of up to so many values is a slider, a larger one a number to type.
_SLIDER = 60


class Controls:
    """Model, parameters, seed, takes and file name. ``on_change`` is called after each change; ``last_seed`` gives seed
    and id of the last job, None where it is not known."""

    def __init__(
        self, values: Values, *, on_change: Callable[[], None], last_seed: Callable[[], tuple[int, str] | None]
    ) -> None:
        import ipywidgets as widgets

        self._on_change = on_change
        self._last_seed = last_seed
        self._params = {p.name: p for model in MODELS.values() for p in model.options}
        self._fields = {name: _field(param, values.params.get(name)) for name, param in self._params.items()}
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
        of_images = [model.id for model in MODELS.values() if FIRST_FRAME in model.inputs]
        self._model = widgets.Dropdown(options=of_images, value=values.model, description="Model")
        # Not at every letter, since the ending is added.
        self._save = widgets.Text(
            named(values.save), placeholder="automatic", description="File name", continuous_update=False
        )
        self._all = [*self._fields.values(), self._number, self._takes, self._model, self._save]
        for control in self._all:
            control.add_class("hh-control")
        for control in (*self._fields.values(), self._takes):
            if isinstance(control, widgets.RadioButtons):
                control.add_class("hh-segments")
        self._number.add_class("hh-number")
        seeds = widgets.VBox([self._fields["seed"], self._number, self._said])
        first = [seeds if name == "seed" else field for name, field in self._fields.items()]
        rows = [*first, self._takes], [self._model, self._save]
        self.rows = [widgets.HBox(row, _dom_classes=("hh-controls",)) for row in rows]
        self._arrange()
        self._show_seed()
        for control in self._all:
            control.observe(self._changed, "value")

    def read(self, values: Values) -> Values:
        """``values`` with those of the controls."""
        model = self._model.value
        names = {p.name for p in MODELS[model].options}
        return replace(
            values,
            model=model,
            params={name: f.value for name, f in self._fields.items() if name in names and name != "seed"},
            seed_mode=self._fields["seed"].value,
            seed=self._number.value,
            takes=self._takes.value,
            save=named(self._save.value),
        )

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


def named(typed: str) -> str:
    """The file's name with its ending. A folder, and the ending of another kind of film, stay as typed: they are
    refused with the reason."""
    name = typed.strip()
    stem, dot, ending = name.rpartition(".")
    if not name or name.endswith(("/", "\\")) or (ending.lower() in _OTHERS and dot):
        return name
    return f"{stem}.mp4" if dot and ending.lower() == "mp4" else f"{name}.mp4"


def _field(param: Param, value: Any) -> Any:
    import ipywidgets as widgets

    value = param.default if value is None else value
    title = _title(param)
    if param.choices:
        return widgets.RadioButtons(options=list(param.choices), value=value, description=title)
    low, high = param.minimum or 0, param.maximum or 0
    if high - low <= _SLIDER:
        return widgets.IntSlider(value, min=low, max=high, description=title, readout=False)
    return widgets.BoundedIntText(value or low, min=low, max=high, description=title)


def _title(param: Param) -> str:
    return param.name[:1].upper() + param.name[1:]


class PromptBox:
    """A text area, its count, and a verdict with a way to cut a prompt that is too long."""

    def __init__(self, prompt: str, *, namespace: MutableMapping[str, Any], on_change: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self._namespace = namespace
        self._on_change = on_change
        self._maximum = 0
        classes = ("hh-control", "hh-prompt-text")
        self._text = widgets.Textarea(
            prompt, description="Prompt", continuous_update=True, rows=4, _dom_classes=classes
        )
        self._count, self._verdict = widgets.HTML(), widgets.HTML()
        self._cut = button("Cut it there", self._shorten)
        self._row = widgets.HBox([self._verdict, self._cut], _dom_classes=("hh-prompt-said",))
        self.parts = [self._text, self._count, self._row]
        self._text.observe(lambda _: self._on_change(), "value")

    @property
    def value(self) -> str:
        """The text as typed."""
        return str(self._text.value)

    @value.setter
    def value(self, prompt: str) -> None:
        self._text.value = prompt

    @property
    def sent(self) -> str:
        """The text as sent: ``{name}`` is replaced where there is such a variable, as in a cell."""
        return interpolate(self.value, self._namespace)

    def judge(self, *, model: str, fit: bool) -> Callable[[], None]:
        """Count, and find what the server would cut off. The returned function shows that."""
        param, sent, stays = MODELS[model].param("prompt"), self.sent, left(self.value, self._namespace)
        maximum, same = param.maximum or 0, sent == self.value.strip()
        _, dropped = fit_prompt(sent, maximum)
        said = ""
        if dropped:
            will = "will be" if fit else "would be"
            many = "1 character" if len(dropped) == 1 else f"{len(dropped)} characters"
            words = f"{many} {will} cut off, from here on: “{dropped[:60].strip()}…”"
            said = html.verdict(words, "warn" if fit else "no")
        elif stays:
            said = html.verdict(" ".join(stays), "warn")
        elif not same:
            said = html.verdict(f"Sent as: {sent}")

        def show() -> None:
            self._maximum = maximum
            hint = "any language" if param.required else "optional, any language"
            set_trait(self._count, "value", html.count(hint, prompt_weight(sent), maximum))
            set_trait(self._verdict, "value", said)
            self._cut.layout.display = None if dropped else "none"
            self._row.layout.display = None if said else "none"

        return show

    def _shorten(self) -> None:
        self._text.value = fit_prompt(self.sent, self._maximum)[0]


class Page:
    """Events of the page that ipywidgets does not have. The script in the form's style writes them into a hidden text.

    ``on_file`` gets name and size (bytes) of a chosen file before it is sent: it comes in one message, for which a
    server may close the connection. ``on_connected``: a page, loaded or connected anew, asks for the state of all
    widgets; this works without the script too. ``on_enter``: Ctrl+Enter, with the prompt and the words on the button as
    they were on the page.
    """

    def __init__(
        self,
        *,
        on_file: Callable[[str, int], None],
        on_connected: Callable[[], None],
        on_enter: Callable[[str, str], None],
    ) -> None:
        self._on_file, self._on_enter = on_file, on_enter
        self.widget = _line()(continuous_update=False)
        self.widget.add_class("hh-page")
        self.widget.layout.display = "none"
        self.widget.on_asked = on_connected
        self.widget.observe(self._told, "value")

    def _told(self, change: dict[str, Any]) -> None:
        try:
            told = json.loads(change["new"])
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        if "file" in told:
            size = told.get("size")
            self._on_file(str(told["file"]), size if isinstance(size, int) else 0)
        elif "enter" in told:
            self._on_enter(str(told["enter"]), str(told.get("label", "")))


@cache
def _line() -> Any:
    import ipywidgets as widgets

    class Line(widgets.Text):
        """A text that calls ``on_asked`` when a page asks for its whole state."""

        on_asked: Callable[[], None] | None = None

        def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
            if key is None and self.on_asked is not None:
                self.on_asked()
            return super().get_state(key=key, drop_defaults=drop_defaults)

    return Line
