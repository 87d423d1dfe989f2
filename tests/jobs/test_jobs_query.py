"""The list of jobs: what may be asked of it in words, what it shows, and the DataFrame it becomes."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.api.catalog import GROUPS, query
from happyhorse_nb.engine import engine
from happyhorse_nb.job import Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.job.waiting import Waiting
from happyhorse_nb.models import Status
from store.rows import record

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("done", {Status.DONE}),
        (Status.DONE, {Status.DONE}),
        (["failed", "refused"], {Status.FAILED, Status.REFUSED}),
        ("Failed, refused", {Status.FAILED, Status.REFUSED}),
        ("running", {status for status in Status if status.running}),
        ("failures,done", {status for status in Status if status.ended}),
        ("all", set()),
        (None, set()),
    ],
)
def test_states_are_named_alone_together_or_as_a_group(given: Any, found: set[Status]) -> None:
    assert query(given).status == found


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("30min", NOW - 1800),
        ("12h", NOW - 43200),
        ("2 D", NOW - 172800),
        ("1.5h", NOW - 5400),
        (timedelta(hours=1), NOW - 3600),
        (NOW - 7, NOW - 7),
        (0, 0.0),
        (datetime.fromisoformat("2026-11-20T10:00:00+00:00"), 1795168800.0),
        ("2026-11-20T10:00:00+00:00", 1795168800.0),
        (date(2026, 11, 20), datetime(2026, 11, 20).timestamp()),  # noqa: DTZ001 - midnight where the user is
        ("2026-11-20", datetime(2026, 11, 20).timestamp()),  # noqa: DTZ001 - midnight where the user is
    ],
)
def test_since_is_a_span_a_date_or_an_instant(given: Any, instant: float) -> None:
    assert query(since=given, now=NOW).since == pytest.approx(instant)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"status": "ready"}, "there is no status 'ready'; there are queued, .*running"),
        ({"since": "yesterday"}, "since='yesterday' is no time. Give 30min"),
        ({"since": True}, "since='True' is no time"),
        ({"since": float("inf")}, "since='inf' is no time"),
        ({"since": "2026-13-01"}, "is no time"),
        ({"sort": "size"}, "there is no order 'size'; there are newest, oldest, cost,"),
        ({"removed": "yes"}, "removed='yes' is neither True nor False"),
        ({"model": "rocket-9"}, "there is no model 'rocket-9'; there are happyhorse-1.0-i2v"),
    ],
)
def test_what_cannot_be_asked_is_one_line_with_what_can(given: dict[str, Any], words: str) -> None:
    with pytest.raises(hh.InvalidRequest, match=words) as caught:
        hh.jobs(**given)
    assert "\n" not in str(caught.value)


@pytest.fixture
def some(home: Path) -> None:
    """Three jobs in this process's ledger."""
    run = engine()
    for name, changes in (
        ("launch", {"status": Status.DONE, "path": Path("/v/launch.mp4"), "took": 91.5, "ended": 1_700_000_100.0}),
        ("cat", {"status": Status.FAILED, "prompt": "A cat", "params": {"seed": 7}, "cost": None}),
        ("steam", {"status": Status.DONE, "prompt": "Steam", "sandbox": True}),
    ):
        known: dict[str, Any] = {"id": name, **changes}
        run.ledger.add(record(owner=None, **known), reuse=False)
    hh.find("cat").star()


@pytest.mark.usefixtures("some")
def test_the_list_and_its_sum_are_of_what_was_asked_for() -> None:
    assert [job.id for job in hh.jobs(status="done", text="rocket")] == ["launch"]
    assert [job.id for job in hh.jobs(starred=True)] == ["cat"]
    found = hh.jobs("done")
    assert (len(found), found[1].id, [job.id for job in found[:1]]) == (2, "launch", ["steam"])
    assert repr(hh.jobs(text="rocket")).splitlines()[-1] == (
        "1 job, about $0.70, not yet billed; spent: $0.00 today, $0.00 this month, $0.70 in all, not yet billed; "
        "$0.00 today, $0.00 this month, $0.70 in all, not yet billed, of play money"
    )
    assert "1 job, " in hh.jobs(text="rocket")._repr_html_()
    assert repr(hh.jobs(text="nothing like it")).startswith("No jobs match.\n")


