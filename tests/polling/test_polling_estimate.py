"""How long a task is expected to take, and how far its bar is."""

from __future__ import annotations

import math
import random
from statistics import quantiles
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from happyhorse_nb.models import Progress
from happyhorse_nb.polling import TYPICAL, TYPICAL_SANDBOX, State, deadline, forecast, progress, typical

HISTORIES = st.lists(st.floats(0.5, 2000), max_size=60)
TYPICALS = st.sampled_from([TYPICAL, TYPICAL_SANDBOX])
AGES = st.floats(0, 1e9)


def test_history_moves_the_estimate() -> None:
    assert forecast([]).median == pytest.approx(TYPICAL, rel=0.02)
    assert forecast([], typical=TYPICAL_SANDBOX).median == pytest.approx(TYPICAL_SANDBOX, rel=0.02)
    assert 60 < forecast([60.0]).median < TYPICAL
    assert forecast([60.0] * 20).median == pytest.approx(60, rel=0.05)
    assert forecast([0.0, -5.0]).median == forecast([]).median, "what cannot be is left out"


@pytest.mark.parametrize(
    ("params", "seconds"),
    [
        # Modellix's documents: 5 s take 1 to 5 minutes. Alibaba's: 15 s in 1080P take 12 to 14.
        ({"duration": 5, "resolution": "720P"}, 120),
        ({"duration": 5}, 260),
        ({"duration": 15, "resolution": "1080P"}, 780),
    ],
)
def test_without_a_history_a_longer_and_larger_video_is_expected_later(params: dict[str, Any], seconds: float) -> None:
    assert typical(params, sandbox=False) == seconds
    assert typical(params, sandbox=True) == TYPICAL_SANDBOX


def test_a_task_is_watched_long_enough_for_the_slowest() -> None:
    assert deadline(forecast([], typical=TYPICAL_SANDBOX)) == 1800
    assert deadline(forecast([], typical=780)) == pytest.approx(4 * 780, rel=0.05)


def test_the_more_is_known_the_narrower_the_estimate() -> None:
    def width(count: int) -> float:
        estimate = forecast([120.0, 110.0, 130.0] * count)
        return (estimate.left(0) + estimate.left(estimate.left(0))) / estimate.left(0)

    assert width(10) < width(2) < width(1) < width(0)


@given(HISTORIES, TYPICALS, AGES, st.floats(0, 1e4))
@example([154.25], 120.0, 560541210.6370242, 1.192092896e-07)
def test_an_estimate_holds_at_any_age(history: list[float], typical: float, age: float, gap: float) -> None:
    estimate = forecast(history, typical=typical)
    assert 0 <= estimate.hazard(age) < 1e9
    wait, ends = estimate.at(age).unseen(gap)
    assert 0 <= ends <= 1
    assert 0 <= wait <= gap
    assert 0 < estimate.left(age) < math.inf


@given(HISTORIES, st.floats(1, 400), st.floats(0.1, 30))
def test_its_parts_agree(history: list[float], age: float, gap: float) -> None:
    estimate = forecast(history)
    steps = 400
    width = gap / steps
    middles = [(step + 0.5) * width for step in range(steps)]
    ended = sum(estimate.hazard(age + at) * estimate.alive(age + at) * width for at in middles) / estimate.alive(age)
    wait, ends = estimate.at(age).unseen(gap)
    assert ends == pytest.approx(ended, rel=0.02, abs=1e-9)
    waited = sum(estimate.at(age).unseen(at)[1] * width for at in middles)
    assert wait == pytest.approx(waited, rel=0.02, abs=1e-9)


@pytest.mark.parametrize(("sigma", "known"), [(0.45, 0), (0.25, 5), (0.2, 20), (0.3, 20)])
def test_what_a_card_says_is_left_is_neither_too_long_nor_too_short(sigma: float, known: int) -> None:
    chance = random.Random(7)
    for share in (0.0, 0.3, 0.6, 1.0):
        ratios = []
        for _ in range(300):
            # Each kind of task has a median of its own; without history it is the typical one.
            median = chance.lognormvariate(math.log(TYPICAL), 0.3 if known else 0)
            estimate = forecast([chance.lognormvariate(math.log(median), sigma) for _ in range(known)])
            times = [chance.lognormvariate(math.log(median), sigma) for _ in range(8)]
            age = share * median
            left = progress(estimate, State(age)).left
            assert left is not None
            ratios += [(time - age) / left for time in times if time > age]
        # About as many take longer as take less, however old the task is; and half of all are within a factor of 3.
        low, middle, high = quantiles(ratios)
        assert 0.75 < middle < 1.33, share
        assert 1 / 3 < low < high < 3, share


@given(HISTORIES, TYPICALS, st.lists(st.tuples(st.floats(0.05, 120), st.booleans()), min_size=1, max_size=60))
def test_a_bar_is_never_full_never_stands_still_and_never_goes_back(
    history: list[float], typical: float, steps: list[tuple[float, bool]]
) -> None:
    estimate, age, queued, before = forecast(history, typical=typical), 0.0, 0.0, Progress()
    for step, pending in steps:
        age += step
        queued = age if pending else queued
        now = progress(estimate, State(age, queued, pending), before=before)
        assert before.fraction < now.fraction < 1
        assert now.elapsed == age
        assert now.left is None or now.left >= 0.5
        before = now


@given(HISTORIES, TYPICALS, st.lists(st.tuples(st.floats(0.05, 120), st.booleans()), min_size=1, max_size=60))
@example([], TYPICAL_SANDBOX, [(1.0, False)] * 40)
def test_what_a_bar_shows_and_what_is_said_to_be_left_are_one(
    history: list[float], typical: float, steps: list[tuple[float, bool]]
) -> None:
    estimate, age, queued, before = forecast(history, typical=typical), 0.0, 0.0, Progress()
    for step, pending in steps:
        age += step
        queued = age if pending else queued
        before = progress(estimate, State(age, queued, pending), before=before)
        if before.left is not None and before.left > 0.5:
            assert age / (age + before.left) == pytest.approx(before.fraction, abs=0.01)


def test_a_task_that_takes_longer_than_such_tasks_do_is_not_said_to_be_nearly_done() -> None:
    estimate, before = forecast([], typical=TYPICAL_SANDBOX), Progress()
    for second in range(39):
        before = progress(estimate, State(float(second)), before=before)
    # 86 % beside "38 s, about 55 s left" is what it said once.
    assert before.left is None


def test_a_bar_moves_for_an_hour_when_the_estimate_was_wrong() -> None:
    for history in ([], [10.0] * 20, [300.0] * 50):
        before = Progress()
        estimate = forecast(history)
        for second in range(1, 3600):
            now = progress(estimate, State(float(second)), before=before)
            assert before.fraction < now.fraction < 0.991
            before = now


def test_a_bar_is_about_half_way_at_half_of_the_time() -> None:
    estimate, before = forecast([100.0] * 20), Progress()
    for second in range(51):
        before = progress(estimate, State(float(second)), before=before)
    assert before.fraction == pytest.approx(0.5, abs=0.1)
    assert before.left == pytest.approx(50, rel=0.1)


def test_a_task_that_waits_at_the_server_has_its_work_still_before_it() -> None:
    estimate = forecast([100.0] * 20)
    waiting = progress(estimate, State(90.0, queued=90.0, pending=True))
    assert waiting.left == pytest.approx(75, rel=0.1)
