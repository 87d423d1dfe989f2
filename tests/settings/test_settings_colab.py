"""Colab keeps secrets of its own; they are asked for a key on the main thread, and only there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from happyhorse_nb.errors import MissingKey
from happyhorse_nb.settings import Account, current_account

USERDATA = """
class SecretNotFoundError(Exception): pass
class NotebookAccessError(Exception): pass
kept = {}
def get(name):
    if name not in kept:
        raise SecretNotFoundError(name)
    if kept[name] is None:
        raise NotebookAccessError(name)
    return kept[name]
"""


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str | None]]:
    """A package as Colab has it, as far as anybody can see from here."""
    package = tmp_path / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "userdata.py").write_text(USERDATA)
    monkeypatch.syspath_prepend(tmp_path)
    import google.colab.userdata

    yield google.colab.userdata.kept
    for name in [name for name in sys.modules if name == "google" or name.startswith("google.colab")]:
        del sys.modules[name]


def test_the_key_may_be_among_colabs_secrets(secrets: dict[str, str | None]) -> None:
    secrets["MODELLIX_API_KEY"] = "colab-key"
    account = current_account({})
    assert account.key.reveal() == "colab-key"
    assert account.source == "Colab's secrets (MODELLIX_API_KEY)"


def test_the_environment_comes_first(secrets: dict[str, str | None]) -> None:
    secrets["MODELLIX_API_KEY"] = "colab-key"
    assert current_account({"MODELLIX_API_KEY": "told"}).key.reveal() == "told"


@pytest.mark.parametrize("kept", [{}, {"MODELLIX_API_KEY": None}])
def test_a_secret_that_is_missing_or_withheld_is_no_key(
    secrets: dict[str, str | None], kept: dict[str, str | None]
) -> None:
    secrets.update(kept)
    with pytest.raises(MissingKey, match="no API key"):
        current_account({})


def test_a_front_end_that_does_not_answer_in_time_is_no_key(secrets: dict[str, str | None]) -> None:
    # As newer versions have it; those before know no such error.
    userdata: Any = sys.modules["google.colab.userdata"]

    class TimeoutException(Exception):
        pass

    def get(name: str) -> str:
        raise TimeoutException(name)

    userdata.TimeoutException, userdata.get = TimeoutException, get
    with pytest.raises(MissingKey, match="no API key"):
        current_account({})


def test_other_threads_do_not_ask(secrets: dict[str, str | None]) -> None:
    secrets["MODELLIX_API_KEY"] = "colab-key"
    found: list[Account | Exception] = []

    def ask() -> None:
        try:
            found.append(current_account({}))
        except MissingKey as problem:
            found.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert isinstance(found[0], MissingKey)
