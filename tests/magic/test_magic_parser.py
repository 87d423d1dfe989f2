"""How a line of ours is read: quotes, options from the one table, and errors in one line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.errors import UsageError
from happyhorse_nb.magic.options import cell_parser, params_of, split, takes_of
from happyhorse_nb.models import MODELS

OPTIONS = {p.name: p for model in MODELS.values() for p in model.options}


def refusal(line: str) -> str:
    with pytest.raises(UsageError) as caught:
        cell_parser().read(line)
    told = str(caught.value)
    assert "\n" not in told
    assert told.endswith(" %happyhorse -h shows how.") or "quote" in told
    return told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("rocket.jpg --seed 7", ["rocket.jpg", "--seed", "7"]),
        ("'my rocket.jpg' --seed 7", ["my rocket.jpg", "--seed", "7"]),
        ('"it\'s mine.jpg"', ["it's mine.jpg"]),
        (r"C:\Users\me\rocket.jpg", [r"C:\Users\me\rocket.jpg"]),
        (r'"C:\My Pictures\new rocket.jpg"', [r"C:\My Pictures\new rocket.jpg"]),
        ("a#b.jpg # no comment", ["a#b.jpg", "#", "no", "comment"]),
        ("--save='a b.mp4'", ["--save=a b.mp4"]),
        ("https://a.b/c.jpg?d=e&f=(g);h", ["https://a.b/c.jpg?d=e&f=(g);h"]),
        ("'' x", ["", "x"]),
        ("图片.jpg\t--fit", ["图片.jpg", "--fit"]),
    ],
)
def test_the_words_of_a_line(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_a_quote_that_is_not_closed_is_said() -> None:
    assert "a quote is not closed" in refusal("don't.jpg --seed 7")


@given(st.text())
def test_any_line_has_words_or_is_refused(line: str) -> None:
    try:
        words = split(line)
    except UsageError:
        assert "'" in line or '"' in line
        return
    if not set(line) & set("'\""):
        # Only plain blanks part words: a file's name may hold any other.
        assert words == [word for word in re.split("[ \t\r\n]+", line) if word]


@given(st.lists(st.text(min_size=1), max_size=6))
def test_what_is_quoted_comes_back_whole(words: list[str]) -> None:
    plain = [word.replace('"', "") for word in words]
    assert split(" ".join(f'"{word}"' for word in plain)) == plain


def test_every_option_of_the_models_is_one_of_the_cell() -> None:
    parser = cell_parser()
    for name, param in OPTIONS.items():
        assert f"--{name}" in parser.options
        assert parser.takes_value(f"--{name}")
        # What is offered where any number is good: the one that holds without it.
        default = [] if param.default is None else [str(param.default)]
        assert parser.choices_of(f"--{name}") == (list(param.choices) or default)
    assert parser.choices_of("--model") == list(MODELS)
    ours = ["--help", "--model", *(f"--{name}" for name in OPTIONS)]
    assert set(parser.options) == {
        *ours,
        "--ref",
        "--edit",
        "--unlisted",
        "--takes",
        "--name",
        "--wait",
        "--no-wait",
        "--save",
        "--again",
        "--yes",
        "--fit",
    }


def test_a_cell_with_everything() -> None:
    args = cell_parser().read(
        "rocket.jpg --model happyhorse-1.1-i2v --duration 5 --resolution 720P --seed=7 --name launch --no-wait "
        "--save 'a b.mp4' --again --fit"
    )
    assert (args.image, args.model, args.name, args.save) == ("rocket.jpg", "happyhorse-1.1-i2v", "launch", "a b.mp4")
    assert (args.wait, args.again, args.fit, args.help) == (False, True, True, False)
    assert params_of(args) == {"duration": 5, "resolution": "720P", "seed": 7}


def test_a_cell_with_nothing_leaves_all_to_the_settings() -> None:
    args = cell_parser().read("rocket.jpg")
    assert params_of(args) == {}
    assert (args.model, args.name, args.save, args.wait) == (None, None, None, None)
    assert (args.again, args.fit) == (False, False)


@pytest.mark.parametrize("line", ["--seed 7 rocket.jpg", "rocket.jpg --seed 7", "--fit rocket.jpg --seed=7"])
def test_options_stand_anywhere(line: str) -> None:
    args = cell_parser().read(line)
    assert args.image == "rocket.jpg"
    assert params_of(args) == {"seed": 7}


def test_what_is_no_number_is_left_for_the_check_that_knows_the_limits() -> None:
    args = cell_parser().read("rocket.jpg --duration soon --seed -5")
    assert params_of(args) == {"duration": "soon", "seed": -5}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rocket.jpg --durration 5", "there is no option --durration; the options are --help, "),
        ("rocket.jpg --durration=5", "Did you mean --duration? %happyhorse -h shows how."),
        ("rocket.jpg --dur 5", "there is no option --dur"),
        ("rocket.jpg --dur 5", "Did you mean --duration?"),
        ("rocket.jpg --sede 5", "Did you mean --seed?"),
        # What only shares letters with an option was not meant.
        ("rocket.jpg --fps 24", "there is no option --fps; the options are --help, "),
        ("rocket.jpg --notion 24", "there is no option --notion; the options are --help, "),
        ("rocket.jpg --zzz", "there is no option --zzz; the options are --help, "),
        ("my rocket.jpg", "'rocket.jpg' is one word too many; quote what has spaces in it"),
        ("rocket.jpg --seed", "argument --seed: expected one argument"),
        ("rocket.jpg --fit=yes", "argument --fit: ignored explicit argument 'yes'"),
        ("rocket.jpg " + "x" * 999, "xxx…' is one word too many"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(line: str, words: str) -> None:
    told = refusal(line)
    assert words in told
    assert len(told) < 300


@pytest.mark.parametrize("line", ["-h", "--help", "rocket.jpg -h", "--nonsense -h"])
def test_help_is_help_whatever_else_is_there(line: str) -> None:
    assert cell_parser().read(line).help is True


def test_help_says_every_option_with_its_limits() -> None:
    told = cell_parser().format_help()
    for name, param in OPTIONS.items():
        assert f"--{name}" in told
        for limit in (param.minimum, param.maximum, *param.choices, param.default):
            if limit is not None:
                assert str(limit) in told
    for word in (
        "IMAGE",
        "--name VAR",
        "--no-wait",
        "--save PATH",
        "--again",
        "--fit",
        "--ref IMAGE",
        "--edit JOB|URL",
    ):
        assert word in told


@given(st.lists(st.sampled_from([*(f"--{n}" for n in OPTIONS), "--fit", "--wait", "a.jpg", "5", "-1", "=", "--", "-"])))
def test_any_words_are_read_or_refused_and_nothing_is_printed(words: list[str]) -> None:
    try:
        args: Any = cell_parser().read(" ".join(words))
    except UsageError as problem:
        told = str(problem)
    else:
        told = ""
        assert set(params_of(args)) <= set(OPTIONS)
    assert "\n" not in told


def test_takes_are_an_option_that_no_server_knows() -> None:
    parser = cell_parser()
    assert takes_of(parser.read("rocket.jpg --takes 4")) == 4
    assert takes_of(parser.read("rocket.jpg --takes=many")) == "many"
    assert takes_of(parser.read("rocket.jpg")) is None
    assert "takes" not in params_of(parser.read("rocket.jpg --takes 4"))
    assert "(1 to 4, default 1)" in parser.format_help()
    assert parser.choices_of("--takes") == ["1", "2", "3", "4"]
