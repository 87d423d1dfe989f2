"""Several takes of one request: their seeds, what they cost, and what happens when one goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.job import Takes
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, ended
from support.fake_server import Cut, Do, FakeServer, refused_origin


@pytest.fixture
def takes(generate: Generate, settings: Settings) -> Callable[..., Takes]:
    settings.max_concurrent = 4

    def takes(count: int = 3, prompt: str = "The rocket lifts off", **options: Any) -> Takes:
        made: Any = generate(prompt, takes=count, **options)
        assert isinstance(made, Takes)
        return made

    return takes


Make = Callable[..., Takes]


def seeds(some: Takes) -> list[Any]:
    return [job.snapshot.params["seed"] for job in some]


def sent(server: FakeServer) -> list[Any]:
    return [request.json["seed"] for request in server.requests if request.kind == "submit"]


def test_each_take_has_a_seed_of_its_own_that_is_sent_and_shown(takes: Make, fake_server: FakeServer) -> None:
    some = takes(4)
    videos = some.result(DEADLINE)
    assert len(set(seeds(some))) == 4
    assert sorted(sent(fake_server)) == sorted(seeds(some))
    assert [video.path for video in videos] == [job.path for job in some]
    assert len({job.path for job in some}) == 4
    assert some.status == "4 done"
    assert some.done()
    assert some.error is None


def test_the_same_cell_run_again_buys_nothing_and_more_takes_buy_only_the_new_ones(
    takes: Make, fake_server: FakeServer
) -> None:
    first = takes(2)
    first.result(DEADLINE)
    again = takes(2)
    assert [job.id for job in again] == [job.id for job in first]
    more = takes(4)
    more.result(DEADLINE)
    assert [job.id for job in more][:2] == [job.id for job in first]
    assert fake_server.paid == 4
    assert len(set(seeds(more))) == 4


def test_the_first_take_is_the_request_itself(takes: Make, generate: Generate, fake_server: FakeServer) -> None:
    one = ended(generate())
    some = takes(2)
    some.result(DEADLINE)
    assert some[0].id == one.id
    assert fake_server.paid == 2
    other = takes(2, "another prompt")
    other.result(DEADLINE)
    assert generate("another prompt").id == other[0].id


def test_takes_that_run_are_joined(takes: Make, fake_server: FakeServer) -> None:
    with fake_server.held("poll"):
        first = takes(2)
        again = takes(2)
        assert list(again) == list(first)
    again.result(DEADLINE)
    assert fake_server.paid == 2


def test_from_a_seed_on_they_are_ordinary_requests_and_the_largest_is_followed_by_the_smallest(
    takes: Make, generate: Generate, fake_server: FakeServer
) -> None:
    some = takes(3, seed=2_147_483_646)
    some.result(DEADLINE)
    assert seeds(some) == [2_147_483_646, 2_147_483_647, 0]
    assert generate(seed=2_147_483_647).id == some[1].id
    assert takes(3, seed=2_147_483_646)[2].id == some[2].id
    assert fake_server.paid == 3


def test_again_buys_all_of_them_anew(takes: Make, fake_server: FakeServer) -> None:
    first = takes(2)
    first.result(DEADLINE)
    new = takes(2, again=True)
    new.result(DEADLINE)
    once_more = hh.again(new)
    once_more.result(DEADLINE)
    assert fake_server.paid == 6
    assert len({*seeds(first), *seeds(new), *seeds(once_more)}) == 6


@pytest.mark.parametrize("count", [0, 5, -1, True, 2.0, "two", pytest.param(10**5000, id="huge")])
def test_how_many_there_can_be_is_said_in_one_line(generate: Generate, fake_server: FakeServer, count: Any) -> None:
    with pytest.raises(hh.InvalidRequest, match="a request gives 1 to 4 at a time") as caught:
        generate(takes=count)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert fake_server.paid == 0


def test_one_take_is_a_job(generate: Generate) -> None:
    job = generate(takes=1)
    assert isinstance(job, hh.Job)


def test_a_budget_is_held_against_all_of_them_before_any_is_sent(
    generate: Generate, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is no address of this machine is real money; nobody is asked anything here.
    monkeypatch.setenv("MODELLIX_BASE_URL", "https://example.invalid")
    settings.budget = 2.0
    with pytest.raises(hh.InvalidRequest, match=r"about \$2\.56 more would exceed the \$2\.00"):
        generate(takes=4, resolution="720P")
    assert len(hh.jobs()) == 0


def test_nothing_is_sent_when_the_file_of_one_of_them_exists(
    takes: Make, tmp_path: Path, fake_server: FakeServer
) -> None:
    (tmp_path / "launch-3.mp4").touch()
    with pytest.raises(hh.InvalidRequest, match=r"launch-3\.mp4 exists and is never overwritten"):
        takes(3, save="launch.mp4")
    assert len(hh.jobs()) == 0
    takes(2, save="launch.mp4").result(DEADLINE)
    assert (tmp_path / "launch-1.mp4").is_file()
    assert (tmp_path / "launch-2.mp4").is_file()
    assert fake_server.paid == 2


def test_an_unknown_one_in_the_middle_is_raised_when_all_have_ended_and_is_not_bought_again(
    takes: Make, settings: Settings, fake_server: FakeServer
) -> None:
    settings.max_concurrent = 1
    fake_server.script("submit", Do(), Do(cut=Cut.AFTER_ACCEPTING), Do())
    some = takes(3)
    with pytest.raises(hh.OutcomeUnknown) as caught:
        some.result(DEADLINE)
    assert caught.value.job is some[1]
    assert some.done()
    assert [str(job.status) for job in some] == ["done", "unknown", "done"]
    assert some.status == "2 done, 1 unknown"
    assert isinstance(some.error, hh.OutcomeUnknown)
    assert [job.id for job in takes(3)] == [job.id for job in some]
    assert fake_server.paid == 3


def test_what_failed_is_bought_again_and_nothing_else(takes: Make, settings: Settings, fake_server: FakeServer) -> None:
    with fake_server.held("poll"):
        some = takes(3)
        fake_server.wait_for("poll", 3)
        failing = fake_server.tasks[str(some[1].task_id)]
        failing.say("failed")
    with pytest.raises(hh.JobFailed):
        some.result(DEADLINE)
    assert some.cost is not None
    assert (some.cost.amount, some.cost.billed) == (Decimal("1.40"), True)
    again = takes(3)
    again.result(DEADLINE)
    assert [a.id == b.id for a, b in zip(again, some, strict=True)] == [True, False, True]
    assert seeds(again)[1] != seeds(some)[1]


def test_they_are_stopped_waited_for_and_awaited_together(takes: Make, fake_server: FakeServer) -> None:
    with fake_server.held("poll"):
        some = takes(2)
        with pytest.raises(hh.WaitTimeout):
            hh.wait(some, timeout=0.05)
        assert some.error is None
        # Until both are on the server they would be cancelled.
        fake_server.wait_for("poll", 2)
        some.stop()
        hh.wait(some, timeout=DEADLINE)
    assert some.status == "2 stopped"
    other = takes(2, "another prompt")

    async def both() -> list[Any]:
        return await other

    assert [video.path for video in hh.run(both())] == [job.path for job in other]
    with pytest.raises(hh.JobStopped):
        hh.run(_awaited(some))


async def _awaited(some: Takes) -> Any:
    return await some


def test_a_program_reads_the_cost_first(
    takes: Make, capsys: pytest.CaptureFixture[str], fake_server: FakeServer
) -> None:
    with fake_server.held("submit"):
        some = takes(2, resolution="720P")
        some._ipython_display_()
        assert repr(some).startswith("<2 takes: ")
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("2 takes, about $1.28 of play money in all: ")
    assert len(told) == 3
    some.result(DEADLINE)
    takes(2, resolution="720P")._ipython_display_()
    assert capsys.readouterr().out.startswith("2 takes, made before, nothing now: 2 done")
    takes(3, resolution="720P")._ipython_display_()
    assert capsys.readouterr().out.startswith("3 takes, about $0.64 of play money now, 2 made before: ")


def test_nothing_is_written_down_when_no_key_is_given(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", refused_origin())
    monkeypatch.delenv("MODELLIX_API_KEY")
    with pytest.raises(hh.MissingKey):
        generate(takes=2)
    assert len(hh.jobs()) == 0
