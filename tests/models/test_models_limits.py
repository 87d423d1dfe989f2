"""Parameters and prompts against the limits of the API's reference, before anything is paid for."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import (
    DEFAULT_MODEL,
    MODELS,
    Cost,
    ImageLimits,
    Model,
    Param,
    Progress,
    Snapshot,
    Status,
    check_params,
    check_prompt,
    check_takes,
    find_model,
    fit_prompt,
    prompt_weight,
)

MODEL = MODELS[DEFAULT_MODEL]


def refusal(**values: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check_params(MODEL, values)
    assert caught.value.param == next(iter(values))
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 250
    return line


def test_the_table_is_that_of_the_reference() -> None:
    assert DEFAULT_MODEL == "happyhorse-1.0-i2v"
    assert set(MODELS) == {"happyhorse-1.0-i2v", "happyhorse-1.1-i2v"}
    for model in MODELS.values():
        table = {p.name: (p.required, p.minimum, p.maximum, p.choices, p.default) for p in model.params}
        assert table == {
            "prompt": (False, None, 5000, (), None),
            "resolution": (False, None, None, ("720P", "1080P"), "1080P"),
            "duration": (False, 3, 15, (), 5),
            "seed": (False, 0, 2147483647, (), None),
        }
        assert all(p.help for p in model.params)
        [first] = model.inputs
        assert (first.name, first.option, first.wire) == ("first_frame", "image", "first_frame_image")
        assert (first.minimum, first.maximum, first.image, first.embedded) == (1, 1, ImageLimits(), True)
        assert {name: str(price) for name, price in model.prices.items()} == {"720P": "0.14", "1080P": "0.24"}


def test_the_other_tasks_of_the_family_fit_the_same_table() -> None:
    # Text to video: no image, a prompt that is required, one more choice.
    ratio = Param("ratio", "choice", "the frame's shape", default="16:9", choices=("16:9", "9:16", "1:1", "4:3", "3:4"))
    prompt = dataclasses.replace(MODEL.param("prompt"), required=True, minimum=1)
    model = Model("happyhorse-1.0-t2v", (prompt, ratio, *MODEL.options), ())
    assert [p.name for p in model.options] == ["ratio", "resolution", "duration", "seed"]
    assert check_params(model, {"ratio": "9:16"}) == {"ratio": "9:16"}
    with pytest.raises(InvalidRequest, match="it takes 16:9 or 9:16"):
        check_params(model, {"ratio": "2:1"})
    with pytest.raises(InvalidRequest, match=r"prompt is empty; happyhorse-1\.0-t2v needs one"):
        check_prompt(model, "  \n")


WHOLE: list[Any] = [
    *(3, 15, 5.0, Decimal("5.0"), Fraction(10, 2), np.int64(5), np.uint8(5), np.float64(5), np.array(5)),
    *("5", " 5\n", "+5", "05", "5.0", "1_0", "1_0.00", b"5", b" 5.0", np.str_("5")),
    *(IntEnum("Length", {"SHORT": 5}).SHORT, Enum("Length", {"SHORT": 5}).SHORT),  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("duration", WHOLE, ids=repr)
def test_a_whole_number_however_it_is_given(duration: Any) -> None:
    checked = check_params(MODEL, {"duration": duration})
    assert checked["duration"] in (3, 5, 10, 15)
    assert type(checked["duration"]) is int


@pytest.mark.parametrize(
    ("value", "use"),
    [(2, 3), (16, 15), (-5, 3), ("99", 15), (5.5, 6), (10**9, 15), ("20s", 15), ("4 sec", 4), ("soon", 5)],
)
def test_a_number_outside_the_limits_is_refused_with_the_nearest_within(value: Any, use: int) -> None:
    line = refusal(duration=value)
    assert line == (
        f"duration {value!r} cannot be used; happyhorse-1.0-i2v takes a whole number from 3 to 15 seconds. Use {use}."
    )


NO_NUMBERS: list[Any] = [
    *("soon", "", " ", "5.", ".5", "5e0", "0x5", "5_", "_5", "1__0", "+ 5", "--5", "5 5", "٥", "x" * 9999, "5" * 5000),
    *([5], {}, (5,), np.array([5]), b"\xff", bytearray(b"5"), memoryview(b"5"), 5 + 0j, object(), True),
    *(float("nan"), float("inf"), Decimal("sNaN"), Decimal("5.5"), Decimal("5." + 40 * "0" + "1"), 10**5000),
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_refused_in_one_line(value: Any) -> None:
    assert "takes a whole number from 3 to 15" in refusal(duration=value)


@pytest.mark.parametrize("value", [-1, 2147483648, True, False])
def test_a_seed_outside_the_limits(value: Any) -> None:
    assert "a whole number from 0 to 2147483647" in refusal(seed=value)


@pytest.mark.parametrize("seed", [0, 2147483647])
def test_a_seed_at_the_limits(seed: int) -> None:
    assert check_params(MODEL, {"seed": seed}) == {"seed": seed}


@pytest.mark.parametrize("typed", ["720P", "720p"])
def test_a_resolution_is_found_whatever_its_case(typed: str) -> None:
    assert check_params(MODEL, {"resolution": typed}) == {"resolution": "720P"}


@pytest.mark.parametrize("value", ["480P", 720, "", "4K", ["720P"]])
def test_another_resolution_is_refused_with_those_there_are(value: Any) -> None:
    line = refusal(resolution=value)
    assert "is not offered by happyhorse-1.0-i2v; it takes 720P or 1080P. Use 720P." in line


def test_a_resolution_that_is_nearly_one_is_answered_with_it() -> None:
    assert refusal(resolution="1080").endswith("Use 1080P.")


def test_what_is_left_out_is_left_to_the_server() -> None:
    assert check_params(MODEL, {}) == {}
    assert check_params(MODEL, {"seed": None, "duration": None, "resolution": None}) == {}


@pytest.mark.parametrize("name", ["ratio", "image", "prompt", "durations", ""])
def test_an_unknown_parameter_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is not a parameter of .*; it takes resolution, duration, seed"):
        check_params(MODEL, {name: 1})


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        find_model("happyhorse-9")
    assert "happyhorse-1.0-i2v, happyhorse-1.1-i2v" in str(caught.value)
    assert find_model("happyhorse-1.1-i2v").slug == "alibaba/happyhorse-1.1-i2v"


@pytest.mark.parametrize("odd", [["a"], {}, 5, b"happyhorse-1.0-i2v", "x" * 999, "a\nb"], ids=repr)
def test_what_names_no_model_is_refused_in_one_line(odd: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is not known; the models are .* Use one of them") as caught:
        find_model(odd)
    assert caught.value.param == "model"
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "count"), [(None, 1), (1, 1), (4, 4), (np.int64(2), 2), (np.uint8(3), 3)])
def test_takes_are_a_whole_number_of_whatever_type(given: Any, count: int) -> None:
    assert check_takes(given) == count
    assert type(check_takes(given)) is int


@pytest.mark.parametrize(("odd", "use"), [(0, 1), (5, 4), (np.int64(9), 4), (True, 1), ("many", 1), ([2], 1), (2.5, 2)])
def test_other_takes_are_refused_with_what_to_use(odd: Any, use: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"a request gives 1 to 4 at a time\. Use {use}\.$"):
        check_takes(odd)


@given(st.dictionaries(st.sampled_from(["duration", "seed", "resolution"]), st.none() | st.integers() | st.text()))
def test_what_passes_is_within_the_limits(values: dict[str, Any]) -> None:
    try:
        checked = check_params(MODEL, values)
    except InvalidRequest:
        return
    assert 3 <= checked.get("duration", 3) <= 15
    assert 0 <= checked.get("seed", 0) <= 2147483647
    assert checked.get("resolution", "720P") in ("720P", "1080P")
    assert set(checked) == {name for name, value in values.items() if value is not None}


# Prompts


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("horse", 5),
        ("马", 2),
        ("a马b", 4),
        ("𠀀", 2),
        ("，。！", 3),
        ("ひらがな", 4),
        ("한국", 2),
        ("é", 1),
        ("🐎", 1),
        ("\n", 1),
    ],
)
def test_a_chinese_character_weighs_two_and_any_other_one(text: str, weight: int) -> None:
    assert prompt_weight(text) == weight


def test_the_longest_prompts_that_are_sent_whole() -> None:
    for text in ("a" * 5000, "马" * 2500, "马" * 2000 + "a" * 1000):
        assert check_prompt(MODEL, text) == (text, "")


@pytest.mark.parametrize("text", ["a" * 5001, "马" * 2501, "马" * 2500 + "a"])
def test_a_prompt_the_server_would_cut_is_refused_with_where(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_prompt(MODEL, text)
    line = str(caught.value)
    assert f"prompt has {prompt_weight(text)} characters" in line
    assert "it takes at most 5000" in line
    assert "silently drop" in line
    assert "fit=True" in line
    assert "\n" not in line


def test_fit_cuts_a_prompt_and_says_where() -> None:
    text = "a" * 4990 + " the end is here and this is lost"
    kept, note = check_prompt(MODEL, text, fit=True)
    assert kept == text[:5000]
    assert f"{len(text) - 5000} characters dropped" in note
    assert " the end i”" in note


@pytest.mark.parametrize("text", [None, "", "  \n\t "])
def test_a_prompt_may_be_left_out(text: str | None) -> None:
    assert check_prompt(MODEL, text) == (None, "")


@pytest.mark.parametrize("odd", [5, 0, ["a"], [], b"a horse", True, 10**5000], ids=lambda odd: type(odd).__name__)
def test_what_is_no_text_is_no_prompt(odd: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is no text; .* at most 5000 characters\. Give a str") as caught:
        check_prompt(MODEL, odd)
    assert caught.value.param == "prompt"


def test_half_a_character_is_refused_before_it_breaks_something() -> None:
    with pytest.raises(InvalidRequest, match=r"half a character \(U\+D83D at position 7\)"):
        check_prompt(MODEL, "horse \ud83d")
    assert check_prompt(MODEL, "horse \U0001f40e")[0] == "horse 🐎"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("马草a")), st.integers(0, 60))
def test_a_fitted_prompt_is_the_longest_beginning_that_is_light_enough(text: str, maximum: int) -> None:
    kept, dropped = fit_prompt(text, maximum)
    assert kept + dropped == text
    assert prompt_weight(kept) <= maximum
    if dropped:
        assert prompt_weight(kept + dropped[0]) > maximum
    assert fit_prompt(kept, maximum) == (kept, "")


@given(st.text(), st.text())
def test_weights_add_up(one: str, other: str) -> None:
    assert prompt_weight(one + other) == prompt_weight(one) + prompt_weight(other)
    assert len(one) <= prompt_weight(one) <= 2 * len(one)


# What describes a job


def test_a_state_is_its_plain_word() -> None:
    words = "queued submitting pending processing downloading done cancelled refused failed expired unknown stopped"
    assert [str(status) for status in Status] == words.split()
    assert [f"{status}" for status in Status] == words.split()
    ends = ["done", "cancelled", "refused", "failed", "expired", "unknown", "stopped"]
    assert [str(s) for s in Status if s.ended] == ends
    assert all(status.ended is not status.running for status in Status)


def test_a_cost_says_whether_it_is_a_bill() -> None:
    assert str(Cost(Decimal("0.7"))) == "about $0.70"
    assert str(Cost(Decimal("0.7000"), billed=True)) == "$0.70"
    assert float(Cost(Decimal("0.7"))) == 0.7


def test_a_snapshot_keeps_what_the_server_leaves_out() -> None:
    known = Snapshot(
        status=Status.PENDING,
        id="a",
        prompt="p",
        took=3.0,
        cost=Cost(Decimal(1)),
        width=1280,
        height=720,
        expires_at=9.0,
        video_url="https://a.b/c",
        progress=Progress(0.5, 10, 10),
    )
    now = known.merged(Snapshot(status=Status.PROCESSING, said="rendering"))
    assert now == dataclasses.replace(known, status=Status.PROCESSING, said="rendering")
    billed = known.merged(Snapshot(status=Status.DOWNLOADING, cost=Cost(Decimal(2), billed=True), width=640))
    assert (billed.cost, billed.width, billed.height) == (Cost(Decimal(2), billed=True), 640, 720)


def test_a_snapshot_does_not_show_its_signed_link() -> None:
    snapshot = Snapshot(status=Status.DOWNLOADING, video_url="https://a.b/c?signature=5ecret")
    assert "5ecret" not in repr(snapshot)
    assert "5ecret" not in str(snapshot)


@pytest.mark.parametrize(
    ("task_id", "ours", "short"),
    [
        ("task-8f31c2aa99", "0123456789ab", "01234567"),
        (None, "0123456789ab", "01234567"),
        ("task-8f31c2aa99", "", "8f31c2aa"),
    ],
)
def test_a_job_is_named_by_one_id_from_first_to_last_and_a_task_alone_by_the_server_s(
    task_id: str | None, ours: str, short: str
) -> None:
    assert Snapshot(status=Status.PENDING, id=ours, task_id=task_id).short_id == short


def test_a_printed_snapshot_says_what_is_known_and_nothing_else() -> None:
    assert repr(Snapshot(status=Status.PENDING, task_id="task-1", model=DEFAULT_MODEL, params={"seed": 0})) == (
        f"Snapshot(status='pending', task_id='task-1', model='{DEFAULT_MODEL}', params={{'seed': 0}})"
    )
