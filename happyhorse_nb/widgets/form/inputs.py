"""The inputs in the form: first frame, video to edit and references, of which the model's are shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from dataclasses import replace
from typing import Any

from happyhorse_nb.inputs import Input
from happyhorse_nb.models import FIRST_FRAME, MODELS, Fit, ImageLimits, Model
from happyhorse_nb.widgets.form.cell import name_of
from happyhorse_nb.widgets.form.film import FilmBox
from happyhorse_nb.widgets.form.picture import FrameBox
from happyhorse_nb.widgets.form.references import ReferenceStrip
from happyhorse_nb.widgets.form.values import Picture, Values
from happyhorse_nb.widgets.live import Work
from happyhorse_nb.widgets.output import set_trait


class Inputs:
    """The boxes of all inputs by their options. ``new_work`` makes what runs the slow checks of one of them;
    ``on_change`` is called after each change and each check."""

    def __init__(
        self,
        values: Values,
        *,
        namespace: MutableMapping[str, Any],
        hidden: Collection[str],
        new_work: Callable[[], Callable[[Work], None]],
        on_change: Callable[[], None],
    ) -> None:
        import ipywidgets as widgets

        self._namespace, self._fit = namespace, values.fit
        shared: dict[str, Any] = {"namespace": namespace, "on_change": on_change}
        pictures: dict[str, Any] = {"fit": values.fit, "hidden": hidden, **shared}
        limits = FIRST_FRAME.image or ImageLimits()
        self._frame = FrameBox(values.source, limits=limits, work=new_work(), **pictures)
        self._film = FilmBox(values.video, **shared)
        self._strip = ReferenceStrip(values.references, work=new_work(), **pictures)
        self._boxes: dict[str, Any] = {"image": self._frame, "video": self._film, "references": self._strip}
        self._model = ""
        self.box: Any = widgets.VBox([one.box for one in self._boxes.values()], _dom_classes=("hh-inputs",))

    def arrange(self, model: str) -> None:
        """Show the inputs of this model."""
        if model == self._model:
            return
        self._model = model
        roles = {role.option: role for role in MODELS[model].inputs}
        if "video" in roles:
            self._film.open()
        if "references" in roles:
            self._strip.use(roles["references"])
        for name, one in self._boxes.items():
            set_trait(one.box.layout, "display", None if name in roles else "none")
        set_trait(self.box.layout, "display", None if roles else "none")

    def renew(self) -> None:
        """A job has ended: there may be another video to edit."""
        if self._model and MODELS[self._model].video is not None:
            self._film.open()

    def read(self, values: Values) -> Values:
        """``values`` with the inputs, also those that the model does not take."""
        read = replace(
            values, source=self._frame.source, references=self._strip.sources, video=self._film.source, fit=self._fit
        )
        return replace(read, fit=self._fit_of(MODELS[values.model]))

    def given(self, model: str) -> dict[str, Any]:
        """The model's inputs by their options, checked. Raises `NotReady` where one is missing or wrong."""
        return {role.option: self._boxes[role.option].given() for role in MODELS[model].inputs}

    def names(self, values: Values, given: dict[str, Any]) -> tuple[dict[str, list[str]], str]:
        """The words for these inputs in a cell, and sentences on what was done for that."""
        words: dict[str, list[str]] = {}
        said: list[str] = []
        for option, one in given.items():
            if option == "video":
                words[option] = [values.video]
                continue
            sources: tuple[str | Picture, ...] = (values.source,) if option == "image" else values.references
            named = [name_of(s, i, self._namespace) for s, i in zip(sources, listed(one), strict=True)]
            words[option] = [word for word, _ in named]
            said += [sentence for _, sentence in named if sentence]
        return words, " ".join(said)

    def changed(self, model: str) -> bool:
        """Whether a picture is another one by now than the one shown; if so, it is shown."""
        options = [role.option for role in MODELS[model].inputs if role.image is not None]
        return any(self._boxes[option].changed() for option in options)

    def coming(self, name: str, size: int) -> None:
        """The page is about to send a file of so many bytes."""
        (self._frame if self._takes_frame else self._strip).coming(name, size)

    def connected(self) -> None:
        """The page was loaded or connected anew."""
        self._frame.connected()
        self._strip.connected()

    @property
    def _takes_frame(self) -> bool:
        return bool(self._model) and FIRST_FRAME.option in [role.option for role in MODELS[self._model].inputs]

    def _fit_of(self, table: Model) -> Fit:
        options = [role.option for role in table.inputs]
        return next((self._boxes[name].fit for name in ("image", "references") if name in options), self._fit)


def listed(one: Any) -> list[Input]:
    """The inputs of one option, of which a model may take one or several."""
    return one if isinstance(one, list) else [one]
