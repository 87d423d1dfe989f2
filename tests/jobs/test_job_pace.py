"""The account's requests in virtual time: never too many in any minute, submits first, nobody starves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from happyhorse_nb.limits.rate_limiter import Rate, RateLimiter
from happyhorse_nb.limits.scheduler import Scheduler
from happyhorse_nb.polling import Hold
from happyhorse_nb.store import Lease, Leases, Ledger


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Clock, limit: Callable[[], int] = lambda: 100, leases: Leases | None = None) -> RateLimiter:
    def lend(then: Callable[[Lease | None], None], **asked: Any) -> None:
        assert leases is not None
        then(leases.lease(**asked))

    return RateLimiter(Rate(limit, clock), clock, lend if leases is not None else None)


def busiest(times: list[float], window: float = 60.0) -> int:
    """The most of them in any minute."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _reads(clock: Clock, one: RateLimiter, *, seconds: int) -> list[float]:
    """When reads leave of which there are more than may."""
    sent = []
    for _ in range(10 * seconds):
        clock.now += 0.1
        while one.wait(submit=False) <= 0:
            one.take(submit=False)
            sent.append(clock.now)
    return sent


Wishes = st.lists(st.tuples(st.floats(0, 8), st.integers(1, 60), st.booleans()), min_size=1, max_size=40)


@given(limit=st.integers(1, 200), wishes=Wishes)
def test_never_more_in_any_minute_than_the_account_allows(limit: int, wishes: list[tuple[float, int, bool]]) -> None:
    clock = Clock()
    one = limiter(clock, lambda: limit)
    sent = []
    for pause, count, submit in wishes:
        clock.now += pause
        for _ in range(count):
            if one.wait(submit=submit) <= 0:
                one.take(submit=submit)
                sent.append(clock.now)
    assert busiest(sent) <= limit


@given(limit=st.integers(10, 200), flood=st.booleans())
def test_a_flood_of_the_one_kind_leaves_room_for_the_other(limit: int, flood: bool) -> None:
    clock = Clock()
    one = limiter(clock, lambda: limit)
    for _ in range(600):
        clock.now += 0.1
        while one.wait(submit=flood) <= 0:
            one.take(submit=flood)
    assert one.wait(submit=not flood) == 0


@given(limit=st.integers(1, 100))
def test_what_is_told_to_wait_may_go_when_it_has_waited(limit: int) -> None:
    clock = Clock()
    one = limiter(clock, lambda: limit)
    for submit in [True, False] * limit:
        for _ in range(1000):
            wait = one.wait(submit=submit)
            if wait <= 0:
                break
            clock.now += wait
        else:
            raise AssertionError("it is told to wait again and again")
        one.take(submit=submit)


def test_reads_come_evenly_after_the_first_few() -> None:
    clock = Clock()
    sent = _reads(clock, limiter(clock), seconds=120)
    # Never a long silence after a burst.
    assert max(later - earlier for earlier, later in itertools.pairwise(sent)) < 10


def test_tasks_just_begun_are_all_looked_at_soon_except_where_the_server_holds_such_looks_open() -> None:
    def looks(hold: Hold) -> int:
        clock = Clock()
        one = RateLimiter(Rate(lambda: 100, clock), clock, hold=hold)
        for _ in range(40):
            one.take(submit=True)
        clock.now += 8
        count = 0
        while one.wait(submit=False) <= 0:
            one.take(submit=False)
            count += 1
        return count

    plain, held = Hold(), Hold()
    held.open = 1
    assert looks(plain) >= 40
    # All of them would end at the same instant half a minute later, with none left of the minute's requests.
    assert looks(held) < 20


@given(limit=st.integers(10, 2000))
def test_of_a_minute_s_requests_a_few_are_kept_for_submits(limit: int) -> None:
    clock = Clock()
    one = limiter(clock, lambda: limit)
    _reads(clock, one, seconds=120)
    left = 0
    while one.wait(submit=True) <= 0:
        one.take(submit=True)
        left += 1
    assert 1 <= left <= max(0.03 * limit + 3, 0.1 * limit)


