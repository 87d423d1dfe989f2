"""Every line of SECURITY.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (CHECKOUT / "SECURITY.md").read_text("utf-8"))


def test_something_is_named() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_named_test_exists(file: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (CHECKOUT / file).read_text("utf-8"), re.MULTILINE)


def test_every_promise_names_one() -> None:
    promises, _, _ = (CHECKOUT / "SECURITY.md").read_text("utf-8").partition("## What is not promised")
    for promise in re.split(r"^- ", promises, flags=re.MULTILINE)[1:]:
        assert "::test_" in promise, promise
