"""Jobs that are made one after the other in one cell: the first leaves at once, the others when no more come."""

from __future__ import annotations

import heapq
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.jobs.burst import Burst
from happyhorse_nb.ledger import Ledger
from happyhorse_nb.models import Status
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from support.fake_server import FakeServer


class VirtualLoop:
    """A loop in virtual time, and what was called on it when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, float]] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self.burst = Burst(self, lambda: self.now)

    def call(self, function: Callable[[], object]) -> bool:
        self.later(0.0, function)
        return True

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._due, (self.now + seconds, self._number, function))

    def put(self, name: str) -> None:
        self.burst.put(lambda: self.calls.append((name, round(self.now, 3))))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, function = heapq.heappop(self._due)
            function()
        self.now = until


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_what_comes_alone_is_called_at_once(loop: VirtualLoop) -> None:
    for name in "abc":
        loop.put(name)
        loop.run(1.0)
    assert loop.calls == [("a", 0.0), ("b", 1.0), ("c", 2.0)]


def test_of_many_the_first_is_called_at_once_the_others_when_no_more_come(loop: VirtualLoop) -> None:
    for number in range(100):
        loop.put(str(number))
        loop.run(0.001)
    assert loop.calls == [("0", 0.0)]
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == [str(number) for number in range(100)]
    assert all(0.1 < when < 0.25 for _, when in loop.calls[1:])


def test_none_waits_long_however_many_come(loop: VirtualLoop) -> None:
    came = {}
    for number in range(5000):
        came[str(number)] = loop.now
        loop.put(str(number))
        loop.run(0.002)
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == list(came)
    assert max(when - came[name] for name, when in loop.calls) < 2.1


def test_one_that_fails_keeps_back_none(loop: VirtualLoop) -> None:
    def fails() -> None:
        raise RuntimeError("of one")

    loop.put("a")
    loop.burst.put(fails)
    loop.put("b")
    with pytest.raises(RuntimeError, match="of one"):
        loop.run(1.0)
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == ["a", "b"]


def test_one_of_many_that_is_stopped_at_once_is_never_sent(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 100
    with fake_server.held("submit"):
        jobs = [generate(str(number)) for number in range(20)]
        jobs[-1].stop()
        hh.wait(jobs[-1])
    hh.wait(*jobs)
    assert [str(job.status) for job in jobs] == ["done"] * 19 + ["refused"]
    assert fake_server.paid == 19


def test_a_program_that_ends_at_once_leaves_its_jobs_in_the_ledger_and_says_nothing(
    generate: Generate, fake_server: FakeServer, photo: Path, home: Path
) -> None:
    program = f"import happyhorse_nb as hh\nfor n in range(30): hh.generate({str(photo)!r}, str(n))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    ledger = Ledger(home)
    assert ledger.count() == 30
    # Nothing that was paid for is in doubt.
    paid = {str(row.snapshot.status) for row in ledger.newest() if row.snapshot.status != Status.QUEUED}
    ledger.close()
    assert paid <= {"pending", "processing", "downloading", "done"}
