"""What of a form stays when its cell runs again, and what it says of size and bill."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from happyhorse_nb.api.preview import Preview
from happyhorse_nb.inputs import Input
from happyhorse_nb.models import MODELS, Cost
from happyhorse_nb.widgets.form.values import EDIT, KINDS, TEXT, Picture, Values, expected, kind_of, merged, models_of

I2V, T2V, EDITS = "happyhorse-1.0-i2v", "happyhorse-1.1-t2v", "happyhorse-1.0-video-edit"


class Odd:
    """An object that compares as an array does: to no truth value."""

    def __eq__(self, other: object) -> Any:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as an array


def test_every_model_is_of_one_kind() -> None:
    assert sorted(model for kind in KINDS for model in models_of(kind)) == sorted(MODELS)
    assert [kind_of(models_of(kind)[0]) for kind in KINDS] == list(KINDS)


def test_the_kind_stays_as_it_was_switched_until_an_input_of_the_cell_changes() -> None:
    told = Values(source="rocket.jpg", model=I2V)
    draft = replace(told, model=T2V, prompt="typed")
    assert merged(draft, told, told).kind == TEXT
    now = Values(video="launch", model=EDITS)
    again = merged(draft, told, now)
    assert (again.kind, again.video, again.prompt) == (EDIT, "launch", "typed")


def test_references_that_are_objects_are_compared_by_identity() -> None:
    picture, prompt = Odd(), "typed"
    told = Values(references=(Picture("Odd", picture),), model="happyhorse-1.0-r2v")
    draft = replace(told, references=(), prompt=prompt)
    same = replace(told, references=(Picture("Odd", picture),))
    assert merged(draft, told, same).references == ()
    other = replace(told, references=(Picture("Odd", Odd()),))
    assert len(merged(draft, told, other).references) == 1


@pytest.mark.parametrize(
    ("model", "params", "inputs", "takes", "said"),
    [
        (T2V, {"resolution": "720P", "ratio": "9:16"}, [], 1, "720 x 1280, about $1.28, about 40 s"),
        (EDITS, {"resolution": "720P"}, [5.0], 1, "5 s in + 5 s out in 720P: about $1.28, about 40 s"),
        (EDITS, {"resolution": "720P"}, [31.4], 2, "31 s in + 15 s out in 720P: about $2.56 for 2, about 40 s"),
        (EDITS, {"resolution": "1080P"}, [None], 1, "at most 60 s in + 15 s out in 1080P: about $1.28, about 40 s"),
    ],
)
def test_what_is_expected_is_said(
    model: str, params: dict[str, str], inputs: list[float | None], takes: int, said: str
) -> None:
    seen = Preview(Cost(Decimal("1.28")), 40.0, sandbox=False, at_once=2)
    films = [Input("clip.mp4", role="video", url="https://example.com/clip.mp4", seconds=one) for one in inputs]
    shown = expected(Values(model=model, params=params, takes=takes), seen, films, [])
    assert re.sub("<[^>]*>", "", shown).strip() == said
