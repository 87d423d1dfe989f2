"""How often a wait without a ledger asks, on a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest

import happyhorse_nb as hh
import virtual_time
from happyhorse_nb import Snapshot, Status, polling
from happyhorse_nb.client.poll import wait_for


class Server:
    """Answers with these, the last of them for good or until ``well``; remembers when it was asked."""

    def __init__(self, *answers: hh.HappyHorseError | Snapshot, well: float = 1e9) -> None:
        self._answers = answers
        self._well = well
        self.asked: list[float] = []

    async def read(self, task_id: str, *, hold: bool = False) -> Snapshot:
        self.asked.append(asyncio.get_running_loop().time())
        if self.asked[-1] >= self._well:
            return Snapshot(status=Status.DOWNLOADING, task_id=task_id)
        answer = self._answers[min(len(self.asked), len(self._answers)) - 1]
        if isinstance(answer, Snapshot):
            return answer
        raise answer

    async def asked_for(self, seconds: float) -> list[float]:
        """When it was asked by a wait of so many seconds."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.waited_for()
        return self.asked

    async def waited_for(self) -> Snapshot:
        return await wait_for(self.read, polling.Hold(), "task-1", typical=90.0, on_change=None)


DOWN = hh.ServerError("Down", status=503, code=503)


def test_a_server_that_is_down_is_left_alone_more_and_more() -> None:
    asked = virtual_time.run(Server(DOWN).asked_for(600.0))
    # Once in half a minute, a little sooner by chance; about once a second it would be 600 times.
    assert 20 <= len(asked) <= 40


def test_a_server_that_says_only_that_it_is_too_much_is_left_alone_too() -> None:
    for told in (None, 0.0):
        busy = hh.RateLimited("Slow down", status=429, code=429, retry_after=told)
        assert len(virtual_time.run(Server(busy).asked_for(600.0))) <= 40


def test_what_the_server_says_to_wait_is_waited() -> None:
    busy = hh.RateLimited("Slow down", status=429, code=429, retry_after=50.0)
    first, second, *_ = virtual_time.run(Server(busy).asked_for(60.0))
    assert second - first == 50.0


def test_of_a_long_wait_one_read_is_tried_after_a_minute() -> None:
    busy = hh.RateLimited("Slow down", status=429, code=429, retry_after=600.0)
    asked = virtual_time.run(Server(busy).asked_for(1500.0))
    assert asked == pytest.approx([asked[0] + seconds for seconds in (0, 60, 660, 720, 1320, 1380)])


def test_a_wait_takes_up_a_server_that_is_well_again() -> None:
    server = Server(DOWN, well=100.0)
    assert virtual_time.run(server.waited_for()).status == Status.DOWNLOADING
    assert server.asked[-1] <= 130.0


GONE = hh.NotFound("Not found: no such task", status=404, code=404, task_id="task-1")


def test_a_404_is_believed_when_it_has_been_repeated_for_a_minute() -> None:
    server = Server(GONE)
    with pytest.raises(hh.NotFound):
        virtual_time.run(server.waited_for())
    assert 60.0 <= server.asked[-1] - server.asked[0] <= 100.0
    assert len(server.asked) >= 5


@pytest.mark.parametrize("trouble", [GONE, DOWN])
def test_a_404_that_passes_ends_no_wait(trouble: hh.HappyHorseError) -> None:
    server = Server(GONE, trouble, GONE, well=50.0)
    assert virtual_time.run(server.waited_for()).status == Status.DOWNLOADING


def test_each_answer_that_knows_the_task_begins_the_minute_anew() -> None:
    running = Snapshot(status=Status.PROCESSING, task_id="task-1")
    # Much longer than a minute in all.
    answers: list[hh.HappyHorseError | Snapshot] = [GONE, GONE, running]
    server = Server(*answers * 40, well=300.0)
    assert virtual_time.run(server.waited_for()).status == Status.DOWNLOADING
    assert server.asked[-1] >= 300.0
