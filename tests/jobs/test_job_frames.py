"""A first frame waits on disk, not in memory, and what goes out is what was shown."""

from __future__ import annotations

import base64
import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb import Job
from happyhorse_nb.settings.config import Settings
from jobs.seen import Seen, ended
from support.fake_server import FakeServer

Generate = Callable[..., Job]

#: Everything is imported and made once by a first job; only the second one's memory counts.
PROGRAM = """
import os, sys, time, tracemalloc
import happyhorse_nb as hh
small, heavy = sys.argv[1:]
hh.generate(small, "first").result(timeout=60)
tracemalloc.start()
before, _ = tracemalloc.get_traced_memory()
job = hh.generate(heavy, "second")
while job.task_id is None:
    assert not job.done(), job.error
    time.sleep(0.01)
_, peak = tracemalloc.get_traced_memory()
print((peak - before) / (os.path.getsize(heavy) * 4 / 3))
"""


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    """A PNG of almost 10 MB."""
    path = tmp_path / "heavy.png"
    Image.frombytes("RGB", (1850, 1850), random.Random(7).randbytes(1850 * 1850 * 3)).save(path, compress_level=0)
    return path


def test_a_heavy_first_frame_goes_from_file_to_request_without_needless_copies(
    fake_server: FakeServer, generate: Generate, heavy: Path, photo: Path
) -> None:
    fake_server.words = ("success",)
    command = [sys.executable, "-c", PROGRAM, str(photo), str(heavy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # As a multiple of its base64. 3 is what is promised; the bytes once are 0.75, and once more while they are sent.
    assert float(done.stdout) < 1.7
    uri = fake_server.of("submit")[1].json["first_frame_image"]
    assert base64.b64decode(uri.partition(",")[2]) == heavy.read_bytes()


def kept(home: Path, photo: Path) -> Path:
    return home / "frames" / hashlib.sha256(photo.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda path: path.write_bytes(b"another picture")], ids=["gone", "other"]
)
def test_a_waiting_job_whose_first_frame_was_lost_is_refused_and_not_paid_for(
    fake_server: FakeServer,
    generate: Generate,
    settings: Settings,
    home: Path,
    photo: Path,
    harm: Callable[[Path], object],
) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    running = generate("first")
    Seen(running).until("processing")
    waiting = generate("second")
    harm(kept(home, photo))
    fake_server.task.say("success")
    assert str(ended(running).status) == "done"
    assert str(ended(waiting).status) == "refused"
    assert isinstance(waiting.error, hh.JobError)
    assert "not in" in waiting.snapshot.message
    assert fake_server.paid == 1
    # And the same cell, run again, works.
    fake_server.words = ("success",)
    assert str(ended(generate("second")).status) == "done"


def test_a_shortened_copy_of_a_first_frame_is_made_whole_by_the_next_use(
    fake_server: FakeServer, generate: Generate, home: Path, photo: Path
) -> None:
    kept(home, photo).parent.mkdir(parents=True)
    kept(home, photo).write_bytes(b"")
    fake_server.words = ("success",)
    assert str(ended(generate()).status) == "done"
    assert kept(home, photo).read_bytes() == photo.read_bytes()
    assert fake_server.paid == 1
