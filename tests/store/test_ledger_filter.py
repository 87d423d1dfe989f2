"""The ledger answers for some of its jobs: filtered, counted, summed, and in pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from happyhorse_nb.models import Cost, Status
from happyhorse_nb.store import Filter, Ledger
from store.rows import record

NOW = 1_800_000_000.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path)
    for name, changes in (
        ("launch", {"prompt": "Der Räuber startet; 100 % Rauch", "status": Status.DONE, "created": NOW - 50}),
        ("coffee", {"prompt": "Steam rises", "status": Status.DONE, "path": Path("/videos/rocket/cup_1.mp4")}),
        (
            "cat",
            {"prompt": "猫が眠る", "status": Status.PROCESSING, "model": "happyhorse-1.1-i2v", "task_id": "task-77"},
        ),
        ("dog", {"prompt": "A dog runs", "status": Status.FAILED, "created": NOW - 86400}),
    ):
        known: dict[str, Any] = {"id": name, "created": NOW, **changes}
        row = record(**known)
        found.add(row, reuse=False)
    found.star("coffee", on=True)
    yield found
    found.close()


def ids(ledger: Ledger, **only: Any) -> set[str]:
    """The jobs that fit; they are counted and summed alike."""
    chosen = Filter(**only)
    found = {record.snapshot.id for record in ledger.newest(only=chosen)}
    assert ledger.count(chosen) == len(ledger.costs(chosen)) == len(found)
    return found


def test_a_job_has_to_fit_all_that_is_asked_for(ledger: Ledger) -> None:
    assert ids(ledger) == {"launch", "coffee", "cat", "dog"}
    assert ids(ledger, status=frozenset({Status.DONE})) == {"launch", "coffee"}
    assert ids(ledger, status=frozenset({Status.FAILED, Status.PROCESSING})) == {"cat", "dog"}
    assert ids(ledger, since=NOW - 60) == {"launch", "coffee", "cat"}
    assert ids(ledger, model="happyhorse-1.1-i2v") == {"cat"}
    assert ids(ledger, starred=True) == {"coffee"}
    assert ids(ledger, starred=False, status=frozenset({Status.DONE})) == {"launch"}
    assert ids(ledger, starred=True, status=frozenset({Status.FAILED})) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("räuber", {"launch"}),
        ("RÄUBER", {"launch"}),
        ("rauch startet", {"launch"}),
        ("rauch steam", set()),
        ("猫", {"cat"}),
        ("100 %", {"launch"}),
        ("%", {"launch"}),
        ("_", {"coffee"}),
        ("cup_1", {"coffee"}),
        ("task-77", {"cat"}),
        # The folder of a file says nothing about it.
        ("rocket", set()),
        ("'", set()),
        ("  ", {"launch", "coffee", "cat", "dog"}),
    ],
)
def test_text_is_looked_for_in_prompt_ids_and_file_name_letter_by_letter(
    ledger: Ledger, text: str, found: set[str]
) -> None:
    assert ids(ledger, text=text) == found


def test_a_star_survives_another_state_and_a_new_connection(ledger: Ledger) -> None:
    row = ledger.get("coffee")
    assert row is not None
    ledger.update(replace(row.snapshot, message="moved"))
    again = Ledger(ledger.folder)
    assert [r.snapshot.id for r in again.newest() if r.starred] == ["coffee"]
    again.star("coffee", on=False)
    again.close()
    assert not ledger.starred("coffee")


def test_pages_follow_each_other_newest_first(ledger: Ledger) -> None:
    pages = [[r.snapshot.id for r in ledger.newest(2, offset)] for offset in (0, 2, 4)]
    assert pages == [["cat", "coffee"], ["launch", "dog"], []]


def test_what_is_forgotten_can_be_left_out(ledger: Ledger) -> None:
    ledger.forget("dog", path=Path("/videos/.trash/dog.mp4"))
    assert ids(ledger, forgotten=False) == {"launch", "coffee", "cat"}
    [left] = ledger.newest(only=Filter(forgotten=True))
    assert (left.snapshot.path, left.snapshot.prompt) == (Path("/videos/.trash/dog.mp4"), "")


def test_sums_are_of_the_bill_where_there_is_one_and_to_the_cent(tmp_path: Path) -> None:
    folder = tmp_path / "sums"
    folder.mkdir()
    ledger = Ledger(folder)
    for number in range(30):
        row = record(id=f"job {number}", status=Status.DONE)
        ledger.add(row, reuse=False)
        if number < 20:
            ledger.update(replace(row.snapshot, cost=Cost(Decimal("0.1"), billed=True)))
    costs = [snapshot.cost for snapshot in ledger.costs()]
    assert sum((cost.amount for cost in costs if cost and cost.billed), Decimal(0)) == Decimal("2.0")
    assert sum((cost.amount for cost in costs if cost and not cost.billed), Decimal(0)) == Decimal("7.0")
    ledger.close()


@pytest.mark.parametrize("only", [{}, {"starred": True}, {"status": frozenset({Status.DONE}), "forgotten": False}])
def test_counts_sums_and_pages_never_look_behind_a_thumbnail(ledger: Ledger, only: dict[str, Any]) -> None:
    """A ledger of a thousand jobs holds ten megabytes of pictures: what is not shown is chosen by an index alone."""
    asked: list[str] = []
    ledger._reading.connection.set_trace_callback(asked.append)
    chosen = Filter(**only)
    ledger.count(chosen)
    ledger.costs(chosen)
    ledger.newest(24, 480, only=chosen)
    ledger._reading.connection.set_trace_callback(None)
    assert len(asked) == 3
    look = sqlite3.connect(ledger.path)
    for statement in asked:
        plan = [row[3] for row in look.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scans = [step for step in plan if step.startswith("SCAN")]
        assert scans
        assert all("USING COVERING INDEX" in step for step in scans), plan
    look.close()
