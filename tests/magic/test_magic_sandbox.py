"""To the embedded server and back: what is in use then is what was before, and what is said of it is true."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.api.account import report
from happyhorse_nb.magic.account import switch
from happyhorse_nb.magic.commands import COMMANDS
from happyhorse_nb.settings import account_of, current_account, process, use


def asked(line: str = "") -> Namespace:
    """What the user's line is read as."""
    return COMMANDS["sandbox"].parser.read(line)


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    """The account of this process is put back, and no sandbox outlives its test."""
    before = process.get("account")
    yield
    if process.get("sandbox") is not None:
        switch(asked("--off"))
    use(before)


def test_doctor_speaks_of_play_money_and_of_no_key_that_nobody_asked_for() -> None:
    switch(asked("--balance 12"))
    told = "\n".join(report())
    assert "key          none is needed" in told
    assert "answer       the balance is $12.00 of play money" in told


def test_off_says_what_is_used_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELLIX_API_KEY", "key")
    assert "This kernel now uses the sandbox at http://127.0.0.1:" in switch(asked())
    said = switch(asked("--off"))
    assert said == (
        "The sandbox of this kernel is off. Now videos are made by https://api.modellix.ai and cost money, "
        "with the key from the environment (MODELLIX_API_KEY)."
    )
    # As JupyterLab is given it where there is no key: another sandbox, which goes on.
    monkeypatch.setenv("MODELLIX_BASE_URL", "http://127.0.0.1:9")
    switch(asked())
    said = switch(asked("--off"))
    assert "http://127.0.0.1:9 on this machine renders the videos, free of charge" in said
    assert "free of charge" in switch(asked("--off"))


def test_what_trouble_was_asked_for_is_said_in_a_line() -> None:
    said = switch(asked("--fail 'prompt violates the policy' --accept-delay 5 --max-concurrent 1")).splitlines()
    assert said[1] == (
        "As you asked: the next task will fail: prompt violates the policy (and so will all after it); a submit is "
        "answered after 5 s; beyond 1 at once tasks are refused (429)."
    )
    assert len(said) == 3
    assert len(switch(asked()).splitlines()) == 2
    endless = switch(asked("--fail '" + "a\n" * 999 + "'")).splitlines()
    assert len(endless) == 3
    assert len(endless[1]) < 330
    assert "each task whose prompt contains 'dog' will fail: the prompt contains 'dog'" in switch(
        asked("--fail-word dog")
    )


def test_off_without_a_key_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    switch(asked())
    # An origin for which no keyring has a key.
    monkeypatch.setenv("MODELLIX_BASE_URL", "https://nobody.example.com")
    said = switch(asked("--off"))
    assert said.startswith("The sandbox of this kernel is off. No API key. Give it in one of three ways")


def test_a_key_kept_for_this_kernel_is_there_again_afterwards() -> None:
    use(account_of("typed", source="this kernel"))
    switch(asked())
    # Started again with other options, it is still the key before it that is kept.
    switch(asked("--seconds 1"))
    assert current_account().sandbox
    assert "with the key from this kernel" in switch(asked("--off"))
    assert current_account().key.reveal() == "typed"


def test_a_key_typed_while_the_sandbox_is_in_use_is_not_lost() -> None:
    switch(asked())
    use(account_of("typed", source="this kernel"))
    switch(asked("--off"))
    assert current_account().key.reveal() == "typed"


@pytest.mark.parametrize(
    ("origin", "words"),
    [("http://127.0.0.1:9", "free of charge."), ("https://api.modellix.ai", "and cost money.")],
)
def test_only_what_costs_money_is_said_to(origin: str, words: str) -> None:
    use(account_of("some-key", origin, source="this kernel"))
    said = switch(asked("--if-no-key"))
    assert said.startswith("The key from this kernel is used: ")
    assert said.endswith(words)


def test_python_turns_it_on_and_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELLIX_API_KEY", "key")
    hh.use_sandbox(seconds=1)
    assert current_account().realm == "sandbox"
    assert hh.balance() == 1000
    hh.use_sandbox(on=False)
    assert not current_account().sandbox
    # Off is off.
    hh.use_sandbox(False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sceonds": 1}, "hh.use_sandbox has no option 'sceonds'; the options are seconds, accept_delay, "),
        ({"seconds": "many"}, "a value of a wrong type"),
        ({"seconds": -1}, "seconds -1 cannot be"),
        ({"max_concurrent": 0}, "give 1 or more"),
    ],
)
def test_an_option_that_cannot_be_starts_nothing(options: dict[str, Any], words: str) -> None:
    with pytest.raises(hh.HappyHorseError, match=re.escape(words)):
        hh.use_sandbox(**options)
    assert process.get("sandbox") is None
