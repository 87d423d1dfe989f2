"""The fake server does what its scripts say: every other test leans on it."""

from __future__ import annotations

import aiohttp
import pytest

from support.fake_server import KEY, SIGNATURE, Cut, Do, FakeServer, Say, refused_origin
from support.videos import look_into

SUBMIT = "/api/v1/alibaba/happyhorse-1.0-i2v/async"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
async def http(fake_server: FakeServer):
    async with aiohttp.ClientSession(fake_server.origin, headers=HEADERS) as session:
        yield session


async def submit(http: aiohttp.ClientSession) -> str:
    async with http.post(SUBMIT, json={"prompt": "p"}) as answer:
        return (await answer.json())["data"]["task_id"]


async def word(http: aiohttp.ClientSession, task_id: str) -> str:
    async with http.get(f"/api/v1/tasks/{task_id}") as answer:
        return (await answer.json())["data"]["status"]


async def test_without_a_script_a_task_goes_its_way(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    task_id = await submit(http)
    assert [await word(http, task_id) for _ in range(4)] == ["pending", "processing", "success", "success"]
    assert fake_server.paid == 1
    [request] = fake_server.of("submit")
    assert request.json == {"prompt": "p"}
    assert request.key == KEY


async def test_a_link_gives_the_video_or_a_part_of_it(
    fake_server: FakeServer, http: aiohttp.ClientSession, small_mp4: bytes
) -> None:
    fake_server.words = ("success",)
    task_id = await submit(http)
    async with http.get(f"/api/v1/tasks/{task_id}") as answer:
        link = (await answer.json())["data"]["result"]["resources"][0]["url"]
    assert SIGNATURE in link
    async with http.get(link) as answer:
        whole = await answer.read()
    assert look_into(whole) == ("h264", 320, 214, 2.0)
    async with http.get(link, headers={"Range": "bytes=100-"}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes 100-{len(small_mp4) - 1}/{len(small_mp4)}"
        assert await answer.read() == whole[100:]


async def test_scripted_answers_come_once_each(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    fake_server.script("submit", Say(429, headers={"Retry-After": "7"}), Say(raw=b"<html>"))
    async with http.post(SUBMIT, json={}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    async with http.post(SUBMIT, json={}) as answer:
        assert await answer.read() == b"<html>"
    assert fake_server.tasks == {}
    await submit(http)
    assert (fake_server.paid, len(fake_server.tasks)) == (3, 1)


@pytest.mark.parametrize(
    ("cut", "accepted"), [(Cut.BEFORE_READING, 0), (Cut.AFTER_ACCEPTING, 1), (Cut.HALFWAY, 1)], ids=lambda v: str(v)
)
async def test_a_cut_connection(fake_server: FakeServer, http: aiohttp.ClientSession, cut: Cut, accepted: int) -> None:
    fake_server.script("submit", Do(cut=cut))
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
        await submit(http)
    assert (fake_server.paid, len(fake_server.tasks)) == (1, accepted)


async def test_a_video_cut_in_the_middle_leaves_half_of_it(
    fake_server: FakeServer, http: aiohttp.ClientSession, small_mp4: bytes
) -> None:
    fake_server.script("file", Do(cut=Cut.HALFWAY))
    half = len(small_mp4) // 2
    async with http.get("/files/x.mp4") as answer:
        assert answer.content_length == len(small_mp4)
        assert await answer.content.readexactly(half) == small_mp4[:half]
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()


async def test_an_answer_is_held_until_let_go(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    import asyncio

    with fake_server.held("submit"):
        asked = asyncio.create_task(submit(http))
        await fake_server.seen("submit")
        assert fake_server.tasks == {}
        assert not asked.done()
    assert await asked in fake_server.tasks


async def test_a_task_waits_for_the_tests_word(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    fake_server.words = ("pending",)
    task_id = await submit(http)
    assert [await word(http, task_id) for _ in range(3)] == ["pending"] * 3
    fake_server.task.say("processing", "failed")
    assert [await word(http, task_id) for _ in range(3)] == ["processing", "failed", "failed"]


async def test_a_wrong_key_is_turned_away(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    async with http.post(SUBMIT, json={}, headers={"Authorization": "Bearer other"}) as answer:
        assert answer.status == 401
    assert fake_server.tasks == {}


async def test_an_answer_edited_by_the_test(fake_server: FakeServer, http: aiohttp.ClientSession) -> None:
    fake_server.script("submit", Do(edit=lambda body: {**body, "code": 17}))
    async with http.post(SUBMIT, json={}) as answer:
        assert (await answer.json())["code"] == 17


async def test_nobody_listens_at_a_refused_origin() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(refused_origin())


async def test_an_answer_may_come_late_and_a_file_in_pieces(
    fake_server: FakeServer, http: aiohttp.ClientSession
) -> None:
    late = Do(late=0.01)
    fake_server.script("submit", late)
    fake_server.script("file", Do(pace=0.001), Do(pace=0.001))
    await submit(http)
    assert [request.answer for request in fake_server.of("submit")] == [late]
    async with http.get(f"{fake_server.origin}/files/task-fake0001.mp4") as answer:
        assert await answer.read() == fake_server.video
        assert answer.content_length == len(fake_server.video)
    async with http.get(f"{fake_server.origin}/files/task-fake0001.mp4", headers={"Range": "bytes=100-"}) as answer:
        assert (answer.status, await answer.read()) == (206, fake_server.video[100:])
