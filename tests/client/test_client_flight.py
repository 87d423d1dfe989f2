"""Slow lines, dead lines, and servers that answer before they have read: each paid request ends in time, and what it
ends as is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

import happyhorse_nb as hh
from client.test_client_body import heavy
from happyhorse_nb import Client
from happyhorse_nb.client.body import Flight, Patience
from support.fake_server import KEY, SIGNATURE
from support.line import ACCEPTED, Line, raw_server

#: Nothing of this runs out while a test goes well.
PATIENT = Patience(connect=30.0, stall=30.0, answer=30.0, rest=30.0)
PICTURE = heavy(3)


@asynccontextmanager
async def client_of(
    answer: Callable[[Line], Awaitable[None]], patience: Patience = PATIENT
) -> AsyncIterator[tuple[Client, list[Line]]]:
    async with raw_server(answer) as (origin, lines), Client(KEY, origin) as client:
        client.patience = patience
        yield client, lines


async def test_a_slow_line_is_given_the_time_that_it_takes() -> None:
    async def slow(line: Line) -> None:
        await line.head()
        await line.read(pace=0.03)
        await line.say(200, ACCEPTED)

    # All of it takes longer than the answer may, and than the upload may stand still.
    async with client_of(slow, Patience(stall=1.5, answer=1.5)) as (client, _):
        task = await client.submit(PICTURE, "p")
    assert task.task_id == "task-raw0001"


async def test_what_has_not_left_is_not_counted_as_sent() -> None:
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def halts(line: Line) -> None:
        await line.head()
        assert line.told is not None
        await line.read(line.told - 2 * 1024 * 1024)
        reached.set()
        await goes_on.wait()
        await line.read()
        await line.say(200, ACCEPTED)

    flight = Flight()
    async with client_of(halts) as (client, _):
        sending = asyncio.ensure_future(client.submit(PICTURE, "p", flight=flight))
        await reached.wait()
        # Two megabytes are with nobody but us: the server cannot have accepted anything.
        halfway = flight.left, flight.whole
        goes_on.set()
        await sending
    assert halfway == (True, False)
    assert flight.whole


async def test_an_upload_that_stands_still_ends_and_was_not_accepted() -> None:
    async def dead(line: Line) -> None:
        await line.head()
        await line.read(100_000)
        await line.gone()

    async with client_of(dead, Patience(stall=0.3)) as (client, lines):
        with pytest.raises(hh.NotSent, match="only a part of the request was sent: it took too long") as caught:
            await client.submit(PICTURE, "p")
    assert caught.value.begun
    assert len(lines) == 1


@pytest.mark.parametrize("part", [0, 100_000, 2_000_000])
async def test_a_line_that_breaks_in_mid_upload_has_not_brought_the_request(part: int) -> None:
    async def breaks(line: Line) -> None:
        await line.head()
        await line.read(part)
        line.reset()

    async with client_of(breaks) as (client, lines):
        with pytest.raises(hh.NotSent, match="only a part of the request was sent") as caught:
            await client.submit(PICTURE, "p")
    assert caught.value.begun
    assert len(lines) == 1


async def quiet(line: Line) -> None:
    await asyncio.Event().wait()


async def dribbles(line: Line) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
        await line.send(bytes([letter]))
        await asyncio.sleep(0.02)


async def promises(line: Line) -> None:
    while True:
        await line.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.02)


async def dribbles_the_body(line: Line) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await line.send(b" ")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("then", [quiet, dribbles, promises, dribbles_the_body])
async def test_a_server_that_has_it_all_and_never_comes_to_an_end_is_given_up(
    then: Callable[[Line], Awaitable[None]],
) -> None:
    async def answer(line: Line) -> None:
        await line.head()
        await line.read()
        await then(line)

    async with client_of(answer, Patience(answer=0.4, rest=0.4)) as (client, lines):
        with pytest.raises(hh.OutcomeUnknown, match="may have been charged"):
            await client.submit(PICTURE, "p")
    assert len(lines) == 1


#: What a server says that has read nothing but the head: status, headers, and what that is.
EARLY: dict[str, tuple[int, str, type[hh.APIError]]] = {
    "413": (413, "", hh.BadRequest),
    "401": (401, "", hh.AuthenticationError),
    "429": (429, "Retry-After: 7\r\n", hh.RateLimited),
    "307": (307, "Location: https://new.example/\r\n", hh.Redirected),
}


@pytest.mark.parametrize("ends", ["stays", "closes", "resets after a while"])
@pytest.mark.parametrize("fault", EARLY)
async def test_an_answer_that_comes_before_all_was_sent_counts(fault: str, ends: str) -> None:
    status, more, error = EARLY[fault]

    async def early(line: Line) -> None:
        await line.head()
        await line.say(status, more=more)
        if ends == "closes":
            line.close()
        elif ends != "stays":
            await line.gone()
            line.reset()
        else:
            await line.gone()

    async with client_of(early) as (client, lines):
        with pytest.raises(error):
            await client.submit(PICTURE, "p")
    assert len(lines) == 1


async def test_a_task_that_is_named_before_all_was_sent_is_a_task() -> None:
    async def early(line: Line) -> None:
        await line.head()
        await line.say(200, ACCEPTED)
        await line.gone()

    async with client_of(early) as (client, _):
        assert (await client.submit(PICTURE, "p")).task_id == "task-raw0001"


async def test_a_trouble_that_is_said_before_all_was_sent_leaves_the_outcome_open() -> None:
    async def early(line: Line) -> None:
        await line.head()
        await line.say(503)
        await line.gone()

    async with client_of(early) as (client, _):
        with pytest.raises(hh.OutcomeUnknown):
            await client.submit(PICTURE, "p")


async def test_a_server_of_http_1_0_is_understood() -> None:
    async def old(line: Line) -> None:
        await line.head()
        await line.read()
        await line.say(200, ACCEPTED, version="1.0")
        line.close()

    async with client_of(old) as (client, _):
        assert (await client.submit(PICTURE, "p")).task_id == "task-raw0001"


async def test_a_proxy_that_never_opens_the_way_has_had_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(line: Line) -> None:
        await line.head()
        await line.gone()

    async with raw_server(silent) as (proxy, lines), Client(KEY, "https://api.example") as client:
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        client.patience = Patience(connect=0.3)
        with pytest.raises(hh.NotSent, match="nothing was sent: it took too long") as caught:
            await client.submit(PICTURE, "p")
    assert not caught.value.begun
    assert len(lines) == 1


async def test_a_request_that_was_taken_back_in_mid_upload_is_never_whole_at_the_server() -> None:
    reached = asyncio.Event()
    whole: list[bool] = []

    async def reads(line: Line) -> None:
        await line.head()
        await line.read(100_000)
        reached.set()
        try:
            await line.read()
        finally:
            whole.append(line.got == line.told)

    flight = Flight()
    async with client_of(reads) as (client, _):
        sending = asyncio.ensure_future(client.submit(heavy(10), f"p {SIGNATURE}", flight=flight))
        await reached.wait()
        sending.cancel()
        await asyncio.wait({sending})
    assert (sending.cancelled(), whole) == (True, [flight.whole])
