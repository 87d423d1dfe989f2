"""A video that comes slowly shows how much of it is there, and a killed kernel's half file does not stay."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Job
from happyhorse_nb.engine.fetch import DownloadProgress
from happyhorse_nb.settings import video_name
from happyhorse_nb.settings.process import at_disk
from jobs.seen import Seen, ended
from support.fake_server import Do, FakeServer

Generate = Callable[..., Job]


def test_what_has_come_is_counted_and_what_is_left_is_timed() -> None:
    now = 100.0
    download = DownloadProgress(lambda: now)
    assert (download.progress(70.0).fraction, download.progress(70.0).left) == (0.0, None)
    download.count(100, 1000)
    now = 102.0
    download.count(300, 1000)
    progress = download.progress(72.0)
    assert (progress.fraction, progress.left, progress.elapsed, progress.size) == (0.3, 7.0, 72.0, 1000)
    # Begun anew by a server that gives no parts: the pace is measured from there.
    download.count(50, 1000)
    now = 103.0
    download.count(150, 1000)
    assert download.progress(73.0).left == 8.5


def test_where_no_length_is_told_nothing_is_made_up() -> None:
    download = DownloadProgress()
    download.count(100, None)
    assert (download.progress(70.0).fraction, download.progress(70.0).size) == (0.0, None)


def test_a_slow_download_shows_how_much_is_there(fake_server: FakeServer, generate: Generate, small_mp4: bytes) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", Do(pace=0.4))
    job = generate()
    Seen(job).wait(lambda snapshot: snapshot.progress.size == len(small_mp4) and snapshot.progress.fraction > 0)
    assert str(job.status) == "downloading"
    done = ended(job).snapshot
    assert (str(done.status), done.size, done.progress.size) == ("done", len(small_mp4), None)


@pytest.mark.parametrize("when", ["as it came", "as it was fetched once more"])
def test_what_a_killed_kernel_has_left_of_a_video_is_gone_when_the_job_is_done(
    fake_server: FakeServer, generate: Generate, folder: Path, videos: Callable[[], list[str]], when: str
) -> None:
    fake_server.words = ("success",)
    if when == "as it came":
        with fake_server.held("file"):
            job = generate()
            fake_server.wait_for("file")
            job.stop()
            ended(job)
        name, left = video_name(job.snapshot.created, job.prompt, job.id), job.id
    else:
        job = ended(generate())
        [name] = videos()
        folder.joinpath(name).unlink()
        left = f"{job.id}.{'0' * 16}"
    folder.joinpath(f"{Path(name).stem[:40]}.{left}.part").write_bytes(b"left behind")
    assert [str(ended(again).status) for again in hh.resume(job.id)] == ["done"]
    assert videos() == [name]


async def test_a_disk_that_stands_still_keeps_no_look_at_a_task_waiting() -> None:
    stands = threading.Event()
    writes = [asyncio.ensure_future(at_disk(stands.wait)) for _ in range(40)]
    await asyncio.sleep(0)
    try:
        # What reading an answer needs: a thread of the others'.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "read"), 30) == "read"
    finally:
        stands.set()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*writes)
