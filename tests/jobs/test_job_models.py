"""The models as they are listed, and where the service's own description of them says something else."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.api.family import differences
from happyhorse_nb.cli import main
from happyhorse_nb.models import MODELS, Model
from happyhorse_nb.sandbox.schema import api_schema
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import ended


def test_each_model_has_its_inputs_parameters_and_price(generate: Generate, settings: Settings) -> None:
    models = hh.list_models()
    assert list(models) == list(MODELS)
    edit, text = models["happyhorse-1.0-video-edit"], models["happyhorse-1.1-t2v"]
    assert [(role.option, role.minimum, role.maximum) for role in edit.inputs] == [
        ("video", 1, 1),
        ("references", 0, 5),
    ]
    assert [param.name for param in text.parameters] == ["prompt", "resolution", "ratio", "duration", "seed"]
    assert text.estimate(duration=10, resolution="720P") == hh.Cost(Decimal("1.2420"))
    assert str(edit.estimate(resolution="720P", footage=5.1)) == "about $1.28"
    settings.prices = {"happyhorse-1.1-t2v": {"720P": 0.1}}
    assert str(text.estimate(resolution="720P")) == "about $0.50"
    assert text.estimate() is None
    with pytest.raises(KeyError):
        models["happyhorse-9"]


def test_the_table_says_what_each_takes_and_costs_and_how_long_it_took_here(
    generate: Generate, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not yet used" in repr(hh.list_models())
    ended(generate())
    told = repr(hh.list_models())
    assert told.count(" (1)") == 1
    for words in (
        "of 1 to 9 references, text",
        "$0.1597 (1080P)",
        "(1080P), of input and output",
        "duration 3 to 15 s",
    ):
        assert words in told
    page = hh.list_models()._repr_html_()
    assert page.count("<tr") == 1 + len(MODELS)
    assert "<code>happyhorse-1.0-video-edit</code>" in page
    assert main(["models"]) == 0
    assert capsys.readouterr().out.strip() == told


def described(model: Model, **changes: Any) -> str:
    """The service's description of a model, as the tables have it but for these changes of its properties."""
    properties: dict[str, Any] = {"prompt": {"type": "string", "maxLength": 5000}}
    for param in model.options:
        properties[param.sent_as] = (
            {"type": "string", "enum": list(param.choices), "default": param.default}
            if param.choices
            else {"type": "integer", "minimum": param.minimum, "maximum": param.maximum}
        )
    for role in model.inputs:
        properties[role.wire] = {"type": "array", "maxItems": role.maximum} if role.maximum > 1 else {"type": "string"}
    required = [p.sent_as for p in model.params if p.required] + [r.wire for r in model.inputs if r.minimum]
    properties = {name: one for name, one in (properties | changes).items() if one is not None}
    body = {"type": "object", "required": required, "properties": properties}
    content = {"application/json": {"schema": body}}
    return json.dumps({"openapi": "3.1.0", "paths": {"/x": {"post": {"requestBody": {"content": content}}}}})


@pytest.mark.parametrize("model", list(MODELS))
def test_where_the_service_says_the_same_nothing_differs(model: str) -> None:
    assert differences(MODELS[model], described(MODELS[model])) == []


@pytest.mark.parametrize("model", list(MODELS))
def test_the_sandbox_describes_the_models_as_the_tables_have_them(model: str) -> None:
    assert differences(MODELS[model], json.dumps(api_schema(MODELS[model], "http://127.0.0.1"))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"duration": {"minimum": 3, "maximum": 20}}, "duration: maximum is 20 there and 15 here"),
        ({"resolution": {"enum": ["480P", "720P", "1080P"]}}, "resolution: takes 480P too"),
        ({"resolution": {"enum": ["720P"]}}, "resolution: does not take 1080P"),
        ({"resolution": {"enum": ["720P", "1080P"], "default": "720P"}}, "resolution: default is 720P there and 1080P"),
        ({"watermark": {"type": "boolean"}}, "watermark is not known here"),
        ({"seed": None}, "seed is not in it"),
        ({"reference_images": {"maxItems": 4}}, "reference_images: maxItems is 4 there and 9 here"),
        ({"prompt": {"maxLength": 800}}, "prompt: maxLength is 800 there and 5000 here"),
    ],
)
def test_what_differs_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    model = MODELS["happyhorse-1.0-r2v"]
    [said] = differences(model, described(model, **changes))
    assert said.startswith(words)


def test_what_is_required_there_and_not_here_is_said() -> None:
    model = MODELS["happyhorse-1.0-i2v"]
    text = described(model).replace('"required": ["first_frame_image"]', '"required": ["prompt"]')
    assert differences(model, text) == ["prompt is required there", "first_frame_image is optional there"]


@pytest.mark.parametrize("text", ["<html>", "[]", '{"openapi": "3.1.0"}', "[" * 100_000])
def test_what_is_no_description_is_said_in_one_line(text: str) -> None:
    [said] = differences(MODELS["happyhorse-1.0-i2v"], text)
    assert said.startswith("its description ")


def test_the_description_is_asked_for_without_the_key(generate: Generate, settings: Settings, fake_server: Any) -> None:
    settings.schema_url = f"{fake_server.origin}/models/{{provider}}/{{model}}/api_schema"
    before = len(fake_server.requests)
    from happyhorse_nb.api.family import schema_report

    lines = list(schema_report())
    assert [line.partition(":")[0] for line in lines] == list(MODELS)
    assert [line.partition(": ")[2] for line in lines] == ["127.0.0.1 answers 401"] * len(lines)
    asked = fake_server.requests[before:]
    assert all("Authorization" not in request.headers for request in asked)
