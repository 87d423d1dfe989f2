"""The prompt of the form, with its length as the server counts it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

from happyhorse_nb.errors import InvalidRequest, sentence
from happyhorse_nb.models import MODELS, check_references, fit_prompt, prompt_weight
from happyhorse_nb.models.check import interpolate, left
from happyhorse_nb.render import form as html
from happyhorse_nb.widgets.output import button, set_trait


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

    def judge(self, *, model: str, fit: bool, references: int = 0) -> Callable[[], None]:
        """Count, find what the server would cut off, and whether the ``references``, so many, are named. The returned
        function shows that."""
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
        elif odd := _odd(sent, references):
            said = html.verdict(odd, "warn")

        def show() -> None:
            self._maximum = maximum
            hint = "needed, any language" if param.required else "optional, any language"
            set_trait(self._count, "value", html.count(hint, prompt_weight(sent), maximum))
            set_trait(self._verdict, "value", said)
            self._cut.layout.display = None if dropped else "none"
            self._row.layout.display = None if said else "none"

        return show

    def _shorten(self) -> None:
        self._text.value = fit_prompt(self.sent, self._maximum)[0]


def _odd(prompt: str, references: int) -> str:
    """A sentence on a prompt that names none of the references; empty where it does, and where it cannot be sent."""
    if not prompt or not references:
        return ""
    with suppress(InvalidRequest):
        odd = sentence(check_references(prompt, references))
        return odd[:1].upper() + odd[1:]
    return ""
