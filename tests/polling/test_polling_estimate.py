"""When a task is looked at, and how far its bar is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.models import Progress
from happyhorse_nb.polling import TYPICAL, TYPICAL_SANDBOX, Forecast, forecast, next_gap, progress

HISTORIES = st.lists(st.floats(0.5, 2000), max_size=60)
TYPICALS = st.sampled_from([TYPICAL, TYPICAL_SANDBOX])


@given(HISTORIES, TYPICALS, st.floats(0, 1e6), st.integers(0, 200), st.none() | st.floats(0.25, 60))
def test_no_two_looks_are_too_close_or_too_far(
    history: list[float], typical: float, age: float, watched: int, max_gap: float | None
) -> None:
    gap = next_gap(forecast(history, typical=typical), age, watched=watched, max_gap=max_gap)
    assert 0.25 <= gap <= min(20.0, max_gap or 20.0)
    # Some tasks fail within seconds, some servers are fast.
    assert gap <= max(1.0, age / 2)


@given(HISTORIES, st.floats(0, 4000))
def test_more_tasks_at_once_are_looked_at_less_often(history: list[float], age: float) -> None:
    estimate = forecast(history)
    gaps = [next_gap(estimate, age, watched=count) for count in (1, 2, 10, 50)]
    assert gaps == sorted(gaps)


def looks(estimate: Forecast, end: float) -> list[float]:
    """The ages at which a task is looked at that ends then; the last look finds it ended."""
    ages = [0.0]
    while ages[-1] < end:
        ages.append(ages[-1] + next_gap(estimate, ages[-1]))
    return ages[1:]


@pytest.mark.parametrize("end", [60.0, 120.0, 300.0])
def test_a_usual_task_is_noticed_soon_without_many_looks(end: float) -> None:
    ages = looks(forecast([]), end)
    assert ages[-1] - end < 6
    # Every two seconds would be end / 2 looks.
    assert len(ages) < 0.45 * end


def test_a_sandbox_s_task_is_noticed_within_a_second_or_so() -> None:
    assert looks(forecast([], typical=TYPICAL_SANDBOX), 10.0)[-1] - 10.0 < 1.5


def test_a_task_that_never_ends_is_still_looked_at() -> None:
    assert len(looks(forecast([30.0] * 20), 3600.0)) >= 3600 / 20 - 1


def test_history_moves_the_estimate() -> None:
    assert forecast([]).median == pytest.approx(TYPICAL)
    assert forecast([], typical=TYPICAL_SANDBOX).median == pytest.approx(TYPICAL_SANDBOX)
    assert forecast([60.0]).median < TYPICAL
    assert forecast([60.0] * 3).median == pytest.approx(60)
    assert forecast([60.0] * 30).sigma < forecast([60.0] * 3).sigma < forecast([]).sigma
    assert forecast([0.0, -5.0]).median == pytest.approx(TYPICAL), "what cannot be is left out"


@given(HISTORIES, TYPICALS, st.floats(0, 1e6))
def test_there_is_always_some_time_left(history: list[float], typical: float, age: float) -> None:
    left = forecast(history, typical=typical).left(age)
    assert math.isfinite(left)
    assert left >= 0.5


def test_what_is_left_at_the_start_is_about_the_median() -> None:
    assert forecast([100.0] * 10).left(0) == pytest.approx(100, rel=0.05)


@given(HISTORIES, TYPICALS, st.lists(st.floats(0.05, 120), min_size=1, max_size=60))
def test_a_bar_is_never_full_never_stands_still_and_never_goes_back(
    history: list[float], typical: float, steps: list[float]
) -> None:
    estimate, age, before = forecast(history, typical=typical), 0.0, Progress()
    for step in steps:
        age += step
        now = progress(estimate, age, before=before)
        assert before.fraction < now.fraction < 1
        assert now.elapsed == age
        before = now


def test_a_bar_moves_for_an_hour_when_the_estimate_was_wrong() -> None:
    for history in ([], [10.0] * 20, [300.0] * 50):
        before = Progress()
        estimate = forecast(history)
        for second in range(1, 3600):
            now = progress(estimate, float(second), before=before)
            assert before.fraction < now.fraction < 0.991
            before = now


def test_a_bar_is_about_half_way_at_half_of_the_time() -> None:
    estimate, before = forecast([100.0] * 20), Progress()
    for second in range(51):
        before = progress(estimate, float(second), before=before)
    assert before.fraction == pytest.approx(0.5, abs=0.1)
    assert before.left == pytest.approx(50, rel=0.1)
