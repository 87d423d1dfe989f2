"""What is removed from tables and gallery comes back; takes of a request stand together; jobs come in other orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from happyhorse_nb.models import Cost, Status
from happyhorse_nb.store import LISTED, ORDERS, Ledger
from store.rows import record


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path)
    yield found
    found.close()


def ids(ledger: Ledger, order: str = "newest") -> list[str]:
    """The jobs that are listed."""
    return [row.snapshot.id for row in ledger.newest(only=LISTED, order=order)]


def test_what_is_removed_is_not_listed_and_what_was_removed_last_comes_back_first(ledger: Ledger) -> None:
    for name in ("one", "two", "three", "four"):
        ledger.add(record(id=name), reuse=False)
    ledger.remove(["one"], now=100.0)
    ledger.remove(["two", "three"], now=200.0)
    ledger.forget("four")
    assert ids(ledger) == []
    assert [(name, row.removed) for name in ("one", "four") if (row := ledger.get(name))] == [
        ("one", True),
        ("four", False),
    ]
    last = [row.snapshot.id for row in ledger.removed_last()]
    assert sorted(last) == ["three", "two"]
    ledger.remove(last, now=None)
    assert ids(ledger) == ["three", "two"]
    assert [row.snapshot.id for row in ledger.removed_last()] == ["one"]
    assert len(ledger.costs()) == 4


def test_a_removed_job_is_not_bought_again(ledger: Ledger) -> None:
    ledger.add(record("same", id="one"), reuse=False)
    ledger.remove(["one"], now=100.0)
    equal = ledger.add(record("same", id="two"), reuse=True)
    assert equal is not None
    assert equal.snapshot.id == "one"


def test_jobs_that_differ_in_their_seeds_alone_stand_together_as_they_were_made(ledger: Ledger) -> None:
    # What such jobs have in common is their request.
    for number, name in enumerate(("a1", "b", "a2", "c", "a3", "d"), 1):
        ledger.add(record(name[0], id=name, created=number, params={"seed": number}), reuse=False)
    told = [(take.record.snapshot.id, take.number, take.of) for take in ledger.together(only=LISTED)]
    assert told == [("d", 1, 1), ("a1", 1, 3), ("a2", 2, 3), ("a3", 3, 3), ("c", 1, 1), ("b", 1, 1)]
    assert [take.record.snapshot.id for take in ledger.together(2, 2, only=LISTED)] == ["a2", "a3"]
    # Of what is forgotten nobody says that it was of one request.
    for name in ("a1", "a2"):
        ledger.forget(name)
    assert {take.of for take in ledger.together()} == {1}


def test_the_orders_in_which_jobs_can_be_had(ledger: Ledger) -> None:
    def add(name: str, cost: str, **changes: Any) -> None:
        ledger.add(record(id=name, cost=Cost(Decimal(cost)), **changes), reuse=False)

    add("first", "0.9", prompt="b", status=Status.DONE)
    add("second", "10.2", prompt="A", status=Status.PENDING)
    add("third", "99", prompt="c", status=Status.FAILED)
    ledger.star("first", on=True)
    told = {order: ids(ledger, order) for order in ORDERS}
    assert told == {
        "newest": ["third", "second", "first"],
        "oldest": ["first", "second", "third"],
        # What failed cost nothing; and amounts are no texts.
        "cost": ["second", "first", "third"],
        "prompt": ["second", "first", "third"],
        "state": ["first", "third", "second"],
        "starred": ["first", "third", "second"],
    }
    billed = replace(record(id="first").snapshot, status=Status.DONE, cost=Cost(Decimal(11), billed=True))
    ledger.update(billed)
    assert ids(ledger, "cost")[0] == "first"
