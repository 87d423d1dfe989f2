"""The models as `hh.list_models` shows them, and whether the service's own description of them still says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from happyhorse_nb.engine import engine
from happyhorse_nb.errors import HappyHorseError, MissingKey
from happyhorse_nb.models import MODELS, Cost, Model, Param, Role
from happyhorse_nb.render import ModelRow, models_table, models_text
from happyhorse_nb.render.words import plain
from happyhorse_nb.settings import current_account, is_loopback, told_origin
from happyhorse_nb.settings.config import config


@dataclass(frozen=True)
class ListedModel:
    """A model: its ``id``, what it makes of what (``kind``), its ``version``, its ``inputs`` and ``parameters``."""

    id: str
    kind: str
    version: str
    inputs: tuple[Role, ...]
    parameters: tuple[Param, ...]

    def estimate(
        self, *, duration: int | None = None, resolution: str | None = None, footage: float | None = None
    ) -> Cost | None:
        """What a video costs by the prices of ``%config HappyHorse.prices``, or by Modellix's list prices (USD).

        ``duration`` and ``resolution`` as the model takes them, its defaults when left out; ``footage`` is the length
        (seconds) of a video that is edited, the most there may be (60 s) when left out. None where no price is known.
        """
        return config().estimate({"duration": duration, "resolution": resolution}, model=self.id, footage=footage)


class Models(Mapping[str, ListedModel]):
    """The models by their ids; a notebook shows them as a table. It is read anew each time it is shown."""

    def __getitem__(self, model_id: str) -> ListedModel:
        model = MODELS[model_id]
        return ListedModel(model.id, model.kind, model.version, model.inputs, model.params)

    def __iter__(self) -> Iterator[str]:
        return iter([model.id for model in MODELS.values() if model.version])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return models_text(self._rows())

    def _repr_html_(self) -> str:
        return models_table(self._rows())

    def _rows(self) -> list[ModelRow]:
        try:
            sandbox = current_account().sandbox
        except MissingKey:
            sandbox = is_loopback(told_origin())
        run = engine()
        return [_row(MODELS[model_id], run.ledger.times(model_id, sandbox=sandbox)) for model_id in self]


def list_models() -> Models:
    """The models with what each takes and costs, and how long it took here: a mapping from a model's id, such as
    ``hh.list_models()["happyhorse-1.1-t2v"].estimate(duration=8, resolution="720P")``. As the last value of a cell it
    shows itself as a table, which raises `LedgerError` and `ConfigError`."""
    return Models()


def _row(model: Model, times: list[float]) -> ModelRow:
    settings = config()
    a_second = {}
    for level in model.param("resolution").choices:
        cost = settings.estimate({"duration": 1, "resolution": level}, model=model.id, footage=1)
        if cost is not None:
            a_second[level] = cost.amount / model.seconds_billed(1, 1)
    return ModelRow(model, a_second, tuple(times))


def schema_report() -> Iterator[str]:
    """Where the service's public description of each model differs from the tables here, line by line.

    It is read from ``HappyHorse.schema_url``, another host than the API's, so the key does not go along.
    """
    run = engine()
    for model_id in list_models():
        model = MODELS[model_id]
        try:
            found = run.public_text(config().schema_url.format(provider=model.provider, model=model.id))
        except HappyHorseError as problem:
            yield f"{model.id}: {problem}"
            continue
        said = differences(model, found)
        yield f"{model.id}: {'; '.join(said) if said else 'as the tables here have it'}"


def differences(model: Model, text: str) -> list[str]:
    """In words, where an OpenAPI fragment says something else of a model than its table here."""
    try:
        found = _body(json.loads(text))
    except (ValueError, RecursionError):
        return ["its description is not JSON"]
    if found is None:
        return ["its description has no request body with properties"]
    properties, required = found
    ours: dict[str, Param | Role] = {p.sent_as: p for p in model.params} | {r.wire: r for r in model.inputs}
    said = [f"{plain(name, 40)} is not known here" for name in properties if name not in ours]
    for name, one in ours.items():
        if name not in properties:
            said.append(f"{name} is not in it")
            continue
        needed = one.required if isinstance(one, Param) else one.minimum > 0
        if needed != (name in required):
            said.append(f"{name} is {'required' if name in required else 'optional'} there")
        told = properties[name] if isinstance(properties[name], Mapping) else {}
        said += [f"{name}: {words}" for words in _limits(one, told)]
    return said


def _limits(ours: Param | Role, told: Mapping[str, Any]) -> Iterator[str]:
    pairs: list[tuple[str, Any]]
    if isinstance(ours, Role):
        pairs = [("minItems", ours.minimum), ("maxItems", ours.maximum)] if ours.maximum > 1 else []
    elif ours.kind == "text":
        pairs = [("maxLength", ours.maximum)]
    else:
        pairs = [("minimum", ours.minimum), ("maximum", ours.maximum), ("default", ours.default)]
    for key, value in pairs:
        if key in told and value is not None and told[key] != value:
            yield f"{key} is {plain(str(told[key]), 40)} there and {value} here"
    choices = told.get("enum")
    if isinstance(ours, Param) and isinstance(choices, list) and set(map(str, choices)) != set(ours.choices):
        more = [str(one) for one in choices if str(one) not in ours.choices]
        fewer = [one for one in ours.choices if one not in choices]
        if more:
            yield f"takes {plain(', '.join(more), 80)} too"
        if fewer:
            yield f"does not take {', '.join(fewer)}"


def _body(schema: Any) -> tuple[Mapping[str, Any], list[Any]] | None:
    """The properties of the request's body and those that are required, wherever the fragment has them: the first
    object with properties that has a prompt or an input among them."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and {"prompt", "first_frame_image"} & set(properties):
            required = schema.get("required")
            return properties, required if isinstance(required, list) else []
    parts = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    return next((found for part in parts if (found := _body(part)) is not None), None)