def test_the_rate_goes_down_at_once_and_up_slowly() -> None:
    clock, setting = Clock(), 100
    rate = Rate(lambda: setting, clock)
    rate.told(30)
    assert rate.per_minute == 30
    rate.told(1000)
    assert rate.per_minute == 30
    clock.now += 60
    assert rate.per_minute == 60
    clock.now += 600
    assert rate.per_minute == 1000
    for _ in range(5):
        # One burst of refusals is one refusal.
        rate.refused(900)
    assert rate.per_minute == 750
    clock.now += 60
    assert 750 < rate.per_minute <= 851
    setting = 20
    assert rate.per_minute == 20


def test_a_small_account_that_says_nothing_of_its_limit_is_learned() -> None:
    clock = Clock()
    rate = Rate(lambda: 100, clock)
    for _ in range(60):
        clock.now += 15
        if rate.per_minute > 4:
            rate.refused(rate.per_minute)
    assert rate.per_minute <= 4


def test_a_submit_that_left_late_counts_from_then_on() -> None:
    clock = Clock()
    one = limiter(clock, lambda: 10)
    one.take(submit=True)
    clock.now += 40
    one.late(40)
    for _ in range(9):
        one.take(submit=True)
    clock.now += 30
    # The first one has left half a minute ago, not more than a minute.
    assert one.wait(submit=True) > 0


def test_what_the_server_says_is_left_is_all_that_is_sent_until_it_begins_anew() -> None:
    clock = Clock()
    one = limiter(clock)
    one.told(100, 5, 30.0, in_flight=2)
    sent = 0
    while one.wait(submit=True) <= 0:
        one.take(submit=True)
        sent += 1
    assert sent == 3
    clock.now += 30
    assert one.wait(submit=True) == 0


def test_a_refusal_stops_all_requests_for_as_long_as_the_server_says() -> None:
    clock = Clock()
    one = limiter(clock)
    one.refused(12.0)
    assert one.wait(submit=True) == one.wait(submit=False) == 12.0
    one.resume()
    assert one.wait(submit=True) == 0


def test_of_a_long_wait_one_read_is_tried_after_a_minute_and_then_it_is_waited_as_told() -> None:
    clock = Clock()
    one = limiter(clock)
    for _ in range(2):
        one.refused(600.0)
        # Several that were on their way are refused together.
        one.refused(600.0)
        assert (one.wait(submit=False), one.wait(submit=True)) == (60.0, 600.0)
        clock.now += 60
        assert (one.wait(submit=False), one.wait(submit=True)) == (0.0, 540.0)
        one.take(submit=False)
        assert one.wait(submit=False) == 540.0
        one.refused(540.0)
        clock.now += 300
        assert one.wait(submit=False) == one.paused == 240.0
        clock.now += 240
        assert one.wait(submit=False) == one.paused == 0.0


def test_where_that_read_is_answered_nobody_waits_any_longer() -> None:
    clock = Clock()
    one = limiter(clock)
    one.refused(600.0)
    # What was sent before the refusal says nothing.
    one.answered()
    assert one.wait(submit=True) == 600.0
    clock.now += 60
    one.take(submit=False)
    one.answered()
    assert one.wait(submit=True) == one.wait(submit=False) == 0.0


