"""The same requests from a program of aiohttp alone: ``python scale_bare.py ORIGIN PHOTO COUNT POLLS SECONDS [keeps]``.

``POLLS`` for each task, spread over ``SECONDS``, until it is done; with ``keeps`` it also keeps what is promised of a
job. Prints seconds and CPU seconds as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from scale_promises import Promises

#: Requests at once: what a session does by itself.
_AT_ONCE = 16


async def main(origin: str, photo: str, count: int, polls: float, seconds: float, *, keeps: bool) -> None:
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    headers = {"Authorization": "Bearer none"}
    promises = Promises(folder) if keeps else None
    started, cpu = time.perf_counter(), time.process_time()
    room = asyncio.Semaphore(_AT_ONCE)
    # A connection of its own for each paid request, as they have: one that was kept and is just being closed by the
    # server fails in the same way as one that was lost after sending.
    fresh = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(origin, headers=headers) as session,
        aiohttp.ClientSession(origin, headers=headers, connector=fresh) as paid,
    ):

        async def one(number: int) -> None:
            if promises is not None:
                await promises.write(number, "queued", None)
            async with room:
                with open(photo, "rb") as file:  # noqa: ASYNC230, PTH123 - what a plain program does
                    uri = "data:image/jpeg;base64," + base64.b64encode(file.read()).decode()
                wanted = {"first_frame_image": uri, "prompt": str(number), "duration": 3}
                async with paid.post("/api/v1/alibaba/happyhorse-1.0-i2v/async", json=wanted) as response:
                    task = (await response.json())["data"]["task_id"]
            if promises is not None:
                await promises.write(number, "pending", task)
            while True:
                await asyncio.sleep(seconds / polls)
                async with session.get(f"/api/v1/tasks/{task}") as response:
                    data = (await response.json())["data"]
                if data["status"] == "success":
                    break
            video = folder / f"{task}.mp4"
            async with session.get(data["result"]["resources"][0]["url"]) as response:
                with video.open("wb") as file:
                    async for chunk in response.content.iter_chunked(256 * 1024):
                        file.write(chunk)
            if promises is not None:
                await promises.check(video)
                await promises.write(number, "done", task)

        await asyncio.gather(*[one(number) for number in range(count)])
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    origin, photo, count, polls, seconds, *more = sys.argv[1:]
    asyncio.run(main(origin, photo, int(count), float(polls), float(seconds), keeps=more == ["keeps"]))
