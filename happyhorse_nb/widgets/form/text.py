"""The prompt in the form: its length as the server counts it, and what the server would cut off."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from happyhorse_nb.models import MODELS, fit_prompt, prompt_weight
from happyhorse_nb.models.interpolate import interpolate, left
from happyhorse_nb.render import form as html

_HINT = "optional, any language"
_REQUIRED = "any language"


class PromptBox:
    """A text area, its count, and a verdict with a way to cut a prompt that is too long."""

    def __init__(self, prompt: str, *, namespace: MutableMapping[str, Any], on_change: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self._namespace = namespace
        self._on_change = on_change
        self._maximum = 0
        self._text = widgets.Textarea(prompt, description="Prompt", continuous_update=True, rows=4)
        self._text.add_class("hh-control").add_class("hh-prompt-text")
        self._count = widgets.HTML()
        self._verdict = widgets.HTML()
        self._cut = widgets.Button(description="Cut it there")
        self._cut.add_class("hh-button")
        self._cut.on_click(lambda _: self._shorten())
        self._row = widgets.HBox([self._verdict, self._cut])
        self._row.add_class("hh-prompt-said")
        self.parts = [self._text, self._count, self._row]
        self._text.observe(lambda _: self._on_change(), "value")

    @property
    def value(self) -> str:
        """What is typed."""
        return str(self._text.value)

    @value.setter
    def value(self, prompt: str) -> None:
        self._text.value = prompt

    @property
    def sent(self) -> str:
        """What is sent: as in a cell, ``{name}`` is replaced where there is such a variable."""
        return interpolate(self.value, self._namespace)

    def judge(self, *, model: str, fit: bool) -> Callable[[], None]:
        """Count, and see what of it the server would not read; what comes of it is called to show that."""
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
            _set(self._count, html.count(_REQUIRED if param.required else _HINT, prompt_weight(sent), maximum))
            _set(self._verdict, said)
            self._cut.layout.display = None if dropped else "none"
            self._row.layout.display = None if said else "none"

        return show

    def _shorten(self) -> None:
        self._text.value = fit_prompt(self.sent, self._maximum)[0]


def _set(widget: Any, shown: str) -> None:
    if widget.value != shown:
        widget.value = shown
