"""When a task is looked at, what that costs, and who comes first where requests are short."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from happyhorse_nb import polling
from happyhorse_nb.polling import MOST_LOOKS, PATIENCE, TYPICAL, TYPICAL_SANDBOX, State, forecast, next_gap
from polling import CROWDED, NEAR, TARGETS, compare
from polling_alone import at_polls, clock, look, policy
from polling_crowd import FASTEST, clocked, crowd, shared
from polling_held import HELD, LATE, REQUESTS, crowd_held, held
from polling_tasks import workload

HISTORIES = st.lists(st.floats(0.5, 2000), max_size=60)
TYPICALS = st.sampled_from([TYPICAL, TYPICAL_SANDBOX])
PRICES = st.floats(1e-6, 1e6)
AGES = st.floats(0, 1e9)


@st.composite
def states(draw: st.DrawFn) -> State:
    age = draw(AGES)
    return State(age, draw(st.floats(0, 1)) * age, draw(st.booleans()))


@given(HISTORIES, TYPICALS, states(), PRICES, st.none() | st.floats(0.1, 60))
def test_no_two_looks_are_too_close_or_too_far(
    history: list[float], typical: float, state: State, price: float, max_gap: float | None
) -> None:
    gap = next_gap(forecast(history, typical=typical), state, price, max_gap)
    assert min(0.25, max_gap or 0.25) <= gap <= min(60.0, max_gap or 60.0)
    # Some tasks fail within seconds, some servers are fast.
    assert gap <= max(1.0, state.age / 2)


@given(HISTORIES, states(), st.floats(0.001, 1), st.floats(1, 1000))
def test_the_dearer_a_request_the_rarer_the_looks(
    history: list[float], state: State, price: float, times: float
) -> None:
    estimate = forecast(history)
    assert next_gap(estimate, state, times * price) >= 0.995 * next_gap(estimate, state, price)


@given(HISTORIES, states(), PRICES)
# Eight years old, where the difference of what is left before and after is smaller than its rounding.
@example([], State(247490278.1467026), 1e-06)
def test_a_look_is_due_when_it_is_worth_its_price(history: list[float], state: State, price: float) -> None:
    estimate = forecast(history)
    gap = next_gap(estimate, state, price)
    worth = polling.urgency(polling.seen(estimate, state), gap)
    assert math.isfinite(worth)
    if 0.25 < gap < min(60.0, max(1.0, state.age / 2)):
        assert worth == pytest.approx(price, rel=0.01, abs=1e-5)


def test_where_the_rate_is_steady_the_gap_is_the_classical_root() -> None:
    estimate = forecast([])
    state, price = State(150.0), 0.005
    assert next_gap(estimate, state, price) == pytest.approx(math.sqrt(2 * price / estimate.hazard(150.0)), rel=0.02)


def test_alone_a_task_that_is_due_is_looked_at_about_once_a_second() -> None:
    price = polling.price([forecast([]).hazard(130.0)], 95)
    assert 0.7 <= next_gap(forecast([]), State(130.0), price) <= 1.4


@pytest.mark.parametrize("jobs", [5, 50, 500])
def test_many_tasks_together_ask_no_more_often_than_the_account_allows(jobs: int) -> None:
    estimate, state = forecast([]), State(130.0)
    price = polling.price([estimate.hazard(130.0)] * jobs, 90)
    # Half of the age is the longest gap, however many there are: what is more than the room has to wait its turn.
    gap = next_gap(estimate, state, price)
    assert 60 * jobs / gap <= 95 or gap >= 60.0


@pytest.mark.parametrize(("name", "polls", "ratio"), [(name, *target) for name in "ABC" for target in TARGETS[name]])
def test_looks_find_the_end_sooner_than_as_many_by_a_fixed_clock(name: str, polls: int, ratio: float) -> None:
    kinds = workload(name, tasks=4000, histories=4)
    price, found = at_polls(kinds, polls)
    assert found.polls == pytest.approx(polls, rel=0.01)
    against_clock, against_optimum = compare(kinds, found, price)
    assert against_clock <= ratio
    assert against_optimum <= NEAR


def test_fifty_at_once_are_found_sooner_than_by_any_clock_that_is_not_refused() -> None:
    [kind] = workload("A", tasks=500, histories=1)
    best, none = crowd(kind, clocked(lambda: clock(FASTEST)))
    _, some = crowd(kind, clocked(lambda: clock(30.0)))
    assert some > none == 0, "a faster clock is refused now and then"
    found, refused = crowd(kind, shared)
    assert refused == 0
    assert found.mean <= CROWDED * best.mean


def test_a_task_that_outlives_every_expectation_is_looked_at_ever_more_rarely_but_without_end() -> None:
    estimate = forecast([30.0] * 20)
    ages = list(itertools.takewhile(lambda age: age < 36_000.0, policy(estimate, PATIENCE)))
    gaps = [later - earlier for earlier, later in itertools.pairwise(ages)]
    late = [gap for age, gap in zip(ages, gaps, strict=False) if age > 600]
    assert all(later > 0.99 * earlier for earlier, later in itertools.pairwise(late))
    assert 4 * late[0] < max(late) <= 60.0


def test_a_task_that_waits_at_the_server_is_looked_at_less_often_than_one_that_is_worked_on() -> None:
    estimate = forecast([60.0] * 20)
    working, waiting = State(60.0), State(60.0, queued=60.0, pending=True)
    assert next_gap(estimate, waiting, PATIENCE) > 1.5 * next_gap(estimate, working, PATIENCE)
    # But some servers may know no other word until the end.
    assert next_gap(estimate, waiting, PATIENCE) < 4 * next_gap(estimate, working, PATIENCE)
    # What it waited does not count once it is worked on.
    begun = State(100.0, queued=85.0)
    assert polling.hazard(estimate, begun) == pytest.approx(estimate.hazard(30.0), rel=0.15)
    # The usual while says nothing.
    assert polling.hazard(estimate, State(60.0, queued=10.0)) == estimate.hazard(60.0)


@given(st.lists(st.floats(0, 10), max_size=100), st.floats(1, 1e4))
def test_a_request_is_never_worth_less_than_where_there_is_room(hazards: list[float], rate: float) -> None:
    price = polling.price(hazards, rate)
    assert price >= PATIENCE
    assert polling.price([*hazards, 1.0], rate) >= price
    assert polling.price(hazards, 2 * rate) <= price


@pytest.mark.parametrize("jobs", [500, 1000, 4000])
def test_however_much_the_account_allows_most_of_the_interpreter_is_left_to_the_users_cells(jobs: int) -> None:
    estimate = forecast([])
    price = polling.price([estimate.hazard(130.0)] * jobs, 1e9)
    looks_a_minute = 60 * jobs / next_gap(estimate, State(130.0), price)
    assert looks_a_minute <= 1.1 * MOST_LOOKS


@given(PRICES, st.floats(0, 1))
def test_only_where_requests_run_short_must_a_due_look_be_worth_one(price: float, free: float) -> None:
    bar = polling.bar(price, free)
    assert 0 <= bar <= price
    if price <= PATIENCE or free >= 0.5:
        assert bar == 0


def test_a_task_about_to_end_is_more_urgent_than_one_just_begun() -> None:
    estimate = forecast([60.0] * 20)
    old, young = polling.seen(estimate, State(58.0)), polling.seen(estimate, State(18.0))
    assert polling.urgency(old, 2.0) > 10 * polling.urgency(young, 9.0)


def test_where_reads_are_held_open_an_end_is_noticed_at_once_with_few_requests() -> None:
    [kind] = workload("A", tasks=500, histories=1)
    found, hold = held(kind, seconds=HELD)
    assert hold.asks
    assert found.mean <= LATE
    assert found.polls <= REQUESTS
    # Where they are not, it is as if nobody had tried.
    tried, hold = held(kind, seconds=0.0)
    assert not hold.asks
    assert tried.polls == pytest.approx(look([kind], lambda kind: policy(kind.estimate, PATIENCE)).polls + 1, rel=0.1)


def test_of_many_whose_reads_are_held_open_none_is_left_unseen_for_the_others() -> None:
    [kind] = workload("A", tasks=250, histories=1)
    found, unseen, refused = crowd_held(kind)
    alone, _ = crowd(kind, shared)
    assert refused == 0
    assert found.mean < 0.5 * alone.mean
    # Fifty held for half a minute each take all the requests that there are.
    assert unseen <= 1.2 * HELD
