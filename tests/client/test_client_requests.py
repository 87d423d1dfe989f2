"""What the client sends, where to, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client, Status
from inputs.pictures import encoded, picture
from support.fake_server import KEY, Answer, Cut, Do, FakeServer, Say, refused_origin
from support.videos import look_into


def test_it_works_alone_under_asyncio_run(fake_server: FakeServer, photo: Path, tmp_path: Path) -> None:
    said: list[str] = []

    async def story() -> None:
        async with Client(KEY, fake_server.origin) as client:
            assert await client.valid_key()
            assert await client.models() == ["alibaba/happyhorse-1.0-i2v"]
            assert await client.balance() == Decimal("12.3400")
            task = await client.submit(photo, "The rocket lifts off", seed=7)
            assert task.status == Status.PENDING
            assert task.task_id
            done = await client.wait(task.task_id, on_change=lambda snapshot: said.append(str(snapshot.status)))
            info = await client.download(done, tmp_path / "out" / "video.mp4")
            assert (info.width, info.height, info.seconds) == (320, 214, 2.0)

    asyncio.run(story())
    assert look_into(tmp_path / "out" / "video.mp4").codec == "h264"
    assert said == ["pending", "processing", "downloading"]
    assert fake_server.paid == 1
    # No ledger: a client alone writes nothing but what it is asked for.
    assert not (tmp_path / "home").exists()


PROGRAM = """
import asyncio, sys
import happyhorse_nb as hh

client = hh.Client(*sys.argv[1:])
for run in (asyncio.run, hh.run, asyncio.run):
    print(run(client.balance()))
