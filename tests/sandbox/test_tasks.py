"""Tasks on disk: restarts, several servers, and the end of a task's time."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from filelock import Timeout

from happyhorse_nb.errors import ConfigError, HappyHorseError
from happyhorse_nb.sandbox import Sandbox, SandboxOptions
from happyhorse_nb.sandbox.store import Task, TaskStore
from sandbox.calls import PICTURE, Caller, data_uri
from sandbox.conftest import Running

QUICK = SandboxOptions(seconds=0.2)


def names(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def task(**fields: float | str) -> Task:
    given = {"model": "m", "prompt": "", "resolution": "720P", "duration": 3, "seed": 1, "created": 100.0} | fields
    return Task(**{"seconds": 10.0, **given})  # type: ignore[arg-type]  # a handful of plain values


def test_the_state_follows_from_the_clock() -> None:
    running = task()
    assert [running.status(now) for now in (100.0, 101.4, 101.6, 110.0, 500.0)] == [
        "pending", "pending", "processing", "processing", "processing",
    ]  # fmt: skip
    early, late = task(ended=104.0), task(ended=113.0)
    assert [early.status(now) for now in (104.0, 109.9, 110.0)] == ["processing", "processing", "success"]
    assert [late.status(now) for now in (110.0, 113.0)] == ["processing", "success"]
    failed = task(ended=100.0, error="no")
    assert [failed.status(now) for now in (100.0, 105.0, 110.0)] == ["pending", "processing", "failed"]
    assert failed.amount() == 0


async def test_a_new_server_answers_for_old_tasks(running: Running) -> None:
    async with running(QUICK) as caller:
        task_id = await caller.accepted()
        before = await caller.over(task_id)
        video = await caller.video(before)
        old = caller.origin
    async with running(QUICK) as caller:
        after = await caller.read(task_id)
        assert await caller.video(after) == video
        # The link leads to the server that was asked, wherever that is now.
        assert after["result"]["resources"][0].pop("url").startswith(caller.origin)
        assert before["result"]["resources"][0].pop("url").startswith(old)
        assert after == before
        assert (await caller.get("/api/v1/team/balance")).json["data"]["balance"] == pytest.approx(1000 - 3 * 0.128)


async def test_a_new_server_finishes_what_another_left(running: Running, folder: Path) -> None:
    async with running(QUICK) as caller:
        task_ids = [await caller.accepted(resolution="1080P", duration=15), await caller.accepted()]
        assert (await caller.read(task_ids[0]))["status"] in ("pending", "processing")
    assert names(folder) == {"task.json", "first_frame", "lock"}
    store = TaskStore(folder, keep=3600)
    left = [store.get(task_id) for task_id in task_ids]
    assert all(task is not None and task.ended is None for task in left)
    # The long one need not be waited for here.
    (folder / "tasks" / task_ids[0]).rename(folder / "elsewhere")
    async with running(QUICK) as caller:
        data = await caller.over(task_ids[1])
        assert data["status"] == "success"
        assert (await caller.video(data))[4:8] == b"ftyp"


async def test_two_servers_on_one_folder(running: Running) -> None:
    async with running(QUICK) as one, running(QUICK) as other:
        task_ids = [await caller.accepted(seed=seed) for seed, caller in enumerate((one, other))]
        # Each is asked about the other's tasks, while they are rendered and after.
        results = await asyncio.gather(*(caller.over(task_id) for task_id in task_ids for caller in (one, other)))
        assert [data["status"] for data in results] == ["success"] * 4
        for mine, theirs in zip(results[::2], results[1::2], strict=True):
            assert await one.video(mine) == await other.video(theirs)


async def test_a_server_takes_over_from_one_that_leaves(running: Running) -> None:
    async with running(QUICK) as stays:
        async with running(QUICK) as leaves:
            task_id = await leaves.accepted()
        assert (await stays.over(task_id))["status"] == "success"


async def test_an_expired_task_is_no_task(running: Running, folder: Path) -> None:
    old = task(ended=104.0)
    TaskStore(folder, keep=0).add(old, {"first_frame": PICTURE})
    async with running(QUICK) as caller:
        assert (await caller.get(f"/api/v1/tasks/{old.id}")).status == 404
        assert (await caller.get(f"/files/{old.token}/{old.id}.mp4")).status == 404
        assert (await caller.get("/api/v1/team/balance")).json["data"]["balance"] == 1000


def test_what_has_expired_is_removed(folder: Path) -> None:
    store = TaskStore(folder, keep=3600)
    old, unfinished, new = task(ended=104.0), task(), task(ended=time.time())
    for one in (old, unfinished, new):
        store.add(one, {"first_frame": PICTURE})
    # Another server may be making it at this moment.
    half_made = folder / "tasks" / ".new-task-0"
    half_made.mkdir()
    store.sweep()
    assert {path.name for path in (folder / "tasks").iterdir()} == {unfinished.id, new.id, half_made.name}
    os.utime(half_made, (0, 0))
    store.sweep()
    assert not half_made.exists()


async def test_records_that_cannot_be_read_are_passed_over(running: Running, folder: Path) -> None:
    tasks = folder / "tasks"
    for name, text in {"task-a": "{", "task-b": "[]", "task-c": '{"id": "task-c"}', "task-d": "null"}.items():
        (tasks / name).mkdir(parents=True)
        (tasks / name / "task.json").write_text(text)
    (tasks / "task-e").mkdir()
    (tasks / "a file").write_text("")
    async with running(SandboxOptions(seconds=0, fail="quickly")) as caller:
        for name in ("task-a", "task-b", "task-c", "task-d", "task-e"):
            assert (await caller.get(f"/api/v1/tasks/{name}")).status == 404
        assert (await caller.over(await caller.accepted()))["status"] == "failed"


async def test_a_picture_that_cannot_be_decoded_fails_its_task(caller: Caller) -> None:
    data = await caller.over(await caller.accepted(data_uri(PICTURE[: len(PICTURE) // 2])))
    assert data["status"] == "failed"
    assert "damaged" in data["error"]["message"]


def test_one_lock_for_all_servers(folder: Path) -> None:
    store = TaskStore(folder, keep=3600)
    new = task()
    store.add(new, {"first_frame": PICTURE})
    one, other = store.lock(new.id), TaskStore(folder, keep=3600).lock(new.id)
    with one, pytest.raises(Timeout):
        other.acquire()
    with other:
        assert other.is_locked


def test_nobody_else_may_read_the_tasks(folder: Path) -> None:
    store = TaskStore(folder, keep=3600)
    store.add(task(), {"first_frame": PICTURE})
    kept = list((folder / "tasks").rglob("*"))
    assert len(kept) == 3
    assert not any(path.stat().st_mode & 0o077 for path in kept)


async def test_a_port_or_a_folder_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    async with Sandbox(folder) as sandbox:
        port = int(sandbox.origin.rpartition(":")[2])
        for wrong in (port, 70_000):
            with pytest.raises(ConfigError, match=f"port {wrong}"):
                await Sandbox(folder, port=wrong).start()
    with pytest.raises(HappyHorseError, match="not running"):
        _ = sandbox.origin
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="folder"):
        await Sandbox(tmp_path / "file" / "below").start()


async def test_a_read_is_held_open_until_the_task_says_another_word(running: Running) -> None:
    async with running(SandboxOptions(seconds=2.0)) as caller:
        task_id = await caller.accepted()
        words = [(await caller.get(f"/api/v1/tasks/{task_id}?wait=true")).json["data"]["status"] for _ in range(2)]
        # Never the word that it had when it was asked about; on a slow machine the first is over by then.
        assert words in (["processing", "success"], ["success", "success"])
        # Of one that is over there is no more to wait for.
        assert (await caller.get(f"/api/v1/tasks/{task_id}?wait=true")).json["data"]["status"] == "success"


async def test_a_read_is_not_held_for_ever_and_where_told_not_at_all(running: Running) -> None:
    for hold in (0.2, 0.0):
        async with running(SandboxOptions(seconds=300.0, hold=hold)) as caller:
            task_id = await caller.accepted()
            answer = await caller.get(f"/api/v1/tasks/{task_id}?wait=true")
            assert answer.json["data"]["status"] == "pending"


async def test_who_waits_for_an_answer_has_it_when_the_server_stops(running: Running) -> None:
    async with running(SandboxOptions(seconds=300.0, hold=300.0)) as caller:
        task_id = await caller.accepted()
        held = asyncio.ensure_future(caller.get(f"/api/v1/tasks/{task_id}?wait=true"))
        # On a connection of its own, begun later: when it is answered, the other has arrived.
        await caller.get(f"/api/v1/tasks/{task_id}")
        assert not held.done()
    assert (await held).json["data"]["status"] == "pending"
