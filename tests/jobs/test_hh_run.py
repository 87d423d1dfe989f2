"""`hh.run`: a coroutine to its end, beside a loop that runs already, which is left as it was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client
from jobs.conftest import Generate
from support.fake_server import KEY, FakeServer


async def answer(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("not here")


def test_what_cannot_be_awaited_is_refused_in_one_line() -> None:
    wrong: Any = 3
    with pytest.raises(hh.UsageError, match=r"hh\.run takes an awaitable, .* not int"):
        hh.run(wrong)


def test_without_a_loop() -> None:
    assert hh.run(answer(5)) == 5
    with pytest.raises(LookupError, match="not here"):
        hh.run(fail())


async def test_inside_a_running_loop() -> None:
    ticks = asyncio.create_task(asyncio.sleep(0, "of the outer loop"))
    assert hh.run(answer(5)) == 5
    assert hh.run(answer([hh.run(answer(6))])) == [6]
    with pytest.raises(LookupError, match="not here"):
        hh.run(fail())
    assert await ticks == "of the outer loop"


async def test_asyncio_is_left_as_it_was() -> None:
    def picture() -> list[object]:
        names = ("run", "Task", "Future", "get_event_loop", "current_task", "sleep")
        policy = type(asyncio.get_event_loop_policy())
        loop = type(asyncio.get_running_loop())
        return [
            *(getattr(asyncio, name) for name in names),
            asyncio.tasks.Task,
            asyncio.futures.Future,
            asyncio.events.get_event_loop,
            policy.get_event_loop,
            loop.run_until_complete,
            loop._run_once,  # type: ignore[attr-defined]  # private, and what nest_asyncio replaces
            hasattr(loop, "_nest_patched"),
            hasattr(asyncio, "_nest_patched"),
        ]

    before = picture()
    hh.run(answer(1))
    with pytest.raises(LookupError):
        hh.run(fail())
    assert picture() == before
    assert type(asyncio.current_task()) is type(asyncio.ensure_future(asyncio.sleep(0)))


async def test_threads_at_once() -> None:
    results = await asyncio.gather(*[asyncio.to_thread(hh.run, answer(number)) for number in range(8)])
    assert results == list(range(8))
    assert not hasattr(asyncio, "_nest_patched")


SUCCESSOR = """
import asyncio, sys
import nest_asyncio2
sys.modules["nest_asyncio"] = nest_asyncio2
import happyhorse_nb as hh

def replaced():
    names = ("run", "Task", "Future", "get_event_loop", "_nest_patched", "_nest_asyncio2")
    return [getattr(asyncio, name, None) for name in names] + [type(asyncio.get_event_loop_policy()).get_event_loop]

async def program():
    before = replaced()
    ticks = asyncio.create_task(asyncio.sleep(0, "outer"))
    print(hh.run(asyncio.sleep(0, "inner")), await ticks, replaced() == before)

asyncio.run(program())
"""


@pytest.mark.skipif(find_spec("nest_asyncio2") is None, reason="nest_asyncio2 comes with Python 3.14 and newer kernels")
def test_the_successor_of_nest_asyncio_does_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUCCESSOR]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("inner outer True\n", "")


async def test_with_a_client_and_with_a_job(generate: Generate, fake_server: FakeServer) -> None:
    async def ask() -> bool:
        async with Client(KEY, fake_server.origin) as client:
            return await client.valid_key()

    assert hh.run(ask())
    job = generate()
    assert hh.run(job).path == job.path


async def test_what_it_leaves_behind_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def story() -> str:
        story.task = asyncio.create_task(endless())  # type: ignore[attr-defined]  # else it might be collected
        await asyncio.sleep(0)
        return "told"

    assert hh.run(story()) == "told"
    assert ended.is_set()
    assert caplog.text == ""


class Loop(asyncio.SelectorEventLoop):
    """Stands for uvloop's, which no second loop can run beside."""


Loop.__module__ = "uvloop.loop"


def test_under_uvloop_it_says_what_to_do() -> None:
    async def program() -> None:
        with pytest.raises(hh.ConfigError, match="Use await"):
            hh.run(answer(1))

    loop = Loop()
    loop.run_until_complete(program())
    loop.close()


INTERRUPTED = """
import asyncio, signal, sys
import happyhorse_nb as hh

# Who runs the tests in the background may have them ignore interrupts, and a child inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def story():
    try:
        print("running", flush=True)
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

async def program():
    try:
        hh.run(story())
    except KeyboardInterrupt:
        print("interrupted", flush=True)

if sys.argv[1] == "inside":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(program())
    loop.close()
else:
    try:
        hh.run(story())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_an_interrupt_cancels_it(where: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, where]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert (out, err, process.returncode) == ("cancelled\ninterrupted\n", "", 0)