@pytest.mark.usefixtures("some")
def test_the_list_comes_in_other_orders() -> None:
    assert [job.id for job in hh.jobs(sort="prompt")] == ["cat", "steam", "launch"]
    assert [job.id for job in hh.jobs(sort="oldest")[:2]] == ["launch", "cat"]
    assert hh.jobs(sort="Starred")[0].id == "cat"


@pytest.mark.usefixtures("some")
def test_a_job_that_is_found_twice_is_the_same_one() -> None:
    first, *others = hh.jobs()
    assert first in hh.jobs()
    assert hh.jobs().index(hh.find("launch")) == 2
    assert {first, *others, *hh.jobs()} == {*hh.jobs()}
    assert first not in others
    assert first != first.id


@pytest.mark.usefixtures("some")
def test_both_of_a_job_that_is_held_twice_are_shown_in_the_cell_that_waits() -> None:
    run = engine()
    row = record()
    heard: list[int] = []
    both = [Job(row, run) for _ in range(2)]
    for place, job in enumerate(both):
        job.subscribe(lambda _, place=place: heard.append(place))  # type: ignore[misc]  # mypy cannot type a default
    waiting = Waiting(both)
    waiting.begin()
    for job in both:
        state_of(job).publish(replace(row.snapshot, status=Status.PENDING))
    assert heard == []
    waiting.end()
    assert heard == [0, 1]


def test_what_they_take_is_seen_with_tab_and_help() -> None:
    assert list(inspect.signature(hh.jobs).parameters) == [
        *("status", "text", "since", "model", "starred", "removed", "sort")
    ]
    assert {"duration", "resolution", "seed"} <= set(inspect.signature(hh.form).parameters)


@pytest.mark.usefixtures("some")
def test_a_table_and_a_script_say_how_what_was_removed_comes_back() -> None:
    [gone] = hh.remove(hh.jobs()[0])
    assert "1 removed: hh.restore() undoes that" in repr(hh.jobs())
    assert 'hh.restore("JOB") brings one back' in repr(hh.jobs(removed=True))
    assert f"<code>%happyhorse remove {hh.jobs()[0].snapshot.short_id}</code>" in hh.jobs()._repr_html_()
    menu = hh.jobs(removed=True)._repr_html_()
    assert f"<code>%happyhorse restore {gone.snapshot.short_id}</code>" in menu
    assert "%happyhorse remove" not in menu
    assert hh.restore() == [gone]
    assert "removed" not in repr(hh.jobs())


@pytest.mark.usefixtures("some")
def test_a_gallery_in_a_terminal_lists_what_it_would_show() -> None:
    assert "No jobs match." not in repr(hh.gallery())
    assert repr(hh.gallery(starred=True, model="happyhorse-1.1-i2v")).startswith("No jobs match.\n")


@pytest.mark.usefixtures("some")
def test_a_frame_has_typed_columns() -> None:
    table = hh.jobs().to_frame().set_index("id")
    kinds = {name: str(kind) for name, kind in table.dtypes.items()}
    assert kinds["created"].startswith("datetime64[")
    assert kinds["created"].endswith(", UTC]")
    assert (kinds["cost"], kinds["took"], kinds["seed"], kinds["starred"]) == ("float64", "float64", "Int64", "bool")
    assert table.loc["launch", ["status", "cost", "took", "path"]].tolist() == ["done", 0.7, 91.5, "/v/launch.mp4"]
    assert table["duration"].tolist() == [5, 5, 5]
    assert table["seed"].isna().tolist() == [True, False, True]
    # What was never charged adds nothing to a sum.
    assert table["cost"].tolist()[1] == 0.0
    assert len(hh.jobs(text="nothing like it").to_frame()) == 0


@pytest.mark.usefixtures("some")
def test_without_pandas_it_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(hh.UsageError, match="pip install pandas"):
        hh.jobs().to_frame()


def test_groups_are_made_of_states() -> None:
    assert GROUPS["running"] | GROUPS["ended"] == set(Status)
    assert GROUPS["ended"] - GROUPS["failures"] == {Status.DONE}


@pytest.mark.parametrize(
    ("name", "value"),
    [("text", 5), ("text", b"x"), ("text", "\ud800"), ("text", "a b " * 600), ("status", 5), ("starred", "yes")],
)
def test_what_cannot_be_a_filter_is_said_to_be_none(name: str, value: object) -> None:
    with pytest.raises(hh.InvalidRequest) as refused:
        query(**{name: value})  # type: ignore[arg-type]  # what is tested
    assert refused.value.param == name
