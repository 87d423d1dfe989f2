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
    MODELS,
    REFERENCES,
    Cost,
    ImageLimits,
    Progress,
    Snapshot,
    Status,
    check_params,
    check_prompt,
    check_references,
    check_takes,
    find_model,
    fit_prompt,
    model_for,
    prompt_weight,
)

MODEL = MODELS["happyhorse-1.0-i2v"]


def refusal(**values: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check_params(MODEL, values)
    assert caught.value.param == next(iter(values))
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 250
    return line


def test_the_tables_are_those_of_the_reference() -> None:
    makers = [f"happyhorse-{version}-{kind}" for version in ("1.0", "1.1") for kind in ("i2v", "t2v", "r2v")]
    assert list(MODELS) == [*makers[:3], "happyhorse-1.0-video-edit", *makers[3:]]
    resolution = (False, None, None, ("720P", "1080P"), "1080P")
    ratio = (False, None, None, ("16:9", "9:16", "1:1", "4:3", "3:4"), "16:9")
    duration, seed = (False, 3, 15, (), 5), (False, 0, 2147483647, (), None)
    for model in MODELS.values():
        table = {p.sent_as: (p.required, p.minimum, p.maximum, p.choices, p.default) for p in model.params}
        prompt = ("i2v" not in model.id, None, 5000, (), None)
        assert table.pop("prompt") == prompt
        assert table.pop("resolution") == resolution
        assert table.pop("seed") == seed
        if "edit" in model.id:
            assert table == {"audio_setting": (False, None, None, ("auto", "origin"), "auto")}
        else:
            assert table == {"duration": duration} | ({} if "i2v" in model.id else {"ratio": ratio})
        assert all(p.help for p in model.params)
        prices = ("0.128", "0.229") if model.version == "1.0" else ("0.1242", "0.1597")
        assert tuple(str(model.prices[level]) for level in ("720P", "1080P")) == prices
    inputs = {
        model.id[15:]: [(r.wire, r.minimum, r.maximum, r.embedded) for r in model.inputs] for model in MODELS.values()
    }
    assert inputs == {
        "i2v": [("first_frame_image", 1, 1, True)],
        "t2v": [],
        "r2v": [("reference_images", 1, 9, False)],
        "video-edit": [("input_video_url", 1, 1, False), ("reference_images", 0, 5, False)],
    }
    [first] = MODEL.inputs
    assert first.image == ImageLimits(unlisted_bytes=20 * 1024 * 1024)
    assert (REFERENCES.image or ImageLimits()).min_side == 400


@pytest.mark.parametrize(
    ("given", "version", "model"),
    [
        ([], "1.0", "happyhorse-1.0-t2v"),
        ([], "1.1", "happyhorse-1.1-t2v"),
        (["image"], "1.0", "happyhorse-1.0-i2v"),
        (["references"], "1.1", "happyhorse-1.1-r2v"),
        (["video"], "1.0", "happyhorse-1.0-video-edit"),
        (["video", "references"], "1.1", "happyhorse-1.0-video-edit"),
    ],
)
def test_the_model_follows_from_the_inputs(given: list[str], version: str, model: str) -> None:
    assert model_for(given, version).id == model


@pytest.mark.parametrize("given", [["image", "references"], ["image", "video"]])
def test_inputs_that_no_model_takes_together_are_refused(given: list[str]) -> None:
    with pytest.raises(InvalidRequest, match=f"no model takes {given[0]} and {given[1]} together; .* Leave one"):
        model_for(given, "1.0")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(("name", "value"), [("resolution", "480p"), ("ratio", "21:9"), ("ratio", "4:5")])
def test_what_only_alibaba_has_is_sent_only_on_purpose(version: str, name: str, value: str) -> None:
    model = MODELS[f"happyhorse-{version}-t2v"]
    with pytest.raises(InvalidRequest, match=r"Alibaba's pages .* Modellix's do not have it; it takes .*unlisted"):
        check_params(model, {name: value})
    assert check_params(model, {name: value}, unlisted=True) == {name: value.upper()}


@pytest.mark.parametrize("prompt", ["character1 meets character2", "[Image 2] walks", "Character 1 waves", "[image 1]"])
def test_references_that_are_given_may_be_named(prompt: str) -> None:
    assert check_references(prompt, 2) == ""


@pytest.mark.parametrize("prompt", ["character3 waves", "[Image 3]", "character0", "character1 and character 12"])
def test_a_reference_that_is_not_given_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match=r"the prompt names .*; 2 given: character1 to character2. Add it"):
        check_references(prompt, 2)


def test_references_that_are_not_named_are_remarked_upon() -> None:
    assert "names none of the references" in check_references("A knight crosses the bridge", 1)
    assert check_references("A knight crosses the bridge", 0) == ""


@pytest.mark.parametrize(
    ("model", "duration", "footage", "seconds"),
    [
        ("happyhorse-1.0-t2v", None, None, 5),
        ("happyhorse-1.0-i2v", 8, None, 8),
        ("happyhorse-1.0-video-edit", None, 5.125, 10),
        ("happyhorse-1.0-video-edit", None, 20.0, 35),
        # The most there may be, where nobody knows.
        ("happyhorse-1.0-video-edit", None, None, 75),
    ],
)
def test_an_edit_is_billed_for_input_and_output(
    model: str, duration: int | None, footage: float | None, seconds: int
) -> None:
    assert MODELS[model].seconds_billed(duration, footage) == seconds


def test_a_prompt_may_be_required() -> None:
    with pytest.raises(InvalidRequest, match=r"prompt is empty; happyhorse-1\.0-t2v needs one"):
        check_prompt(MODELS["happyhorse-1.0-t2v"], "  \n")


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


@pytest.mark.parametrize("value", ["360P", 720, "", "4K", ["720P"]])
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
    assert f"the models are {', '.join(MODELS)}" in str(caught.value)
    assert find_model("happyhorse-1.1-i2v").slug == "alibaba/happyhorse-1.1-i2v"


@pytest.mark.parametrize("odd", [["a"], {}, 5, b"happyhorse-1.0-i2v", "x" * 999, "a\nb"], ids=repr)
def test_what_names_no_model_is_refused_in_one_line(odd: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is not known; the models are .* Use one of them") as caught:
        find_model(odd)
    assert caught.value.param == "model"
    assert len(str(caught.value)) < 300
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
    assert repr(Snapshot(status=Status.PENDING, task_id="task-1", model="happyhorse-1.0-i2v", params={"seed": 0})) == (
        "Snapshot(status='pending', task_id='task-1', model='happyhorse-1.0-i2v', params={'seed': 0})"
    )