@given(wishes=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 2), st.integers(1, 40)), max_size=60))
@settings(max_examples=30)
def test_kernels_together_never_send_more_than_the_account_allows(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[float, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("home")
    Ledger(folder).close()
    clock = Clock()
    shares = [_leases(folder, str(owner), clock) for owner in range(3)]
    kernels = [limiter(clock, leases=share) for share in shares]
    sent = []
    for pause, kernel, count in wishes:
        clock.now += pause
        kernels[kernel].wanted = count
        for _ in range(count):
            if kernels[kernel].wait(submit=bool(count % 2)) <= 0:
                kernels[kernel].take(submit=bool(count % 2))
                sent.append(clock.now)
    for share in shares:
        share.close()
    assert busiest(sent) <= 100


def test_two_hungry_kernels_get_the_same_and_a_dead_one_s_share_comes_back(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    clock = Clock()
    shares = [_leases(tmp_path, owner, clock) for owner in "ab"]
    kernels = [limiter(clock, leases=share) for share in shares]
    counts, alone, writes = [0, 0], 0, 0
    for second in range(600):
        clock.now += 1.0
        for place, kernel in enumerate(kernels):
            if place == 1 and second >= 300:
                # The other one was killed: nothing is given back.
                continue
            kernel.wanted = 100
            writes += kernel.wait(submit=False) <= 0
            while kernel.wait(submit=False) <= 0:
                kernel.take(submit=False)
                counts[place] += second < 300
                alone += second >= 420
    # 97 a minute are for reads, all kernels together, and a few more at the start.
    assert 300 < sum(counts) < 495
    assert abs(counts[0] - counts[1]) < 80
    assert alone > 3 * 80
    for share in shares:
        share.close()


@pytest.mark.parametrize(("limit", "count"), [(1, 2), (2, 3), (3, 2)])
def test_of_few_requests_every_kernel_gets_some(tmp_path: Path, limit: int, count: int) -> None:
    Ledger(tmp_path).close()
    clock = Clock()
    kernels = [limiter(clock, lambda: limit, _leases(tmp_path, str(owner), clock)) for owner in range(count)]
    sent = _all_the_time(clock, kernels, seconds=3600)
    assert busiest(sorted(itertools.chain(*sent))) <= limit
    # An even part of the hour's requests, for the most part; one a minute is kept for submits where there is more.
    assert min(map(len, sent)) > 60 * max(1, limit - 1) / count / 2


def test_a_kernel_that_knows_of_fewer_requests_gets_its_part_beside_one_that_knows_of_more(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    clock = Clock()
    more, fewer = (_leases(tmp_path, owner, clock) for owner in "ab")
    kernels = [limiter(clock, lambda: 100, more), limiter(clock, lambda: 10, fewer)]
    many, few = _all_the_time(clock, kernels, seconds=600)
    assert busiest(sorted(many + few)) <= 100
    assert len(few) >= 10 * 10 / 3
    assert busiest(few) <= 10


def test_a_kernel_that_has_rested_does_not_wipe_out_what_another_has_spent(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    clock = Clock()
    one, other = (limiter(clock, lambda: 10, _leases(tmp_path, owner, clock)) for owner in "ab")
    while one.wait(submit=True) <= 0:
        # All that it has leased, so that there is nothing to give back.
        one.take(submit=True)
        if clock.now == one._asked and one._leased == 0:
            break
    clock.now += 65
    sent = []
    for kernel in (other, one, other, one):
        kernel.wanted = 10
        while kernel.wait(submit=True) <= 0:
            kernel.take(submit=True)
            sent.append(clock.now)
        clock.now += 3
    assert busiest(sent) <= 10


def test_where_the_ledger_is_locked_kernels_that_were_idle_share_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    clock = Clock()
    kernels = [limiter(clock, leases=_leases(tmp_path, owner, clock)) for owner in "ab"]
    _all_the_time(clock, kernels, seconds=5)
    for kernel in kernels:
        clock.now += 3.0
        kernel.rest()
        # Alone now, as far as who wants some is concerned.
        kernel.wait(submit=True)
    clock.now += 3.0
    ledger._connection.execute("BEGIN IMMEDIATE")
    sent = _all_the_time(clock, kernels, seconds=120)
    ledger._connection.execute("COMMIT")
    ledger.close()
    assert busiest(sorted(itertools.chain(*sent))) <= 100


@pytest.mark.parametrize("before", [1, 2, 5, 10])
def test_a_raised_rate_counts_at_once(before: int) -> None:
    clock, rate = Clock(), before
    one = limiter(clock, lambda: rate)
    _reads(clock, one, seconds=120)
    rate = 100
    clock.now += 1.0
    assert one.wait(submit=False) <= 10


@pytest.mark.parametrize("limit", [2, 3, 5, 9])
def test_of_few_requests_too_one_is_kept_for_submits(limit: int) -> None:
    clock = Clock()
    one = limiter(clock, lambda: limit)
    _reads(clock, one, seconds=60)
    assert one.wait(submit=True) == 0


def _all_the_time(clock: Clock, kernels: list[RateLimiter], *, seconds: int) -> list[list[float]]:
    """When each of them has sent something that wants requests without end."""
    sent: list[list[float]] = [[] for _ in kernels]
    for _ in range(2 * seconds):
        clock.now += 0.5
        for place, kernel in enumerate(kernels):
            kernel.wanted = 20
            while kernel.wait(submit=False) <= 0:
                kernel.take(submit=False)
                sent[place].append(clock.now)
    return sent


def test_a_ledger_that_is_locked_stops_nobody(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    clock = Clock()
    share = _leases(tmp_path, "a", clock)
    one = limiter(clock, leases=share)
    ledger._connection.execute("BEGIN IMMEDIATE")
    for _ in range(120):
        clock.now += 1.0
        if one.wait(submit=False) <= 0:
            one.take(submit=False)
    assert one.sent > 50
    ledger._connection.execute("COMMIT")
    # What was spent meanwhile is told as soon as that is possible.
    clock.now += 3.0
    one.wait(submit=True)
    assert ledger._rows("SELECT sum(count) AS n FROM leases", ())[0]["n"] > 50
    share.close()
    ledger.close()


async def test_submits_go_before_reads_and_the_most_urgent_read_first() -> None:
    clock = Clock()
    one = limiter(clock, lambda: 10)
    scheduler = Scheduler(one)
    for submit in (True, False):
        while one.wait(submit=submit) <= 0:
            one.take(submit=submit)
    went: list[str] = []

    async def go(name: str, urgency: Callable[[], float] | None) -> None:
        await scheduler.take(urgency)
        went.append(name)

    tasks = [
        asyncio.ensure_future(go(name, urgency))
        for name, urgency in (("idle", lambda: 0.1), ("due", lambda: 5.0), ("soon", lambda: 1.0), ("submit", None))
    ]
    await asyncio.sleep(0)
    assert went == []
    tasks[2].cancel()
    await asyncio.sleep(0)
    clock.now += 70
    scheduler.wake()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert went == ["submit", "due", "idle"]


async def test_one_that_is_cancelled_as_its_turn_comes_holds_up_nobody() -> None:
    clock = Clock()
    one = limiter(clock, lambda: 10)
    scheduler = Scheduler(one)
    while one.wait(submit=True) <= 0:
        one.take(submit=True)
    first, second = (asyncio.ensure_future(scheduler.take()) for _ in range(2))
    await asyncio.sleep(0)
    clock.now += 70
    # It has not heard of it yet when the turns are given.
    first.cancel()
    scheduler.wake()
    await second
    assert first.cancelled()


async def test_when_requests_run_short_a_read_that_saves_little_leaves_them_to_others() -> None:
    clock = Clock()
    one = limiter(clock)
    scheduler = Scheduler(one)
    for _ in range(60):
        one.take(submit=True)
    scheduler.price = 5.0
    low = asyncio.ensure_future(scheduler.take(lambda: 0.2))
    await asyncio.sleep(0)
    await asyncio.wait_for(scheduler.take(lambda: 4.0), 5)
    await asyncio.wait_for(scheduler.take(), 5)
    assert not low.done()
    # With plenty of them it goes.
    clock.now += 62
    scheduler.wake()
    await asyncio.wait_for(low, 5)


async def test_a_submit_never_waits_for_reads_however_many_wait() -> None:
    clock = Clock()
    scheduler = Scheduler(limiter(clock))
    reads = [asyncio.ensure_future(scheduler.take(lambda: 1.0)) for _ in range(500)]
    await asyncio.sleep(0)
    assert sum(read.done() for read in reads) < 100
    for _ in range(10):
        await asyncio.wait_for(scheduler.take(), 5)
    for read in reads:
        read.cancel()


def _leases(folder: Path, owner: str, clock: Clock) -> Leases:
    return Leases(folder / "ledger.sqlite3", owner, origin="https://x", account="y", clock=clock)
