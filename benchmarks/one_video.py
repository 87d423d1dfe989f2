"""A server of one task with one large video, in a process of its own: it keeps nothing of what is sent to it."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

_ACCEPTED = {"code": 0, "data": {"status": "pending", "task_id": "task-1"}}


async def main(video: str) -> None:
    async def accept(request: web.Request) -> web.Response:
        async for _ in request.content.iter_any():
            pass
        return web.json_response(_ACCEPTED)

    async def give(_: web.Request) -> web.FileResponse:
        return web.FileResponse(video, chunk_size=1024 * 1024)

    app = web.Application()
    app.router.add_post("/{path:.*}", accept)
    app.router.add_get("/video.mp4", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
