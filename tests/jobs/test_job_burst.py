"""Jobs that are made one after the other in one cell: a few leave at once, the others when no more come."""

from __future__ import annotations

import heapq
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine.loop import StartQueue
from happyhorse_nb.models import Status
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Ledger
from jobs.conftest import Generate
from support.fake_server import FakeServer


class VirtualLoop:
    """A loop in virtual time, and what was called on it when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, float]] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        #: Whether a user interrupts the next call.
        self.interrupts = False
        self.starts = StartQueue(self, lambda: self.now)

    def call(self, function: Callable[[], object]) -> bool:
        if self.interrupts:
            self.interrupts = False
            raise KeyboardInterrupt
        self.later(0.0, function)
        return True

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._due, (self.now + seconds, self._number, function))

    def put(self, *names: str) -> None:
        """One after the other, at one instant; what is due meanwhile is called."""
        for name in names:
            self.starts.put(name, lambda name=name: self.calls.append((name, round(self.now, 3))))  # type: ignore[misc]  # mypy cannot type a default
            self.run(0.0)

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


def test_of_many_a_few_are_called_at_once_the_others_when_no_more_come(loop: VirtualLoop) -> None:
    for number in range(100):
        loop.put(str(number))
        loop.run(0.001)
    assert [name for name, _ in loop.calls] == [str(number) for number in range(8)]
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == [str(number) for number in range(100)]
    assert all(0.1 < when < 0.25 for _, when in loop.calls[8:])


def test_none_waits_long_however_many_come(loop: VirtualLoop) -> None:
    came = {}
    for number in range(5000):
        came[str(number)] = loop.now
        loop.put(str(number))
        loop.run(0.002)
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == list(came)
    assert max(when - came[name] for name, when in loop.calls) < 2.1


def fails() -> None:
    raise RuntimeError("of one")


def test_one_that_fails_keeps_back_none(loop: VirtualLoop) -> None:
    loop.put("a")
    loop.starts.put("fails", fails)
    with pytest.raises(RuntimeError, match="of one"):
        loop.put("b")
    loop.run(1.0)
    assert [name for name, _ in loop.calls] == ["a", "b"]


def test_what_is_taken_out_is_not_called_and_hurries_none_of_the_others(loop: VirtualLoop) -> None:
    loop.put(*map(str, range(20)))
    assert loop.starts.take("12") is not None
    assert loop.starts.take("12") is None
    assert loop.starts.take("3") is None
    assert len(loop.calls) == 8
    loop.run(1.0)
    assert [int(name) for name, _ in loop.calls] == [*range(12), *range(13, 20)]


def test_an_interrupt_in_the_middle_of_it_makes_none_wait_for_ever(loop: VirtualLoop) -> None:
    loop.put(*map(str, range(8)))
    loop.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        loop.put("8")
    loop.put(*map(str, range(9, 20)))
    loop.run(1.0)
    assert [int(name) for name, _ in loop.calls] == [*range(20)]


def test_nothing_is_called_after_the_end(loop: VirtualLoop) -> None:
    loop.put(*map(str, range(20)))
    loop.starts.close()
    loop.put("late")
    loop.run(5.0)
    assert len(loop.calls) == 8


def test_those_of_many_that_are_stopped_at_once_are_never_sent(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 100
    with fake_server.held("submit"):
        jobs = [generate(str(number)) for number in range(30)]
        for job in jobs[20:]:
            job.stop()
        hh.wait(*jobs[20:])
    hh.wait(*jobs)
    assert [str(job.status) for job in jobs] == ["done"] * 20 + ["cancelled"] * 10
    assert fake_server.paid == 20


def test_a_program_that_ends_at_once_leaves_its_jobs_in_the_ledger_and_says_how_many(
    generate: Generate, fake_server: FakeServer, photo: Path, home: Path
) -> None:
    program = f"import happyhorse_nb as hh\nfor n in range(30): hh.generate({str(photo)!r}, str(n))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("happyhorse_nb: ")
    ledger = Ledger(home)
    assert ledger.count() == 30
    # Nothing that was paid for is in doubt.
    paid = {str(row.snapshot.status) for row in ledger.newest() if row.snapshot.status != Status.QUEUED}
    ledger.close()
    assert paid <= {"pending", "processing", "downloading", "done"}
