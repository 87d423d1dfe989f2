"""Several takes as one card, and their comparison at the end."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from happyhorse_nb.models import Cost, Progress, Status
from happyhorse_nb.widgets.card import Card, show
from happyhorse_nb.widgets.output import WIDGET_VIEW
from widgets.fakes import FakeJob, FakeOutputs, running


class Take(FakeJob):
    def __init__(self, number: int) -> None:
        super().__init__(
            running(
                id=f"{number:08x}c0de", task_id=f"task-{number}", params={"seed": 10 + number, "resolution": "720P"}
            )
        )
        self.starred = False

    def star(self, on: bool = True) -> None:
        self.starred = on


@pytest.fixture
def takes() -> list[Any]:
    return [Take(number) for number in range(3)]


@pytest.fixture
def outputs() -> FakeOutputs:
    return FakeOutputs()


@pytest.fixture
def video(tmp_path: Path, small_mp4: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "clip.mp4"
    path.write_bytes(small_mp4)
    return path


def panel(outputs: FakeOutputs) -> Any:
    [first] = [bundle for _, number, bundle in outputs.events if WIDGET_VIEW in bundle and number == 0]
    registry = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    return registry[first[WIDGET_VIEW]["model_id"]].children[0]


def text(outputs: FakeOutputs) -> str:
    return " ".join(widget.value for widget in panel(outputs).children if isinstance(widget, ipywidgets.HTML))


def button(outputs: FakeOutputs) -> Any:
    [found] = [widget for widget in panel(outputs).children if isinstance(widget, ipywidgets.Button)]
    return found


def test_what_all_cost_stands_first_and_each_has_a_row(outputs: FakeOutputs, takes: list[Any]) -> None:
    takes[2].to(status=Status.QUEUED, position=1, task_id=None)
    show(takes, embed_limit=15, outputs=outputs)
    shown = text(outputs)
    assert "3 takes, about $2.10 in all" in shown
    assert "2 generating, 1 queued" in shown
    for seed in ("seed 10", "seed 11", "seed 12"):
        assert seed in shown
    assert shown.count("progressbar") == 3
    lines = outputs.outputs[0].bundle["text/plain"].splitlines()
    assert lines[0] == "3 takes, about $2.10 in all: 2 generating, 1 queued"
    assert len(lines) == 4
    assert "%happyhorse compare 00000000 00000001 00000002" in outputs.shown[1]


def test_one_button_stops_all_that_run(outputs: FakeOutputs, takes: list[Any], video: Path) -> None:
    takes[0].done(video)
    show(takes, embed_limit=15, outputs=outputs)
    assert button(outputs).description == "Stop watching"
    button(outputs).click()
    assert [take.stopped for take in takes] == [0, 1, 1]


def test_the_page_is_told_at_most_twice_a_second_of_all_of_them(outputs: FakeOutputs, takes: list[Any]) -> None:
    start = time.monotonic()
    show(takes, embed_limit=15, outputs=outputs)
    sent: list[str] = []
    for widget in panel(outputs).children:
        widget.observe(lambda change: sent.append(change.name), ["value", "description"])
    for tick in range(50):
        for take in takes:
            take.to(progress=Progress(fraction=tick / 100, elapsed=tick, left=50))
    # In the time that it really took; on a clock of its own it is tested with the rate.
    assert len(sent) <= 2 * (1 + time.monotonic() - start)


def test_the_last_end_brings_the_comparison_of_those_that_are_done(
    outputs: FakeOutputs, takes: list[Any], video: Path
) -> None:
    show(takes, embed_limit=15, outputs=outputs)
    takes[0].done(video)
    takes[1].to(status=Status.FAILED, message="no luck", cost=Cost(Decimal("0.70")))
    assert WIDGET_VIEW in outputs.outputs[0].bundle
    arranged = threading.Event()
    panel(outputs).observe(lambda _: arranged.set(), "children")
    takes[2].done(video)
    card, below = outputs.shown[:2]
    assert WIDGET_VIEW not in outputs.outputs[0].bundle
    assert "$1.40 in all" in card
    assert "2 done, 1 failed" in card
    assert "no luck" in card
    assert below.count("<video") == 2
    assert "seed 12" in below
    assert "seed 11" not in below
    # A page that was loaded again meanwhile is told a second later, if it has just been told of the others.
    assert arranged.wait(60)
    assert button(outputs).description == "Show videos"
    assert not any(take.listeners for take in takes)


def test_of_one_that_is_done_the_plain_video_is_shown_and_of_none_nothing(takes: list[Any], video: Path) -> None:
    for done in (1, 0):
        outputs = FakeOutputs()
        some: list[Any] = [Take(number) for number in range(2)]
        show(some, embed_limit=15, outputs=outputs)
        for number, take in enumerate(some):
            take.done(video) if number < done else take.to(status=Status.FAILED)
        assert outputs.shown[1].count("<video") == done
        assert "hh-cmp" not in outputs.shown[1]
        again = FakeOutputs()
        show(some, embed_limit=15, outputs=again)
        assert [what for what, _, _ in again.events] == ["put"] * (1 + done)
    assert "not charged" in outputs.shown[0]


def test_takes_that_have_ended_are_shown_without_a_panel(outputs: FakeOutputs, takes: list[Any], video: Path) -> None:
    for take in takes:
        take.done(video)
        take.to(reused=True)
    show(takes, embed_limit=15, outputs=outputs)
    card, below = outputs.shown[:2]
    assert "3 takes, made before, nothing now" in card
    assert "new ones:" in card
    assert below.count("<video") == 3
    assert [what for what, _, _ in outputs.events] == ["put", "put"]


def test_the_buttons_come_with_the_comparison_and_keep_one_of_those_done(
    outputs: FakeOutputs, takes: list[Any], video: Path
) -> None:
    Card(takes, embed_limit=15, outputs=outputs, buttons=True).open()
    assert outputs.shown[2] == ""
    takes[0].to(status=Status.FAILED)
    takes[1].done(video)
    takes[2].done(video)
    registry = getattr(ipywidgets.widgets.widget, "_instances", None) or ipywidgets.Widget.widgets
    row = registry[outputs.outputs[2].bundle[WIDGET_VIEW]["model_id"]]
    assert [b.description for b in row.children[:-1]] == ["Keep A", "Keep B"]
    row.children[1].click()
    assert [take.starred for take in takes] == [False, False, True]
    assert "Kept B" in outputs.shown[2]