"""


def test_one_client_serves_several_runs_and_is_silent_when_nobody_closes_it(
    fake_server: FakeServer, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM, KEY, fake_server.origin]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (ended.stdout, ended.stderr) == ("12.3400\n" * 3, "")


async def test_a_submit_says_what_the_documents_ask_for(client: Client, fake_server: FakeServer, photo: Path) -> None:
    await client.submit(photo, "p", resolution="720P", duration=5, seed=7)
    [request] = fake_server.of("submit")
    assert (request.method, request.path) == ("POST", "/api/v1/alibaba/happyhorse-1.0-i2v/async")
    assert request.headers["Content-Type"] == "application/json"
    body = dict(request.json)
    # Byte for byte what is in the file.
    head, _, data = body.pop("first_frame_image").partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == await asyncio.to_thread(photo.read_bytes)
    assert body == {"prompt": "p", "resolution": "720P", "duration": 5, "seed": 7}


async def test_what_was_made_to_fit_is_said(client: Client, fake_server: FakeServer, photo: Path) -> None:
    small = encoded(picture(200, 150), "JPEG")
    task = await client.submit(small, "a" * 4999 + " bcd", fit=True)
    assert task.note.startswith("first frame scaled up to 400 x 300")
    assert "; prompt cut after" in task.note
    assert "(3 characters dropped)" in task.note
    [request] = fake_server.of("submit")
    assert request.json["prompt"] == "a" * 4999 + " "
    assert (await client.submit(photo, "p", fit=True)).note == ""


async def test_the_address_without_the_suffix_is_tried_once_and_remembered(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    fake_server.without_suffix = True
    await client.submit(photo)
    await client.submit(photo)
    suffixes = [request.path.endswith("/async") for request in fake_server.of("submit")]
    assert suffixes == [True, False, False]
    assert len(fake_server.tasks) == 2


async def test_a_server_that_knows_neither_address_is_asked_at_both_and_not_again(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    fake_server.script("submit", Say(404), Say(404))
    with pytest.raises(hh.NotFound):
        await client.submit(photo)
    assert fake_server.paid == 2
    # What was not found out is not remembered.
    await client.submit(photo)
    assert fake_server.of("submit")[-1].path.endswith("/async")


async def test_each_paid_request_has_a_connection_of_its_own(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    for _ in range(3):
        task = await client.submit(photo)
        assert task.task_id
        await client.read(task.task_id)
    paid = [request.connection for request in fake_server.of("submit")]
    assert len(set(paid)) == 3
    assert not set(paid) & {request.connection for request in fake_server.of("poll")}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed_on_a_call(
    client: Client, fake_server: FakeServer, photo: Path, status: int
) -> None:
    with FakeServer() as elsewhere:
        target = {"Location": f"{elsewhere.origin}/api/v1/team/balance"}
        for kind in ("submit", "poll", "balance"):
            fake_server.script(kind, Say(status, headers=target))
        with pytest.raises(hh.OutcomeUnknown if status == 302 else hh.Redirected):
            await client.submit(photo)
        with pytest.raises(hh.APIError):
            await client.read("task-1")
        with pytest.raises(hh.APIError):
            await client.balance()
        assert elsewhere.requests == []


async def test_the_key_never_goes_to_the_address_that_an_answer_names(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    with FakeServer() as elsewhere:

        def lure(body):
            body["data"]["get_result"]["url"] = f"{elsewhere.origin}/api/v1/tasks/{body['data']['task_id']}"

        fake_server.script("submit", Do(edit=lure))
        task = await client.submit(photo)
        assert task.task_id
        assert (await client.wait(task.task_id)).status == Status.DOWNLOADING
        assert elsewhere.requests == []
    assert {request.key for request in fake_server.requests} == {KEY}


@pytest.mark.parametrize(
    ("word", "status", "shown"),
    [
        ("pending", Status.PENDING, ""),
        ("warming up", Status.PROCESSING, "warming up"),
        ("succeeded", Status.DOWNLOADING, "succeeded"),
        ("completed", Status.DOWNLOADING, "completed"),
        ("error", Status.FAILED, "error"),
        ("canceled", Status.FAILED, "canceled"),
        ("cancelled", Status.FAILED, "cancelled"),
        ("expired", Status.FAILED, "expired"),
    ],
)
async def test_odd_words(
    client: Client, fake_server: FakeServer, photo: Path, word: str, status: Status, shown: str
) -> None:
    fake_server.words = (word,)
    task = await client.submit(photo)
    assert task.task_id
    read = await client.read(task.task_id)
    assert (read.status, read.said) == (status, shown)


async def test_the_bill_and_the_end_of_the_link(client: Client, fake_server: FakeServer, photo: Path) -> None:
    fake_server.words = ("success",)
    task = await client.submit(photo)
    fake_server.task.amount = "1.2345"
    fake_server.script("poll", Do(edit=lambda body: body["data"].update(result_expires_at=1_900_000_000_500)))
    read = await client.read(task.task_id or "")
    assert read.cost is not None
    assert (read.cost.amount, read.cost.billed) == (Decimal("1.2345"), True)
    assert read.expires_at == 1_900_000_000.5
    assert read.took == 61.0


async def test_a_failed_task_says_why(client: Client, fake_server: FakeServer, photo: Path) -> None:
    fake_server.words = ("failed",)
    task = await client.submit(photo)
    with pytest.raises(hh.JobFailed, match="content policy"):
        await client.wait(task.task_id or "")


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "7"}, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, {"X-RateLimit-Reset": "4102444800"}],
    ids=["seconds", "date", "reset"],
)
async def test_how_long_to_wait(client: Client, fake_server: FakeServer, photo: Path, headers: dict[str, str]) -> None:
    fake_server.script("submit", Say(429, headers=headers))
    with pytest.raises(hh.RateLimited) as caught:
        await client.submit(photo)
    # An hour at most, whatever a server says.
    assert caught.value.retry_after == (7.0 if headers.get("Retry-After") == "7" else 3600.0)


async def test_a_wait_ends_at_its_timeout_though_the_server_says_to_wait_longer(
    client: Client, fake_server: FakeServer, photo: Path
) -> None:
    task = await client.submit(photo)
    fake_server.script("poll", Say(429, headers={"Retry-After": "3000"}))
    with pytest.raises(hh.WaitTimeout, match=task.task_id or ""):
        await client.wait(task.task_id or "", timeout=0.1)


async def test_a_task_id_cannot_leave_its_path(client: Client, fake_server: FakeServer) -> None:
    odd: list[Any] = ["../../team/balance", "a/b", "", "x?y=1", "x#y", "no good id", "x\ny" * 99, None, 7]
    for task_id in odd:
        for asked in (client.read(task_id), client.wait(task_id)):
            with pytest.raises(hh.InvalidRequest, match=r"not a task id: .* Use the task_id") as caught:
                await asked
            assert caught.value.param == "task_id"
            assert "\n" not in str(caught.value)
    assert fake_server.requests == []


async def test_a_wrong_key_is_not_valid(fake_server: FakeServer) -> None:
    async with Client("another-key", fake_server.origin) as client:
        assert not await client.valid_key()
        with pytest.raises(hh.AuthenticationError):
            await client.balance()


async def test_a_key_in_code_goes_to_the_server_of_the_environment(
    fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", fake_server.origin)
    async with Client(KEY) as client:
        assert await client.balance() == Decimal("12.3400")
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    async with Client() as client:
        assert await client.valid_key()


def test_an_empty_key_is_none() -> None:
    with pytest.raises(hh.MissingKey):
        Client("  ")


async def test_what_breaks_the_limits_is_not_sent(client: Client, fake_server: FakeServer, photo: Path) -> None:
    for arguments in ({"duration": 2}, {"resolution": "4K"}, {"seed": -1}, {"colour": "red"}, {"model": "other"}):
        with pytest.raises(hh.InvalidRequest):
            await client.submit(photo, **arguments)
    with pytest.raises(hh.InvalidRequest):
        await client.submit(photo, "x" * 5001)
    with pytest.raises(hh.InvalidRequest):
        await client.submit(b"no image")
    assert fake_server.requests == []


async def test_where_nobody_listens_nothing_is_sent(photo: Path) -> None:
    async with Client(KEY, refused_origin()) as client:
        for asked in (client.submit(photo), client.read("task-1"), client.balance()):
            with pytest.raises(hh.NotSent, match=r"nothing was sent: .* refuses the connection"):
                await asked


@pytest.mark.parametrize("amount", ["1e999999999", "-1e-999999999", "NaN", True, [], {}, None])
async def test_a_balance_that_makes_no_sense_is_none(fake_server: FakeServer, client: Client, amount: Any) -> None:
    fake_server.balance = amount
    assert await client.balance() is None


@pytest.mark.parametrize("listed", [True, 7, "alibaba/x", {"slug": "x"}, [None, "x", {"slug": 7}], None])
async def test_a_list_of_models_that_is_none_is_empty(fake_server: FakeServer, client: Client, listed: Any) -> None:
    fake_server.script("models", Say(200, body={"code": 0, "data": {"models": listed}}))
    assert await client.models() == []


async def test_waiting_alone_uses_reads_that_are_held_open(
    fake_server: FakeServer, client: Client, photo: Path
) -> None:
    fake_server.holds, fake_server.words = 300.0, ("processing",)
    task = await client.submit(photo, "A slow pan")
    assert task.task_id is not None
    waiting = asyncio.ensure_future(client.wait(task.task_id))
    await fake_server.seen("poll")
    fake_server.task.say("success")
    assert (await waiting).video_url
    [asked] = fake_server.of("poll")
    assert asked.query == {"wait": "true"}


@pytest.mark.parametrize("answer", [Say(400), Say(404), Say(503), Do(cut=Cut.HALFWAY)])
async def test_waiting_alone_leaves_out_what_the_server_turns_down(
    fake_server: FakeServer, client: Client, photo: Path, answer: Answer
) -> None:
    fake_server.on_wait, fake_server.words = answer, ("processing", "success")
    task = await client.submit(photo, "A slow pan")
    assert task.task_id is not None
    assert (await client.wait(task.task_id)).video_url
    first, *others = [request.query for request in fake_server.of("poll")]
    assert first == {"wait": "true"}
    assert others
    assert not any(others)


async def test_many_waits_leave_connections_to_others(fake_server: FakeServer, client: Client, photo: Path) -> None:
    fake_server.holds, fake_server.words = 300.0, ("processing",)
    task = await client.submit(photo, "A slow pan")
    assert task.task_id is not None
    # More than aiohttp has connections.
    waiting = [asyncio.ensure_future(client.wait(task.task_id)) for _ in range(101)]
    await fake_server.seen("poll", 100)
    assert await client.balance() is not None
    fake_server.task.say("success")
    assert all(found.video_url for found in await asyncio.gather(*waiting))


async def test_an_outage_is_not_asked_twice_at_every_look(fake_server: FakeServer, client: Client, photo: Path) -> None:
    fake_server.script("poll", Say(503), Say(503), Say(503))
    fake_server.words = ("processing", "success")
    task = await client.submit(photo, "A slow pan")
    assert (await client.wait(task.task_id or "")).video_url
    asked = [request.query.get("wait") for request in fake_server.of("poll")]
    # The second is the first without the parameter. Then plain ones, until one is answered.
    assert asked == ["true", None, None, None, "true"]
