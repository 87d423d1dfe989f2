"""A server that answers at once: what it leaves of the time is the client's. ``python fast_server.py VIDEO SECONDS``

A task is done so many seconds after it was accepted. Its port is the first line that it prints.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path

from aiohttp import web


async def main(video: bytes, seconds: float) -> None:
    numbers, done, counts = itertools.count(1), {}, {"submit": 0, "poll": 0, "file": 0}

    async def submit(request: web.Request) -> web.Response:
        await request.read()
        counts["submit"] += 1
        name = f"task-{next(numbers):06d}"
        done[name] = time.monotonic() + seconds
        return answer({"status": "pending", "task_id": name})

    async def poll(request: web.Request) -> web.Response:
        counts["poll"] += 1
        name = request.match_info["name"]
        if time.monotonic() < done[name]:
            return answer({"status": "processing", "task_id": name})
        link = {"url": f"http://{request.host}/files/{name}.mp4", "type": "video"}
        return answer({"status": "success", "task_id": name, "result": {"resources": [link]}})

    async def file(_: web.Request) -> web.Response:
        counts["file"] += 1
        return web.Response(body=video, content_type="video/mp4")

    async def count(_: web.Request) -> web.Response:
        told = web.json_response(counts)
        counts.update(dict.fromkeys(counts, 0))
        return told

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/api/v1/alibaba/{model}/async", submit)
    app.router.add_get("/api/v1/tasks/{name}", poll)
    app.router.add_get("/files/{name}", file)
    app.router.add_get("/counts", count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def answer(data: dict[str, object]) -> web.Response:
    return web.Response(
        body=json.dumps({"code": 0, "message": "success", "data": data}), content_type="application/json"
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_bytes(), float(sys.argv[2])))
