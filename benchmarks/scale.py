"""A thousand jobs in one kernel: throughput against aiohttp alone, and what they cost the kernel while they wait."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

import happyhorse_nb
from kernel import kernel_on
from table import Row, show

_HERE = Path(__file__).parent
_JOBS, _CARDS, _CELLS, _PAUSE = 1000, 40, 150, 0.3
#: Seconds that a task takes: hardly any, so that nothing is measured but what a job costs, and a very fast server's.
_TAKES = 2.0, 30.0
_MEMORY = """
import tracemalloc
jobs = [hh.generate("photo.jpg", "warm")]
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
jobs += [hh.generate("photo.jpg", f"waiting {n}") for n in range(500)]
import gc, time
while any(job.snapshot.position is None for job in jobs):
    time.sleep(0.1)
gc.collect()
print("bytes", (tracemalloc.get_traced_memory()[0] - before) / 500)
tracemalloc.stop()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.effect_noise((640, 427), 40).convert("RGB").save(photo)
        for takes in _TAKES:
            with server(folder, takes) as origin:
                _throughput(folder, origin, photo, takes)
        with server(folder, 60.0) as origin:
            _at_work(folder, origin)


def _throughput(folder: str, origin: str, photo: Path, takes: float) -> None:
    # A ledger of its own: nothing is known of such tasks.
    ours = _run(folder, origin, "scale_ours.py", photo, _JOBS)
    counts = json.loads(urllib.request.urlopen(f"{origin}/counts").read())
    alone = "scale_bare.py", origin, photo, _JOBS, counts["poll"] / _JOBS, takes
    bare, kept = _run(folder, origin, *alone), _run(folder, origin, *alone, "keeps")
    print(f"\n{_JOBS} jobs that take {takes:g} s each: {counts['poll']} reads, no limit.\n")
    rate, base, promised = (_JOBS / run["seconds"] for run in (ours, bare, kept))
    show(
        [
            Row("jobs a second", rate, "", "ratio >= 0.8", base, "aiohttp alone"),
            Row("the same, of aiohttp that keeps the promises", promised, "", "", base, "aiohttp alone"),
            Row("CPU for a job", ours["cpu"], "ms", "", bare["cpu"], "aiohttp alone"),
            Row("the same, of aiohttp that keeps the promises", kept["cpu"], "ms", "", bare["cpu"], "aiohttp alone"),
            Row("from the first generate to the last", ours["asked"], "s", ""),
        ]
    )


def _at_work(folder: str, origin: str) -> None:
    with kernel_on(origin, folder) as run:
        run.seconds("%load_ext happyhorse_nb\nimport happyhorse_nb as hh")
        run.seconds("%config HappyHorse.requests_per_minute = 1000\n%config HappyHorse.max_concurrent = 200")
        idle = []
        for _ in range(_CELLS):
            idle.append(run.seconds("1+1"))
            run.hear(_PAUSE)
        run.seconds(f"work = [hh.generate('photo.jpg', str(n), duration=3) for n in range({_JOBS})]")
        run.seconds(f"for job in work[:{_CARDS}]: display(job)")
        busy, heard, started = [], len(run.heard), time.perf_counter()
        for _ in range(_CELLS):
            busy.append(run.seconds("1+1"))
            # As a front end: what comes between two cells is read when it comes, not first thing with the next cell.
            run.hear(_PAUSE)
        seconds = time.perf_counter() - started
        messages = sum(message["msg_type"] == "comm_msg" for _, message in run.heard[heard:])
        told = len(run.heard)
        run.seconds("%config HappyHorse.max_concurrent = 1\n" + _MEMORY)
        [size] = [
            float(message["content"]["text"].split()[1])
            for _, message in run.heard[told:]
            if message["msg_type"] == "stream" and "bytes" in message["content"]["text"]
        ]
    print(f"\n{_JOBS} jobs at 1,000 requests a minute, 200 at once, {_CARDS} cards.\n")
    show(
        [
            Row("1+1, median", 1000 * statistics.median(busy), "ms", "", 1000 * statistics.median(idle), "idle"),
            Row("1+1, 95th percentile", 1000 * _late(busy), "ms", "ratio <= 1.3", 1000 * _late(idle), "idle"),
            Row("messages a second to the front end", messages / seconds, "", f"<= {2 * _CARDS}"),
            Row("memory of a job that waits", size / 1024, "KiB", ""),
        ]
    )


def _late(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _run(folder: str, origin: str, program: str, *arguments: object) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(happyhorse_nb.__file__).parent.parent),
        "HAPPYHORSE_HOME": tempfile.mkdtemp(dir=folder),
        "MODELLIX_BASE_URL": origin,
        "MODELLIX_API_KEY": "none",
    }
    command = [sys.executable, str(_HERE / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def server(folder: str, seconds: float) -> Iterator[str]:
    """The fast server in a process of its own, with a real video."""
    video = Path(folder) / "clip.mp4"
    if not video.exists():
        _film(video)
    command = [sys.executable, str(_HERE / "fast_server.py"), str(video), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def _film(path: Path) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 214, "yuv420p"
        for shade in range(48):
            frame = av.VideoFrame.from_ndarray(np.full((214, 320, 3), 5 * shade, np.uint8), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
