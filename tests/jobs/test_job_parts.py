"""The parts of the machine that decide: the queue, the nap detector, the callbacks' thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb import polling
from happyhorse_nb.engine.loop import Callbacks, Naps, outcome_of
from happyhorse_nb.engine.runner import Rounds
from happyhorse_nb.engine.watch import Looks
from happyhorse_nb.limits.slots import Concurrency, Others, Queue
from happyhorse_nb.models import Snapshot, Status


def test_a_nap_is_seen_once_and_a_corrected_clock_is_none() -> None:
    wall, steady = 1000.0, 50.0
    naps = Naps(lambda: wall, lambda: steady)
    assert not naps.over()
    # A busy minute.
    wall, steady = wall + 60, steady + 60
    assert not naps.over()
    # An hour of sleep, in which only the wall's clock ran on.
    wall, steady = wall + 3600, steady + 1
    assert naps.over()
    assert not naps.over()
    # Set back, and forward by a little.
    wall -= 7200
    assert not naps.over()
    wall += 3
    assert not naps.over()


class Clocks:
    """A clock on the wall that is set at will, and a steady one."""

    def __init__(self) -> None:
        self.wall, self.steady = 10_000.0, 50.0

    def looks(self, snapshot: Snapshot) -> tuple[Looks, Any]:
        track: Any = SimpleNamespace(
            now=snapshot, held=False, arrival=None, settings=SimpleNamespace(max_poll_gap=None)
        )
        estimate = polling.forecast([])
        looks = Looks(
            track,
            lambda _: estimate,
            price=lambda: polling.PATIENCE,
            wall=lambda: self.wall,
            steady=lambda: self.steady,
        )
        return looks, track


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0, 3600.0, -3600.0, 1e9])
@pytest.mark.parametrize("taken_up", [False, True])
def test_a_clock_that_is_set_while_a_task_runs_changes_nothing_of_when_it_is_looked_at(
    jump: float, taken_up: bool
) -> None:
    clocks = Clocks()
    running = Snapshot(status=Status.PROCESSING, submitted=9_900.0)
    looks, track = clocks.looks(running if taken_up else replace(running, status=Status.QUEUED, submitted=None))
    age = 100.0 if taken_up else 0.0
    if not taken_up:
        track.now = replace(running, submitted=10_000.0)
        assert looks.age == 0.0
    looks.heard(running)
    clocks.wall += jump
    clocks.steady += 20
    assert looks.age == age + 20
    seen = polling.seen(polling.forecast([]), polling.State(age))
    assert looks.urgency(held=False) == pytest.approx(polling.urgency(seen, 20.0))
    assert looks.progress(track.now).elapsed == pytest.approx(age + 20)
    # In a sleep of the machine the steady clock runs on.
    clocks.steady += 3600
    assert looks.progress(track.now).elapsed == pytest.approx(age + 3620)


@pytest.mark.parametrize("wrong", [86_400.0, -86_400.0, 1e9])
def test_a_task_that_is_taken_up_under_a_wrong_clock_is_looked_at_at_once_and_then_soon(wrong: float) -> None:
    clocks = Clocks()
    clocks.wall += wrong
    looks, _ = clocks.looks(running := Snapshot(status=Status.PROCESSING, submitted=10_000.0))
    assert looks.gap() == 0.0
    looks.heard(running)
    assert looks.gap() <= 15.0


class Line:
    """A queue in virtual time, with what it did: who was sent, and who was told which place."""

    def __init__(self, limit: int = 1) -> None:
        self.now, self.limit, self.others = 0.0, limit, Others()
        self.sent: list[str] = []
        self.told: list[tuple[str, int | None]] = []
        self.queue = Queue(Concurrency(lambda: self.limit, self.clock), others=lambda: self.others, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def enter(self, *names: str, created: float = 0.0) -> None:
        for name in names:
            self.queue.enter(
                name,
                created,
                lambda name=name: self.sent.append(name),  # type: ignore[misc]  # mypy cannot type a default
                lambda place, name=name: self.told.append((name, place)),  # type: ignore[misc]  # likewise
            )

    def refused(self, name: str, told: float | None = None) -> float:
        """The server takes this one not now; in how many seconds one is tried."""
        seconds = self.queue.refused(told, longest=30.0)
        self.queue.back(name)
        return seconds

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.queue.fill()


def test_a_place_is_never_given_to_one_that_has_left() -> None:
    line = Line()
    line.enter("a", "b", "c")
    assert line.queue.leave("b")
    line.queue.leave("a")
    assert line.sent == ["a", "c"]
    assert line.queue.running == {"c"}
    assert not line.queue.leave("c")
    assert line.queue.running == frozenset()


def test_tasks_of_others_beyond_our_limit_do_not_keep_a_job_waiting_for_ever() -> None:
    line = Line(limit=2)
    # Another kernel runs more than this one may, and stands still.
    line.others = Others(3)
    line.enter("a")
    assert line.sent == []
    line.later(61.0)
    assert line.sent == ["a"]


def test_the_places_are_told_as_they_change_and_once() -> None:
    line = Line()
    line.enter("a", "b", "c")
    line.queue.accepted("a")
    line.queue.leave("a")
    line.queue.tell()
    line.queue.tell()
    line.queue.leave("b")
    assert line.told == [("b", 1), ("c", 2), ("b", None), ("c", 1), ("c", None)]


def test_a_long_queue_is_told_part_by_part_each_job_once() -> None:
    line = Line()
    line.enter(*(f"job {n}" for n in range(100)))
    line.queue.accepted("job 0")
    line.queue.leave("job 0")
    line.told.clear()
    for part in range(40):
        before = len(line.told)
        line.queue.tell(part, 40)
        assert len(line.told) - before <= 3
    assert sorted(line.told) == sorted((f"job {n + 1}", n) for n in range(1, 99))


def _lives(count: int, followed: int) -> list[Any]:
    return [SimpleNamespace(name=n, job=SimpleNamespace(followed=n < followed)) for n in range(count)]


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_second_comes_in_parts_with_one_card_in_each_at_most(count: int, followed: int) -> None:
    rounds: Any = Rounds()
    lives = _lives(count, followed)
    rounds.begin(lives)
    parts = range(rounds.parts)
    assert sorted(life.name for part in parts for life in rounds.part(part)) == list(range(count))
    assert all(len(rounds.shown(part)) <= 1 for part in parts)
    shown = [life.name for part in parts for life in rounds.shown(part)]
    # Where not all can be shown, those that somebody looks at.
    assert len(shown) == len(set(shown)) == min(20, count if count <= 20 else min(followed, count) or count)
    if count > 20 and followed:
        assert max(shown) < followed


def test_of_too_many_cards_all_have_their_turn() -> None:
    rounds: Any = Rounds()
    lives, seen = _lives(100, 100), set()
    for _ in range(5):
        rounds.begin(lives)
        seen |= {life.name for part in range(rounds.parts) for life in rounds.shown(part)}
    assert seen == set(range(100))


def test_the_oldest_is_the_next_whenever_it_came() -> None:
    line = Line()
    line.enter("a")
    line.enter("new", created=2.0)
    line.enter("old", created=1.0)
    line.queue.leave("a")
    line.queue.leave("old")
    assert line.sent == ["a", "old", "new"]


def test_what_the_server_refuses_goes_back_to_where_it_was_and_is_tried_once_at_a_time() -> None:
    line = Line(limit=2)
    line.enter("a", "b", "c", "d")
    line.queue.accepted("a")
    assert line.refused("b") == 5.0
    line.later(4.9)
    assert line.sent == ["a", "b"]
    # Half the account may be somebody else's: one is tried, and no second one with it.
    line.later(0.2)
    assert line.sent == ["a", "b", "b"]
    assert line.refused("b") == 10.0
    # A place that becomes free is taken at once.
    line.queue.leave("a")
    assert line.sent == ["a", "b", "b", "b"]
    line.queue.accepted("b")
    line.later(11.0)
    assert line.sent[-1] == "c"
    line.queue.accepted("c")
    # Two again, as the setting has it: a third one waits.
    line.later(1.0)
    assert line.queue.running == {"b", "c"}


def test_the_servers_word_on_when_is_kept_to() -> None:
    line = Line(limit=2)
    line.enter("a", "b")
    line.queue.accepted("a")
    assert line.refused("b", 40.0) == 40.0
    line.queue.leave("a")
    line.later(39.0)
    assert line.sent == ["a", "b"]
    line.later(1.5)
    assert line.sent == ["a", "b", "b"]


def test_one_more_than_is_known_is_tried_seldom_and_remembered_when_it_is_taken() -> None:
    line = Line(limit=2)
    line.enter("a", "b", "c", "d")
    for name in "ab":
        line.queue.accepted(name)
    line.later(59.0)
    assert line.sent == ["a", "b"]
    line.later(2.0)
    assert line.sent == ["a", "b", "c"]
    line.refused("c")
    tries = 0
    for _ in range(3600):
        line.later(1.0)
        if line.sent[-1] == "c" and len(line.sent) > 3 + tries:
            tries += 1
            line.refused("c")
    # Of an hour's waiting these are all that the server was bothered with.
    assert 5 <= tries <= 10
    line.later(600.0)
    line.queue.accepted("c")
    assert line.queue.concurrency.known == 3
    line.queue.leave("a")
    assert line.sent[-1] == "d"


def test_a_changed_setting_counts_at_once() -> None:
    line = Line()
    line.enter("a", "b", "c")
    line.limit = 3
    line.queue.fill()
    assert line.sent == ["a", "b", "c"]


def test_other_kernels_count_and_an_older_job_of_theirs_goes_first_if_it_does_go() -> None:
    line = Line(limit=2)
    line.others = Others(running=1, oldest=5.0)
    line.enter("a", created=1.0)
    line.enter("b", created=9.0)
    assert line.sent == ["a"]
    line.queue.leave("a")
    line.later(1.0)
    assert line.sent == ["a"]
    # It does not go, whatever the reason.
    line.later(5.0)
    assert line.sent == ["a", "b"]


@given(st.data())
def test_no_more_at_once_than_the_server_takes_and_nobody_is_forgotten(data: st.DataObject) -> None:
    server, setting = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    foreign = data.draw(st.lists(st.floats(0, 500), max_size=3))
    line, names = Line(setting), [str(number) for number in range(data.draw(st.integers(1, 12)))]
    line.enter(*names)
    done: dict[str, float] = {}
    answered, refused, most = 0, [], 0
    while len(done) < len(names):
        assert line.now < 20_000, (done, line.queue.concurrency.known)
        for name in line.sent[answered:]:
            held = sum(until > line.now for until in done.values()) + sum(until > line.now for until in foreign)
            if held < server:
                done[name] = line.now + 100.0
                line.queue.accepted(name)
            else:
                refused.append(line.now)
                line.refused(name)
            answered += 1
            most = max(most, held)
        for name in [name for name, until in done.items() if until <= line.now and name in line.queue.running]:
            line.queue.leave(name)
        line.later(1.0)
    # In order, and no storm: at first as many as the setting says, after that one try at a time, seldom.
    assert list(done) == names
    first = [at for at in refused if at < 1.0]
    assert len(first) <= setting
    assert len(refused) - len(first) <= 3 + line.now / 15


def test_callbacks_are_called_in_order_on_a_thread_that_does_not_hold_up_the_end() -> None:
    callbacks, heard = Callbacks(), []
    for number in range(5):
        callbacks.call(lambda number=number: heard.append(number))  # type: ignore[misc]  # likewise
    assert callbacks.drain(30)
    assert heard == list(range(5))
    stuck = threading.Event()
    callbacks.call(lambda: (stuck.wait(30), None)[1])
    assert not callbacks.drain(0.01)
    assert callbacks._thread.daemon
    stuck.set()


def test_a_time_out_of_the_question_itself_gets_through() -> None:
    answer: Future[str] = Future()
    answer.set_exception(TimeoutError("the server's name was not found in time"))
    with pytest.raises(TimeoutError, match="name was not found"):
        outcome_of(answer)
