"""Reads that a server holds open are used where it does so, and cost nothing where it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import ended
from support.fake_server import Answer, Cut, Do, FakeServer, Request, Say


@pytest.fixture(autouse=True)
def usual(settings: Settings) -> Iterator[None]:
    """The policy alone says when to look."""
    settings.max_poll_gap = None
    yield
    settings.max_poll_gap = 0.1


def waits(request: Request) -> bool:
    return request.query.get("wait") == "true"


def test_an_end_is_told_by_the_read_that_is_open_and_the_next_one_follows_at_once(
    generate: Generate, fake_server: FakeServer
) -> None:
    fake_server.holds, fake_server.words = 5.5, ("processing",)
    job = generate()
    first, second = fake_server.wait_for("poll", 2)
    assert waits(first)
    assert waits(second)
    fake_server.task.say("success")
    ended(job)
    assert str(job.status) == "done"
    assert len(fake_server.of("poll")) == 2
    # What is known of the server holds for the next job: its first read is the last.
    other = generate("Another one")
    fake_server.wait_for("poll", 3)
    fake_server.task.say("failed")
    ended(other)
    assert str(other.status) == "failed"
    assert len(fake_server.of("poll")) == 3


def test_a_server_that_takes_no_notice_is_asked_as_ever(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    # The first brings news, which says nothing; two more that bring none say it, but those that took their time on a
    # slow machine.
    plain = next(count for count in range(20) if not waits(fake_server.wait_for("poll", count + 1)[count]))
    assert plain >= 3
    assert not any(waits(request) for request in fake_server.wait_for("poll", plain + 3)[plain:])
    fake_server.task.say("success")
    ended(job)


@pytest.mark.parametrize(
    "answer",
    [
        Say(400),
        Say(404),
        Say(408),
        Say(504),
        Say(200, raw=b"<html>"),
        Do(cut=Cut.HALFWAY),
        Do(cut=Cut.AFTER_ACCEPTING),
    ],
    ids=["400", "404", "408", "504", "unreadable", "cut", "silent"],
)
def test_a_server_that_turns_it_down_costs_no_job(generate: Generate, fake_server: FakeServer, answer: Answer) -> None:
    fake_server.on_wait, fake_server.words = answer, ("success",)
    first = ended(generate())
    assert str(first.status) == "done"
    second = ended(generate("Another one"))
    assert str(second.status) == "done"
    with_it = [request for request in fake_server.of("poll") if waits(request)]
    # aiohttp itself sends a read again when a kept connection was closed under it.
    assert 1 <= len(with_it) <= 2
    assert with_it[0] == fake_server.of("poll")[0]
    assert fake_server.paid == 2


def test_a_server_that_holds_few_at_once_is_asked_for_no_more_and_the_others_are_looked_at(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    fake_server.holds, fake_server.holds_at_most, fake_server.words = 300.0, 1, ("processing",)
    first = generate()
    fake_server.wait_for("poll")
    second = generate("Another one")
    # The first read of the second job is one too many.
    seen = fake_server.wait_for("poll", 4)
    assert [waits(request) for request in seen] == [True, True, False, False]
    assert second.task_id is not None
    fake_server.tasks[second.task_id].say("success")
    ended(second)
    # It was no word about the account's rate.
    [limits] = engine()._runner._limits.values()
    assert limits.limiter.rate.per_minute == settings.requests_per_minute
    assert first.task_id is not None
    fake_server.tasks[first.task_id].say("success")
    ended(first)


def test_an_outage_says_nothing_of_it_and_is_not_asked_twice_at_every_look(
    generate: Generate, fake_server: FakeServer
) -> None:
    fake_server.script("poll", Say(503), Say(503), Say(503))
    fake_server.words = ("processing",)
    job = generate()
    asked = fake_server.wait_for("poll", 5)
    # The second is the first without the parameter. Then plain ones, until one is answered.
    assert [waits(request) for request in asked] == [True, False, False, False, True]
    fake_server.task.say("success")
    ended(job)


def test_a_stop_and_the_end_of_the_kernel_cut_it(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.holds, fake_server.words = 300.0, ("processing",)
    job, other = generate(), generate("Another one")
    fake_server.wait_for("poll", 2)
    job.stop()
    ended(job)
    assert str(job.status) == "stopped"
    engine().close()
    assert not other.done()
    fake_server.quiet()


def test_who_wakes_up_asks_at_once_and_waits_for_no_answer(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.holds, fake_server.words = 300.0, ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    run = engine()
    # As after a night's sleep: whether the connection is still there is anybody's guess.
    run._runner.loop.call(run._runner.wake)
    _, second = fake_server.wait_for("poll", 2)
    assert not waits(second)
    fake_server.task.say("success")
    ended(job)


def test_who_sets_the_longest_gap_is_asked_for_by_the_clock(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_poll_gap = 0.1
    fake_server.holds = 300.0
    ended(generate())
    assert not any(waits(request) for request in fake_server.of("poll"))
