"""A first frame of 10 MB on its way out and a video of 500 MB on its way in, against bare aiohttp doing the same."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import av
from PIL import Image

from happyhorse_nb import Client, Snapshot, Status
from happyhorse_nb.inputs import load
from happyhorse_nb.models import find_model
from table import Row, show

_RUNS, _SENDS, _SIZE, _MB = 5, 20, 500_000_000, 1_000_000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame, video = folder / "frame.png", folder / "big.mp4"
        Image.frombytes("RGB", (1850, 1850), os.urandom(1850 * 1850 * 3)).save(frame, compress_level=0)
        _make(video)
        store = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("one_video.py")), str(video)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert store.stdout is not None
            origin = store.stdout.readline().strip()
            rates = asyncio.run(_rates(origin, frame, folder))
            show([*rates, *_peaks(origin, folder)])
        finally:
            store.kill()
            store.wait()


async def _rates(origin: str, frame: Path, folder: Path) -> list[Row]:
    limits = find_model("happyhorse-1.0-i2v").role("first_frame").image
    assert limits is not None
    async with Client("bench", origin) as client:
        # Checked before, as aiohttp checks nothing; read again from its file, as for a job that has waited.
        ready = load(frame, limits=limits).resting(frame)

        async def send() -> None:
            for _ in range(_SENDS):
                await client.submit(ready, "A slow pan")

        async def send_bare() -> None:
            for _ in range(_SENDS):
                await _send(origin, frame)

        async def fetch() -> None:
            task = Snapshot(status=Status.DOWNLOADING, task_id="task-1", video_url=f"{origin}/video.mp4")
            await client.download(task, folder / "ours.mp4")
            (folder / "ours.mp4").unlink()

        async def fetch_bare() -> None:
            await _fetch(f"{origin}/video.mp4", folder / "bare.mp4")

        async def fetch_three() -> None:
            task = Snapshot(status=Status.DOWNLOADING, task_id="task-1", video_url=f"{origin}/video.mp4")
            targets = [folder / f"{number}.mp4" for number in range(3)]
            await asyncio.gather(*[client.download(task, target) for target in targets])
            for target in targets:
                target.unlink()

        sent = await _in_turn(send, send_bare)
        came = await _in_turn(fetch, fetch_bare)
        lag = statistics.median([await _lag(fetch_three) for _ in range(3)])
    return [
        _row("encode and send 10 MB", sent, _SENDS * (len(ready.read()) / _MB)),
        _row("download 500 MB to disk", came, _SIZE / _MB),
        Row("loop late while 3 x 500 MB come, 99th percentile", 1000 * lag, "ms", ""),
    ]


def _peaks(origin: str, folder: Path) -> list[Row]:
    rows = []
    for kind in ("PNG", "JPEG"):
        path = folder / f"one.{kind.lower()}"
        path.write_bytes(_heavy(kind))
        peak = statistics.median(_peak("send", origin, path) for _ in range(3)) / (path.stat().st_size * 4 / 3)
        rows.append(Row(f"RSS more at most, 10 MB {kind} from file to accepted, of its base64", peak, "", "<= 3"))
    grown = statistics.median(_peak("fetch", origin, folder / "last.mp4") for _ in range(3)) / _MB
    return [*rows, Row("RSS more at most, download of 500 MB", grown, "MB", "constant")]


def _row(what: str, times: tuple[float, float], megabytes: float) -> Row:
    ours, bare = (megabytes / seconds for seconds in times)
    return Row(what, ours, "MB/s", "ratio >= 0.9", bare, "bare aiohttp")


async def _in_turn(ours: Callable[[], Awaitable[None]], bare: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Medians in seconds, after a run of each that does not count."""
    times: tuple[list[float], list[float]] = [], []
    for run in range(_RUNS + 1):
        for act, taken in zip((ours, bare), times, strict=True):
            started = time.perf_counter()
            await act()
            if run:
                taken.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


async def _lag(act: Callable[[], Awaitable[None]]) -> float:
    """By how many seconds a timer is late at the 99th percentile meanwhile: what a look at a task would wait."""
    late: list[float] = []

    async def measure() -> None:
        while True:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - due)

    measuring = asyncio.ensure_future(measure())
    await act()
    measuring.cancel()
    return sorted(late)[int(len(late) * 0.99)]


async def _send(origin: str, frame: Path) -> None:
    picture = await asyncio.to_thread(frame.read_bytes)
    body = {"first_frame_image": "data:image/png;base64," + base64.b64encode(picture).decode(), "prompt": "A slow pan"}
    # A connection of its own, as a paid request has. As a file in memory: given as one text it takes far longer.
    data = io.BytesIO(json.dumps(body).encode())
    async with aiohttp.ClientSession() as session, session.post(f"{origin}/api", data=data) as answer:
        await answer.json()


async def _fetch(url: str, target: Path) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        with target.open("wb") as file:
            async for chunk in answer.content.iter_chunked(256 * 1024):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    await asyncio.to_thread(target.unlink)


#: In a process of its own: everything is imported and used once before it counts.
_PEAK = """
import asyncio, os, sys
from pathlib import Path
kind, origin, small, path = sys.argv[1:]
os.environ.update(MODELLIX_API_KEY="bench", MODELLIX_BASE_URL=origin)
from happyhorse_nb import Client, Snapshot, Status

def memory(name):
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(found.split()[1]) * 1024

async def main():
    task = Snapshot(status=Status.DOWNLOADING, task_id="task-1", video_url=f"{origin}/video.mp4")
    async with Client() as client:
        await client.submit(small, "warm")
        if kind == "fetch":
            await client.download(task, path)
            os.unlink(path)
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        if kind == "fetch":
            await client.download(task, path)
            os.unlink(path)
        else:
            await client.submit(path, "counts")
        print(memory("VmHWM") - before)

asyncio.run(main())
"""


def _peak(kind: str, origin: str, path: Path) -> int:
    """By how many bytes a process grows at most."""
    small = path.with_name("small.jpg")
    Image.new("RGB", (640, 427), "navy").save(small)
    command = [sys.executable, "-c", _PEAK, kind, origin, str(small), str(path)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _heavy(kind: str) -> bytes:
    """A picture that cannot be packed, of almost 10 MB."""
    out = io.BytesIO()
    if kind == "PNG":
        Image.frombytes("RGB", (1850, 1850), os.urandom(1850 * 1850 * 3)).save(out, kind, compress_level=0)
        return out.getvalue()
    noise = Image.frombytes("RGB", (1400, 1050), os.urandom(1400 * 1050 * 3)).resize((4032, 3024))
    for quality in range(99, 50, -1):
        out = io.BytesIO()
        noise.save(out, kind, quality=quality)
        if out.tell() <= 10 * 1024**2:
            break
    return out.getvalue()


def _make(path: Path) -> None:
    """A short film with a box of zeros behind it."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 214, "yuv420p"
        picture = av.VideoFrame.from_image(Image.new("RGB", (320, 214), "navy"))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode())
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", _SIZE - size, b"free"))
        file.truncate(_SIZE)
