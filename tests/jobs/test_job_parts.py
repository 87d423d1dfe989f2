"""The parts that decide: slots, the clock of a task, whose card moves on, and the callbacks' thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb import polling
from happyhorse_nb.engine.loop import Callbacks, SleepDetector, outcome_of
from happyhorse_nb.engine.runner import MOST, next_shown
from happyhorse_nb.limits.slots import Concurrency, Others, Slots
from happyhorse_nb.models import Progress, Status
from happyhorse_nb.polling import Timing


def test_a_nap_is_seen_once_and_a_corrected_clock_is_none() -> None:
    wall, steady = 1000.0, 50.0
    sleep = SleepDetector(lambda: wall, lambda: steady)
    assert not sleep.over()
    # A busy minute.
    wall, steady = wall + 60, steady + 60
    assert not sleep.over()
    # An hour of sleep, in which only the wall's clock ran on.
    wall, steady = wall + 3600, steady + 1
    assert sleep.over()
    assert not sleep.over()
    # Set back, and forward by a little.
    wall -= 7200
    assert not sleep.over()
    wall += 3
    assert not sleep.over()


@pytest.mark.parametrize("age", [0.0, 100.0])
def test_a_task_is_looked_at_by_its_age_also_after_a_sleep_of_the_machine(age: float) -> None:
    now = 50.0
    timing = Timing(polling.forecast([]), lambda: now)
    assert timing.age == 0.0
    timing.begin(age)
    assert timing.age == age
    timing.heard(Status.PROCESSING)
    now += 20
    assert timing.age == age + 20
    seen = polling.seen(polling.forecast([]), polling.State(age))
    assert timing.urgency(held=False) == pytest.approx(polling.urgency(seen, 20.0))
    assert timing.progress(Progress()).elapsed == pytest.approx(age + 20)
    # In a sleep of the machine the clock runs on.
    now += 3600
    assert timing.progress(Progress()).elapsed == pytest.approx(age + 3620)


@pytest.mark.parametrize("wrong", [86_400.0, -86_400.0, 1e9])
def test_a_task_that_is_taken_up_under_a_wrong_clock_is_looked_at_soon(wrong: float) -> None:
    timing = Timing(polling.forecast([]), lambda: 50.0)
    timing.begin(wrong)
    timing.heard(Status.PROCESSING)
    assert timing.gap(polling.PATIENCE) <= 15.0


class Line:
    """A queue in virtual time, with what it did: who was sent, and who was told which place."""

    def __init__(self, limit: int = 1) -> None:
        self.now, self.limit = 0.0, limit
        self.others: Others | None = Others()
        self.sent: list[str] = []
        self.told: list[tuple[str, int | None]] = []
        self.slots = Slots(Concurrency(lambda: self.limit, self.clock), others=lambda: self.others, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def enter(self, *names: str, created: float = 0.0) -> None:
        for name in names:
            self.slots.enter(
                name,
                created,
                lambda name=name: self.sent.append(name),  # type: ignore[misc]  # mypy cannot type a default
                lambda place, name=name: self.told.append((name, place)),  # type: ignore[misc]  # likewise
            )

    def refused(self, name: str, told: float | None = None) -> float:
        """The server takes this one not now; in how many seconds one is tried."""
        seconds = self.slots.refused(told, longest=30.0)
        self.slots.back(name)
        return seconds

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.slots.fill()


def test_a_place_is_never_given_to_one_that_has_left() -> None:
    line = Line()
    line.enter("a", "b", "c")
    assert line.slots.leave("b")
    line.slots.leave("a")
    assert line.sent == ["a", "c"]
    assert line.slots.running == {"c"}
    assert not line.slots.leave("c")
    assert line.slots.running == frozenset()


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
    line.slots.accepted("a")
    line.slots.leave("a")
    line.slots.tell()
    line.slots.tell()
    line.slots.leave("b")
    assert line.told == [("b", 1), ("c", 2), ("b", None), ("c", 1), ("c", None)]


def test_a_long_queue_is_told_part_by_part_each_job_once() -> None:
    line = Line()
    line.enter(*(f"job {n}" for n in range(100)))
    line.slots.accepted("job 0")
    line.slots.leave("job 0")
    line.told.clear()
    for part in range(40):
        before = len(line.told)
        line.slots.tell(part, 40)
        assert len(line.told) - before <= 3
    assert sorted(line.told) == sorted((f"job {n + 1}", n) for n in range(1, 99))


def _tasks(count: int, followed: int) -> list[Any]:
    return [SimpleNamespace(name=n, state=SimpleNamespace(followed=n < followed)) for n in range(count)]


@given(st.integers(0, 300), st.integers(0, 300))
def test_where_not_all_cards_can_move_on_in_a_second_those_do_that_somebody_looks_at(count: int, followed: int) -> None:
    some: list[Any] = next_shown(_tasks(count, followed), 0)[0]
    shown = [task.name for task in some]
    assert len(shown) == len(set(shown)) == min(MOST, count if count <= MOST else min(followed, count) or count)
    if count > MOST and followed:
        assert max(shown) < followed


def test_of_too_many_cards_all_have_their_turn() -> None:
    tasks, seen, start = _tasks(100, 100), set(), 0
    for _ in range(5):
        shown, start = next_shown(tasks, start)
        seen |= {tasks.index(task) for task in shown}
    assert seen == set(range(100))


def test_nobody_is_let_in_until_it_is_known_what_other_kernels_do() -> None:
    line = Line(limit=2)
    line.others = None
    line.enter("a")
    assert (line.sent, line.told, line.slots.looking) == ([], [], True)
    line.others = Others(1)
    line.slots.fill()
    assert (line.sent, line.slots.looking) == (["a"], False)


def test_the_oldest_is_the_next_whenever_it_came() -> None:
    line = Line()
    line.enter("a")
    line.enter("new", created=2.0)
    line.enter("old", created=1.0)
    line.slots.leave("a")
    line.slots.leave("old")
    assert line.sent == ["a", "old", "new"]


def test_what_the_server_refuses_goes_back_to_where_it_was_and_is_tried_once_at_a_time() -> None:
    line = Line(limit=2)
    line.enter("a", "b", "c", "d")
    line.slots.accepted("a")
    assert line.refused("b") == 5.0
    line.later(4.9)
    assert line.sent == ["a", "b"]
    # Half the account may be somebody else's: one is tried, and no second one with it.
    line.later(0.2)
    assert line.sent == ["a", "b", "b"]
    assert line.refused("b") == 10.0
    # A place that becomes free is taken at once.
    line.slots.leave("a")
    assert line.sent == ["a", "b", "b", "b"]
    line.slots.accepted("b")
    line.later(11.0)
    assert line.sent[-1] == "c"
    line.slots.accepted("c")
    # Two again, as the setting has it: a third one waits.
    line.later(1.0)
    assert line.slots.running == {"b", "c"}


def test_the_servers_word_on_when_is_kept_to() -> None:
    line = Line(limit=2)
    line.enter("a", "b")
    line.slots.accepted("a")
    assert line.refused("b", 40.0) == 40.0
    line.slots.leave("a")
    line.later(39.0)
    assert line.sent == ["a", "b"]
    line.later(1.5)
    assert line.sent == ["a", "b", "b"]


def test_one_more_than_is_known_is_tried_seldom_and_remembered_when_it_is_taken() -> None:
    line = Line(limit=2)
    line.enter("a", "b", "c", "d")
    for name in "ab":
        line.slots.accepted(name)
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
    line.slots.accepted("c")
    assert line.slots.concurrency.known == 3
    line.slots.leave("a")
    assert line.sent[-1] == "d"


def test_a_changed_setting_counts_at_once() -> None:
    line = Line()
    line.enter("a", "b", "c")
    line.limit = 3
    line.slots.fill()
    assert line.sent == ["a", "b", "c"]


def test_other_kernels_count_and_an_older_job_of_theirs_goes_first_if_it_does_go() -> None:
    line = Line(limit=2)
    line.others = Others(running=1, oldest=5.0)
    line.enter("a", created=1.0)
    line.enter("b", created=9.0)
    assert line.sent == ["a"]
    line.slots.leave("a")
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
        assert line.now < 20_000, (done, line.slots.concurrency.known)
        for name in line.sent[answered:]:
            held = sum(until > line.now for until in done.values()) + sum(until > line.now for until in foreign)
            if held < server:
                done[name] = line.now + 100.0
                line.slots.accepted(name)
            else:
                refused.append(line.now)
                line.refused(name)
            answered += 1
            most = max(most, held)
        for name in [name for name, until in done.items() if until <= line.now and name in line.slots.running]:
            line.slots.leave(name)
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
