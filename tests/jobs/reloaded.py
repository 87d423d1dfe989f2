"""A program that runs every module of the package anew, while a job runs, and then makes some more.

Its arguments: in which order, a folder of its own, and a photograph. What is wrong ends it with an error.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import happyhorse_nb as hh
from happyhorse_nb.inputs import load
from happyhorse_nb.models import find_model
from happyhorse_nb.settings import account
from happyhorse_nb.settings.config import config
from support.fake_server import KEY, FakeServer, Say
from support.videos import make_mp4

DEADLINE = 120.0
ORDERS: dict[str, Any] = {
    "inner first": lambda names: sorted(names, key=lambda name: -name.count(".")),
    "outer first": lambda names: sorted(names, key=lambda name: name.count(".")),
    "backwards": lambda names: list(reversed(names)),
    "twice": lambda names: names * 2,
}


def main(order: str, folder: Path, photo: Path) -> None:
    everything = [module.name for module in pkgutil.walk_packages(hh.__path__, "happyhorse_nb.")]
    names = ["happyhorse_nb", *(name for name in everything if not name.endswith("__main__"))]
    for name in names:
        importlib.import_module(name)
    settings = config()
    settings.max_poll_gap, settings.max_backoff, settings.requests_per_minute = 0.1, 0.01, 10_000
    settings.folder = str(folder / "videos")
    with FakeServer(video=make_mp4()) as server:
        # Typed in, as by %happyhorse login.
        account.use(account.account_of(KEY, server.origin))
        server.words = ("processing",)
        job, stopped = hh.generate(photo, "before"), hh.generate(photo, "stopped")
        takes = hh.generate(photo, "takes", takes=2)
        limits = find_model("happyhorse-1.0-i2v").role("first_frame").image
        assert limits is not None
        frame = load(str(photo), limits=limits)
        server.wait_for("poll", 2)
        error = hh.NotFound
        for name in ORDERS[order](names):
            importlib.reload(sys.modules[name])
        old_and_new(server, photo, job, stopped, takes, frame)
        assert importlib.import_module("happyhorse_nb.errors").NotFound is error


def old_and_new(server: FakeServer, photo: Path, job: Any, stopped: Any, takes: Any, frame: Any) -> None:
    """What was made before goes on, what is made now too, and each knows the other."""
    stopped.stop()
    with suppress(hh.JobStopped):
        stopped.result(timeout=DEADLINE)
    assert "as you asked" in str(stopped.error), stopped.error
    server.script("poll", Say(503), Say(404), Say(429, headers={"Retry-After": "0"}))
    server.words = ("processing", "success")
    for task in server.tasks.values():
        task.say("success")
    job.result(timeout=DEADLINE)
    takes.result(timeout=DEADLINE)
    paid = server.paid
    assert hh.generate(photo, "before") == job
    assert job in hh.jobs()
    assert server.paid == paid
    server.script("submit", Say(429, headers={"Retry-After": "0"}))
    hh.generate(photo, "after").result(timeout=DEADLINE)
    assert hh.again(takes).result(timeout=DEADLINE)
    server.script("submit", Say(400))
    with suppress(hh.JobRefused):
        hh.generate(photo, "refused").result(timeout=DEADLINE)
        raise AssertionError("it was refused")
    with suppress(hh.InvalidRequest):
        hh.generate(photo, "too long", duration=99)
        raise AssertionError("it breaks a limit")
    with suppress(hh.JobNotFound):
        hh.resume("task-nobody-knows-1")
        raise AssertionError("nobody knows it")
    assert hh.balance() == Decimal("12.34")
    assert asyncio.run(directly(server.origin, frame)) == "downloading"
    named = importlib.import_module("happyhorse_nb.magic.options")
    complete = importlib.import_module("happyhorse_nb.magic.complete")
    shell = SimpleNamespace(user_ns={"launch": job, "tries": takes, "other": 1})
    assert named.job_named(shell, "launch") is job
    assert named.job_named(shell, "tries[1]") is takes[1]
    offers = complete.offered(shell, "%happyhorse show ", "")
    assert offers[:2] == [("launch", "before"), ("tries", "takes, 2 done")], offers


async def directly(origin: str, frame: Any) -> str:
    """A task of the client alone, from a first frame that was loaded before."""
    async with hh.Client(KEY, origin) as client:
        task = await client.submit(frame, "directly")
        assert task.task_id is not None
        return str((await client.wait(task.task_id)).status)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
