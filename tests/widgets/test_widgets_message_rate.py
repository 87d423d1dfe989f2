from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from happyhorse_nb.widgets.live import MessageRate
from happyhorse_nb.widgets.panel import Panel, PanelState


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_two_messages_in_any_second_and_no_more() -> None:
    clock = Clock()
    rate = MessageRate(clock)
    sent = []
    for step in range(400):
        clock.now = 100 + step / 100
        if rate.take():
            sent.append(clock.now)
    assert len(sent) == 8
    assert all(later - earlier >= 1 for earlier, later in zip(sent, sent[2:], strict=False))


def test_a_quiet_card_answers_at_once() -> None:
    clock = Clock()
    rate = MessageRate(clock)
    assert rate.take()
    clock.now += 60
    assert rate.take()
    assert rate.take()
    assert not rate.take()


def test_it_says_when_there_is_room_again() -> None:
    clock = Clock()
    rate = MessageRate(clock)
    assert rate.left() == 0
    assert rate.take()
    clock.now += 0.25
    assert rate.take()
    clock.now += 0.25
    assert rate.left() == 0.5
    clock.now += rate.left()
    assert rate.take()


class Later:
    """Calls at their time what a panel has put off."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.acts: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, act: Callable[[], None]) -> None:
        self.acts.append((self.clock.now + seconds, act))

    def go_on(self) -> None:
        while self.acts:
            self.clock.now, act = self.acts.pop(0)
            act()


def row_of(panel: Panel) -> Any:
    return panel.widget.children[0]


@pytest.mark.parametrize("quiet", [0.0, 0.3, 5.0])
def test_an_end_is_told_whole_and_still_in_two_messages_a_second(quiet: float) -> None:
    clock = Clock()
    later = Later(clock)
    first = PanelState(head="", live="0 s", said="Generating", stop="Stop watching")
    panel = Panel(first, on_stop=lambda: None, on_show=lambda: None, rate=MessageRate(clock), later=later)
    sent: list[float] = []
    row = row_of(panel)
    for widget in (row, *row.children):
        widget.observe(lambda _: sent.append(clock.now), ["value", "description", "children"])
    for second in range(5):
        clock.now += 0.5
        panel.tick(replace(first, live=f"{second} s"))
    clock.now += quiet
    panel.finish(PanelState(head="", live="9 s", said="Done", stop="Stop watching"), video=True)
    later.go_on()
    _, live, show, said = row.children
    assert (live.value, said.value, show.description) == ("9 s", "Done", "Show video")
    assert all(late - early >= 1 for early, late in zip(sent, sent[2:], strict=False))


def test_a_page_that_takes_nothing_any_more_harms_no_job() -> None:
    clock = Clock()
    later = Later(clock)
    look = PanelState(head="", live="0 s", said="Generating", stop="Stop watching")
    panel = Panel(look, on_stop=lambda: None, on_show=lambda: None, rate=MessageRate(clock), later=later)

    def gone(_: object) -> None:
        raise OSError("the page is gone")

    row_of(panel).children[1].observe(gone, "value")
    panel.finish(replace(look, live="9 s"), video=False)
    later.go_on()
