"""The prompt in a cell's body: ``{name}`` is replaced where that name exists, other braces stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.models.check import interpolate

NAMES: dict[str, Any] = {"mood": "golden light", "n": 3, "größe": "XL", "_x": "under", "nested": "{mood}", "none": None}


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ("The rocket; {mood}", "The rocket; golden light"),
        ("{mood}{mood} {n} horses", "golden lightgolden light 3 horses"),
        ("{größe} {_x}", "XL under"),
        ("{none}", "None"),
        ("{missing} {mood}", "{missing} golden light"),
        ("{nested}", "{mood}"),
        ("{ mood }", "{ mood }"),
        ("{mood.upper()} {mood!r} {n:03} {}", "{mood.upper()} {mood!r} {n:03} {}"),
        ("{3} {a b} {'k': 1}", "{3} {a b} {'k': 1}"),
        ("{{mood}}", "{golden light}"),
        ("{mood", "{mood"),
        ("100 % \\d $HOME", "100 % \\d $HOME"),
        ("\n  two\n  lines\n\n", "two\n  lines"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_a_body_becomes_the_prompt(body: str, prompt: str) -> None:
    assert interpolate(body, NAMES) == prompt


@given(st.text())
def test_without_names_a_body_stays_as_it_is(body: str) -> None:
    assert interpolate(body, {}) == body.strip()


@given(st.text(alphabet="{}ab_1 .!"), st.dictionaries(st.sampled_from(["a", "b", "ab", "_"]), st.text(max_size=5)))
def test_what_is_replaced_is_exactly_the_names_in_braces(body: str, names: dict[str, str]) -> None:
    expected = body
    marks = {name: f"\0{number}\0" for number, name in enumerate(names)}
    for name, mark in marks.items():
        expected = expected.replace("{" + name + "}", mark)
    for name, mark in marks.items():
        expected = expected.replace(mark, names[name])
    assert interpolate(body, names) == expected.strip()
