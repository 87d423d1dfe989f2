"""The line magic's commands: one table, from which help, completion and parsing are made."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from happyhorse_nb.errors import HappyHorseError, InvalidRequest, UsageError
from happyhorse_nb.magic.commands import COMMANDS, EXAMPLES, help_text
from happyhorse_nb.magic.extension import run_cell, run_line
from happyhorse_nb.magic.options import cell_parser
from happyhorse_nb.sandbox import SandboxOptions

OF_THIS_ISSUE = {"generate", "jobs", "show", "wait", "stop", "doctor", "sandbox", "help"}


@pytest.fixture
def shell() -> Any:
    """What a magic needs of IPython's shell."""
    return SimpleNamespace(user_ns={})


def test_the_commands_a_user_is_promised_are_there() -> None:
    assert set(COMMANDS) >= OF_THIS_ISSUE
    for name, command in COMMANDS.items():
        assert command.name == name
        assert command.summary


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(shell: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for asked in ("-h", "--help"):
        run_line(shell, f"{name} {asked}")
        told = capsys.readouterr().out
        assert told.startswith(f"usage: %happyhorse {name}")
        assert "--help" in told


@pytest.mark.parametrize("line", ["", "  ", "-h", "--help", "help"])
def test_help_shows_the_cell_its_options_and_all_commands(
    shell: Any, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_line(shell, line)
    told = capsys.readouterr().out
    assert told.strip() == help_text().strip()
    for command in COMMANDS.values():
        assert f"  {command.name} " in told
        assert command.summary in told
    for option in cell_parser().options:
        assert option in told
    assert "%config HappyHorse" in told


def test_the_examples_in_the_help_are_read_as_they_stand() -> None:
    assert all(line in help_text() for line in EXAMPLES)
    for line in EXAMPLES:
        magic, _, rest = line.partition(" ")
        if magic == "%%happyhorse":
            cell_parser().read(rest)
        elif magic == "%happyhorse":
            name, _, rest = rest.partition(" ")
            COMMANDS[name].parser.read(rest)


def test_a_cell_s_help_is_the_same(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run_cell(shell, "-h", "a prompt that is not sent")
    assert capsys.readouterr().out.strip() == help_text().strip()


@pytest.mark.parametrize("line", ["shwo 8f31", "Jobs", "rocket.jpg", "x" * 999, "--seed 7"])
def test_a_command_there_is_not_is_refused_with_those_there_are(shell: Any, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_line(shell, line)
    told = str(caught.value)
    assert told.startswith("there is no command ")
    for name in OF_THIS_ISSUE:
        assert name in told
    assert "\n" not in told
    assert len(told) < 250


@pytest.mark.parametrize(
    ("typed", "command"),
    [("job", "jobs"), ("shwo", "show"), ("gal", "gallery"), ("Jobs", "jobs"), ("forgot", "forget")],
)
def test_a_command_that_is_nearly_one_is_answered_with_it(shell: Any, typed: str, command: str) -> None:
    with pytest.raises(UsageError, match=f"; the commands are .*\\. Did you mean %happyhorse {command}\\?"):
        run_line(shell, f"{typed} 8f31")


@pytest.mark.parametrize("typed", ["cancel", "ls", "--seed", "x" * 999])
def test_a_command_that_is_none_is_not_guessed_at(shell: Any, typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_line(shell, typed)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("show", "required: JOB"),
        ("stop", "required: JOB"),
        ("show a b", "'b' is one word too many"),
        ("wait --timeout soon", "invalid float value: 'soon'"),
        ("jobs extra", "'extra' is one word too many"),
        ("sandbox --sceonds 3", "Did you mean --seconds?"),
        ("show\t'8f31", "a quote is not closed"),
    ],
)
def test_a_command_written_wrongly_says_how_it_is_written(shell: Any, line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_line(shell, line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["1st", "my job", "class", "None", "a-b", ""])
def test_a_name_that_cannot_be_a_variable_is_refused_before_anything_is_sent(shell: Any, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a variable"):
        run_cell(shell, f"rocket.jpg --name '{name}'", "a prompt")
    assert shell.user_ns == {}


def test_the_sandbox_s_options_are_its_own_ones() -> None:
    parser = COMMANDS["sandbox"].parser
    args = parser.read("--seconds 3 --fail-word storm")
    assert SandboxOptions.from_arguments(args) == SandboxOptions(seconds=3, fail_word="storm")
    assert {"--if-no-key", "--off"} <= set(parser.options)


def test_an_expected_error_is_one_line_in_a_notebook() -> None:
    # IPython asks an exception for its traceback in this way.
    render: Callable[[], list[str]] = UsageError("there is no option --x")._render_traceback_
    assert render() == ["UsageError: there is no option --x"]
    assert issubclass(UsageError, HappyHorseError)


@pytest.mark.parametrize("takes", ["0", "5", "many"])
def test_how_many_takes_there_can_be_is_said_before_the_image_is_looked_at(shell: Any, takes: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 4 at a time"):
        run_cell(shell, f"no-such-file.jpg --takes {takes}", "a prompt")
