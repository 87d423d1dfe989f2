"""Small pictures, and a caller that speaks the API over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any, NamedTuple

import aiohttp
import numpy as np
from PIL import Image

MODEL = "happyhorse-1.0-i2v"
SUBMIT = f"/api/v1/alibaba/{MODEL}/async"
KEY = "any-key-at-all"
#: The cheapest clip there is.
SHORT = {"duration": 3, "resolution": "720P", "seed": 7}


class Answer(NamedTuple):
    """An answer, read to its end."""

    status: int
    headers: Any
    json: Any


class Caller:
    """Asks a sandbox, with a key unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self.session = session
        self.origin = origin

    async def ask(self, method: str, path: str, *, key: str | None = KEY, **options: Any) -> Answer:
        headers = options.pop("headers", {}) | ({} if key is None else {"Authorization": f"Bearer {key}"})
        url = path if path.startswith("http") else self.origin + path
        async with self.session.request(method, url, headers=headers, **options) as answer:
            return Answer(answer.status, answer.headers, await answer.json())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def submit(self, image: str | None = None, *, path: str = SUBMIT, **fields: Any) -> Answer:
        body = {"first_frame_image": image or PICTURE_URI, **SHORT, **fields}
        return await self.post(json.dumps(body).encode(), path=path)

    async def post(self, body: bytes, *, path: str = SUBMIT) -> Answer:
        return await self.ask("POST", path, data=io.BytesIO(body), headers={"Content-Type": "application/json"})

    async def accepted(self, image: str | None = None, **fields: Any) -> str:
        answer = await self.submit(image, **fields)
        assert answer.status == 200, answer.json
        task_id: str = answer.json["data"]["task_id"]
        return task_id

    async def read(self, task_id: str) -> Any:
        answer = await self.get(f"/api/v1/tasks/{task_id}")
        assert answer.status == 200, answer.json
        return answer.json["data"]

    async def over(self, task_id: str) -> Any:
        """The task as it is at its end."""
        while True:
            data = await self.read(task_id)
            if data["status"] not in ("pending", "processing"):
                return data
            await asyncio.sleep(0.05)

    async def video(self, data: Any) -> bytes:
        """The file of a task that has succeeded, asked for without a key."""
        async with self.session.get(data["result"]["resources"][0]["url"]) as answer:
            assert answer.status == 200
            return await answer.read()


def picture(width: int = 480, height: int = 320) -> Image.Image:
    """Stripes and a slope: every part of it looks different from the others. Its left is dark, its right is light."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    red = x * 255 / width
    green = 127 + 90 * np.sin(x / 9)
    blue = y * 255 / height
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def data_uri(data: bytes, kind: str = "jpeg") -> str:
    """The file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


PICTURE = encoded(picture())
PICTURE_URI = data_uri(PICTURE)
