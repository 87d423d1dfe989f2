"""The trouble that a sandbox can be asked to make."""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from pathlib import Path

import pytest

from happyhorse_nb import wire
from happyhorse_nb.errors import ConfigError, InsufficientBalance, RateLimited
from happyhorse_nb.models import Status
from happyhorse_nb.sandbox import SandboxOptions
from happyhorse_nb.sandbox.answers import Throttle
from sandbox.conftest import Running


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_a_minute() -> None:
    throttle = Throttle(1)
    assert throttle.take(1_000_000.0)[0]
    assert not throttle.take(1_000_010.0)[0]
    assert throttle.take(1_000_000.0 - 86_400)[0]


async def test_every_task_fails(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.2, fail="the horse is tired")) as caller:
        task_id = await caller.accepted()
        data = await caller.over(task_id)
        assert data["error"] == {"message": "the horse is tired"}
        assert "billing" not in data
        read = wire.parse((await caller.get(f"/api/v1/tasks/{task_id}")).json)
        assert (read.status, read.message) == (Status.FAILED, "the horse is tired")
        assert (await caller.get("/api/v1/team/balance")).json["data"]["balance"] == 1000


async def test_tasks_with_a_word_fail(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.2, fail_word="Storm")) as caller:
        bad, good = await caller.accepted(prompt="a STORM at sea"), await caller.accepted(prompt="a calm sea")
        assert "'Storm'" in (await caller.over(bad))["error"]["message"]
        assert (await caller.over(good))["status"] == "success"


async def test_a_submit_is_held(running: Running, folder: Path) -> None:
    async with running(SandboxOptions(seconds=0.2, accept_delay=3600)) as caller:
        held = asyncio.create_task(caller.submit())
        # Reads pass it, and what breaks the limits is refused at once.
        assert (await caller.submit(duration=99)).status == 400
        assert (await caller.get("/api/v1/models")).status == 200
        assert not held.done()
        assert not list((folder / "tasks").iterdir())
        held.cancel()
    async with running(SandboxOptions(seconds=0.2, accept_delay=0.1)) as caller:
        assert (await caller.submit()).status == 200


async def test_the_requests_of_a_minute_are_counted(running: Running) -> None:
    async with running(SandboxOptions(requests_per_minute=2)) as caller:
        before = time.time()
        first = await caller.get("/api/v1/models")
        assert first.headers["X-RateLimit-Limit"] == "2"
        assert first.headers["X-RateLimit-Remaining"] == "1"
        assert (await caller.get("/api/v1/tasks/task-none")).headers["X-RateLimit-Remaining"] == "0"
        for refused in (await caller.submit(), await caller.get("/api/v1/models")):
            assert refused.status == 429
            assert refused.json["message"].startswith("Too many requests: ")
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
            # A minute after the first request.
            assert before + 59 <= float(refused.headers["X-RateLimit-Reset"]) <= time.time() + 61
            error = wire.parse_error(429, refused.json, refused.headers, now=time.time())
            assert isinstance(error, RateLimited)
            assert error.retry_after == int(refused.headers["Retry-After"])
        # Without a key nobody is let in, so nothing is counted.
        assert (await caller.get("/api/v1/models", key=None)).status == 401


async def test_the_running_tasks_are_counted(running: Running) -> None:
    async with running(SandboxOptions(seconds=3600, fail="it is not about the clip", max_concurrent=2)) as caller:
        answers = await asyncio.gather(*(caller.submit() for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 200, 429, 429]
        refused = next(answer for answer in answers if answer.status == 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.headers["X-RateLimit-Remaining"] == "0"


async def test_a_task_that_is_over_leaves_its_place_to_another(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.2, fail="it is not about the clip", max_concurrent=1)) as caller:
        await caller.over(await caller.accepted())
        assert (await caller.submit()).status == 200


async def test_the_play_money_runs_out(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.2, balance=0.5)) as caller:
        await caller.accepted()
        assert (await caller.get("/api/v1/team/balance")).json["data"]["balance"] == pytest.approx(0.116)
        refused = await caller.submit()
        assert refused.json["message"] == "Insufficient balance: this costs $0.38 and $0.12 of the play money is left"
        error = wire.parse_error(refused.status, refused.json, refused.headers, now=0)
        assert isinstance(error, InsufficientBalance)


def test_options_survive_the_command_line() -> None:
    given = SandboxOptions(
        seconds=0.5, fail="--no, never", requests_per_minute=7, keep=60, balance=0, fragmented=True, sample_rate=24_000
    )
    parser = argparse.ArgumentParser(allow_abbrev=False)
    SandboxOptions.add_arguments(parser)
    assert SandboxOptions.from_arguments(parser.parse_args(given.arguments())) == given
    assert SandboxOptions.from_arguments(parser.parse_args([])) == SandboxOptions()
    assert SandboxOptions().arguments() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": -1},
        {"keep": math.nan},
        {"balance": math.inf},
        {"max_concurrent": 0},
        {"requests_per_minute": -3},
        {"sample_rate": 8000},
    ],
    ids=str,
)
def test_options_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SandboxOptions(**wrong)  # type: ignore[arg-type]  # wrong values are what is tested


def test_an_empty_message_fails_nothing() -> None:
    assert SandboxOptions(fail="").failure("x") is None
    assert SandboxOptions(fail="no", fail_word="").failure("x") == "no"
