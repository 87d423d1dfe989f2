"""A job whose upload takes its time: stopped in the middle of it, cut off, never sent twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

import happyhorse_nb as hh
from client.test_client_body import heavy
from happyhorse_nb import Job
from happyhorse_nb.engine import engine
from jobs.conftest import Generate
from jobs.seen import Seen, ended
from support.line import ACCEPTED, Line, raw_server


class Halting:
    """A raw server that reads a part of each request and waits there; then it goes on, or hangs up."""

    def __init__(self) -> None:
        self.reached, self.hung_up = threading.Event(), threading.Event()
        self.goes_on, self.resets = threading.Event(), False
        self.lines: list[Line] = []
        self.origin = ""

    async def answer(self, line: Line) -> None:
        await line.head()
        await line.read(100_000)
        self.reached.set()
        try:
            await asyncio.to_thread(self.goes_on.wait)
            if self.resets:
                line.reset()
                return
            await line.read()
            await line.say(200, ACCEPTED)
        finally:
            self.hung_up.set()


@pytest.fixture
def halting() -> Iterator[Halting]:
    server, loop = Halting(), asyncio.new_event_loop()
    over, ready = asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with raw_server(server.answer) as (server.origin, server.lines):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield server
    server.goes_on.set()
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def upload(generate: Generate, halting: Halting, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job in mid-upload."""
    monkeypatch.setenv("MODELLIX_BASE_URL", halting.origin)
    job = hh.generate(heavy(3), "p")
    assert halting.reached.wait(30)
    return job


def test_a_stop_in_mid_upload_takes_the_request_back(upload: Job, halting: Halting) -> None:
    upload.stop()
    ended(upload)
    assert str(upload.status) == "cancelled"
    assert "Taken back before all of it was sent; nothing was accepted." in str(upload.error)
    assert str(upload.cost) == "$0.00"
    row = engine().ledger.get(upload.id)
    assert row is not None
    assert str(row.snapshot.status) == "cancelled"
    # What is read after that is never the whole of it.
    halting.goes_on.set()
    assert halting.hung_up.wait(30)
    [line] = halting.lines
    assert line.told is not None
    assert line.got < line.told


def test_an_upload_that_is_cut_off_is_refused_and_not_sent_again_by_itself(upload: Job, halting: Halting) -> None:
    halting.resets = True
    halting.goes_on.set()
    ended(upload)
    assert str(upload.status) == "refused"
    assert str(upload.error) == (
        "Only a part of the request was sent: it broke off. Check the connection and run it again; nothing was charged."
    )
    assert len(halting.lines) == 1


def test_an_upload_that_takes_its_time_is_accepted(upload: Job, halting: Halting) -> None:
    seen = Seen(upload)
    assert str(upload.status) == "submitting"
    halting.goes_on.set()
    seen.wait(lambda snapshot: snapshot.task_id == "task-raw0001")
    upload.stop()
    seen.until("stopped")
