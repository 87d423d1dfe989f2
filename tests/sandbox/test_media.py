"""Pictures that are uploaded: their limits, their links, and what becomes of them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from happyhorse_nb.sandbox import SandboxOptions
from happyhorse_nb.sandbox.media import Media, MediaStore
from sandbox.calls import KEY, PICTURE, SHORT, Answer, Caller, encoded, picture
from sandbox.conftest import Running

FILES = "/api/v1/media/files"


async def upload(caller: Caller, data: Any, name: str = "hero.jpg", *, key: str = KEY, part: str = "file") -> Answer:
    form = aiohttp.FormData()
    form.add_field(
        part, io.BytesIO(data) if isinstance(data, bytes) else data, filename=name, content_type="image/jpeg"
    )
    return await caller.ask("POST", FILES, key=key, data=form)


def says(answer: Answer, status: int, words: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, status), answer.json
    assert words in answer.json["message"]


async def test_an_uploaded_picture_is_there_for_everybody_with_its_link(caller: Caller, folder: Path) -> None:
    answer = await upload(caller, PICTURE, "hero.jpg")
    assert (answer.status, answer.json["code"]) == (200, 0)
    data = answer.json["data"]
    assert set(data) == {"file_id", "type", "url", "filename", "size", "created_at"}
    assert (data["type"], data["size"], data["filename"]) == ("image", len(PICTURE), "hero.jpg")
    assert data["url"].startswith(caller.origin)
    async with caller.session.get(data["url"]) as got:
        assert (got.status, got.headers["Content-Type"]) == (200, "image/jpeg")
        assert await got.read() == PICTURE
    token = data["url"].split("/")[-2]
    says(await caller.get(data["url"].replace(token, "guess"), key=None), 403, "not valid")
    says(await caller.get(data["url"].replace("file-", "file-0"), key=None), 404, "no such file")
    kept = list((folder / "media").iterdir())
    assert len(kept) == 2
    assert not any(path.stat().st_mode & 0o077 for path in kept)
    assert not any(KEY.encode() in path.read_bytes() for path in kept)

    says(await caller.ask("DELETE", f"{FILES}/{data['file_id']}", key="somebody-else"), 404, "no such file")
    assert (await caller.ask("DELETE", f"{FILES}/{data['file_id']}")).json["code"] == 0
    says(await caller.get(data["url"], key=None), 404, "no such file")
    says(await caller.ask("DELETE", f"{FILES}/{data['file_id']}"), 404, "no such file")
    says(await caller.ask("DELETE", f"{FILES}/..%2Ftasks"), 404, "")


async def test_uploaded_pictures_are_references_whatever_the_port(running: Running) -> None:
    async with running(SandboxOptions(seconds=0.1)) as caller:
        kinds = {"JPEG": "a.jpg", "PNG": "b.png", "WEBP": "c.webp"}
        answers = [await upload(caller, encoded(picture(400, 400), kind), name) for kind, name in kinds.items()]
        urls = [answer.json["data"]["url"] for answer in answers]
        assert [url.rpartition(".")[2] for url in urls] == ["jpeg", "png", "webp"]
    # The server that made the links is gone.
    async with running(SandboxOptions(seconds=0.1)) as caller:
        body = {"prompt": "character1", "reference_images": urls, **SHORT}
        answer = await caller.post(json.dumps(body).encode(), path="/api/v1/alibaba/happyhorse-1.1-r2v")
        data = await caller.over(answer.json["data"]["task_id"])
        assert data["status"] == "success", data


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"no picture", 415, "no image"),
        (encoded(picture(), "GIF"), 415, "GIF"),
        (PICTURE + bytes(16 * 1024 * 1024), 413, "16 MiB"),
    ],
    ids=["empty", "no picture", "GIF", "too large"],
)
async def test_what_cannot_be_uploaded(caller: Caller, data: bytes, status: int, words: str) -> None:
    says(await upload(caller, data), status, words)


async def test_what_is_no_upload(caller: Caller) -> None:
    says(await upload(caller, PICTURE, part="picture"), 400, "file is missing")
    says(await caller.ask("POST", FILES, data=PICTURE, headers={"Content-Type": "image/jpeg"}), 415, "multipart")
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    says(await caller.ask("POST", FILES, data=b"nothing of the kind", headers=headers), 400, "")
    says(await caller.ask("POST", FILES, key=None, data=b""), 401, "key")
    says(await caller.get(FILES), 405, "")


async def test_a_team_holds_ten_files(caller: Caller) -> None:
    ids = [(await upload(caller, PICTURE)).json["data"]["file_id"] for _ in range(10)]
    says(await upload(caller, PICTURE), 400, "holds 10 of at most 10 files")
    # Another team has its own.
    assert (await upload(caller, PICTURE, key="somebody-else")).status == 200
    await caller.ask("DELETE", f"{FILES}/{ids[0]}")
    assert (await upload(caller, PICTURE)).status == 200


async def test_two_uploads_at_once(caller: Caller) -> None:
    go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        yield PICTURE[:100]
        begun.release()
        await go.wait()
        yield PICTURE[100:]

    held = [asyncio.create_task(upload(caller, slowly())) for _ in range(2)]
    for _ in held:
        await begun.acquire()
    # Both have begun to send; they arrive before what is sent after them, or soon after.
    while (refused := await upload(caller, PICTURE)).status == 200:
        await caller.ask("DELETE", f"{FILES}/{refused.json['data']['file_id']}")
    says(refused, 429, "2 uploads are running")
    assert refused.headers["Retry-After"] == "1"
    assert (await upload(caller, PICTURE, key="somebody-else")).status == 200
    go.set()
    assert [(await one).status for one in held] == [200, 200]
    assert (await upload(caller, PICTURE)).status == 200


def test_an_upload_expires(tmp_path: Path) -> None:
    store = MediaStore(tmp_path, keep=3600)
    new = Media(account="a", filename="n", format="PNG", size=1)
    old = Media(account="a", filename="o", format="PNG", size=1, created=0.0)
    for one in (new, old):
        store.add(one, b"x")
    (tmp_path / "media" / "odd.json").write_text("{")
    assert list(store.all()) == [new]
    assert store.get(old.id) is None
    assert store.get("../tasks") is None
    store.sweep()
    assert {path.name for path in (tmp_path / "media").iterdir()} == {new.id, f"{new.id}.json"}
