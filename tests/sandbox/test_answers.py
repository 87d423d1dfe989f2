"""What each address answers, and how errors look."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from happyhorse_nb import wire
from happyhorse_nb.errors import BadRequest
from happyhorse_nb.models import MODELS, Status
from sandbox.calls import KEY, MODEL, PICTURE, SHORT, SUBMIT, Caller, data_uri, encoded, picture


def says(answer: Any, status: int, words: str) -> None:
    """The answer is an error in the API's format, and says that."""
    assert answer.status == status
    assert answer.json["code"] == status
    category, _, detail = answer.json["message"].partition(": ")
    assert category
    assert words in detail


async def test_from_a_submit_to_the_video(caller: Caller, folder: Path) -> None:
    before = time.time()
    answer = await caller.submit(prompt="clouds")
    assert answer.json["code"] == 0
    accepted = wire.parse(answer.json)
    assert accepted.status is Status.PENDING
    assert accepted.task_id is not None
    assert answer.json["data"]["model_id"] == MODEL
    link = answer.json["data"]["get_result"]
    assert link == {"method": "GET", "url": f"{caller.origin}/api/v1/tasks/{accepted.task_id}"}

    seen: list[str] = []
    while "success" not in seen:
        data = await caller.read(accepted.task_id)
        seen += [data["status"]] if data["status"] not in seen else []
        await asyncio.sleep(0.01)
    # The first words may be over before they are asked for.
    assert seen == [word for word in ("pending", "processing", "success") if word in seen]

    done = wire.parse((await caller.get(link["url"])).json, asked=accepted.task_id)
    assert done.status is Status.DOWNLOADING
    assert (done.width, done.height) == (data["result"]["resources"][0]["width"], 784) == (1176, 784)
    assert data["result"]["resources"][0]["format"] == "mp4"
    assert data["billing"] == {"status": "succeeded", "amount": "0.3840"}
    assert done.took is not None
    assert done.took >= 0.2
    assert done.expires_at == pytest.approx(before + 7 * 86400, abs=600)
    assert (await caller.video(data))[4:8] == b"ftyp"

    contents = [path.read_bytes() for path in files(folder)]
    assert len(contents) >= 3
    assert not any(KEY.encode() in content for content in contents)


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_the_newer_path_is_as_good(caller: Caller) -> None:
    assert wire.parse((await caller.submit(path=SUBMIT.removesuffix("/async"))).json).status is Status.PENDING


async def test_reads_go_on_while_a_clip_is_rendered(caller: Caller, folder: Path) -> None:
    # The longest and largest there is: it takes far longer than some reads, on any machine.
    task_id = await caller.accepted(resolution="1080P", duration=15)
    while not any(path.name.endswith("-making") for path in files(folder)):
        await caller.read(task_id)
    words = [(await caller.read(task_id))["status"] for _ in range(20)]
    assert "success" not in words
    assert any(path.name.endswith("-making") for path in files(folder))


async def test_the_video_whole_and_in_pieces(caller: Caller) -> None:
    data = await caller.over(await caller.accepted())
    whole = await caller.video(data)
    url = data["result"]["resources"][0]["url"]
    async with caller.session.head(url) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert int(answer.headers["Content-Length"]) == len(whole)
        tag = answer.headers["ETag"]
    async with caller.session.get(url, headers={"Range": "bytes=100-", "If-Range": tag}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
        assert await answer.read() == whole[100:]
    async with caller.session.get(url, headers={"Range": f"bytes={len(whole)}-"}) as answer:
        assert answer.status == 416
    # Whoever has the link has the video, so another link must not lead there.
    token = url.split("/")[-2]
    says(await caller.get(url.replace(token, "guess"), key=None), 403, "not valid")
    says(await caller.get(url.replace("task-", "task-0"), key=None), 404, "no such file")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"Authorization": "Basic abc"}]
)
@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/tasks/task-1", "/api/v1/nothing", "/api/v1/team/balance"])
async def test_without_a_key_nothing_is_said(caller: Caller, path: str, headers: dict[str, str]) -> None:
    says(await caller.get(path, key=None, headers=headers), 401, "Bearer KEY")


async def test_the_free_reads(caller: Caller) -> None:
    assert (await caller.get("/api/v1/apikey/validate")).json["data"] == {"is_valid": True}
    assert (await caller.get("/api/v1/team/balance")).json["data"] == {"balance": 1000}
    listed = {model["slug"]: model for model in (await caller.get("/api/v1/models")).json["models"]}
    assert list(listed) == [model.slug for model in MODELS.values()]
    assert listed["alibaba/happyhorse-1.1-t2v"]["type"] == "text-to-video"
    assert "words of the prompt" in listed["alibaba/happyhorse-1.1-t2v"]["description"]
    assert listed["alibaba/happyhorse-1.0-video-edit"]["type"] == "video-edit"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v2/models", 404),
        ("GET", "/api/v1/tasks/task-unknown", 404),
        ("GET", "/api/v1/tasks/..%2F..%2Fetc", 404),
        ("GET", "/api/v1/tasks/.new-task", 404),
        ("GET", "/files/token/..%2Ftask.json", 404),
        ("GET", "/files/token/task-unknown.mp4", 404),
        ("DELETE", "/api/v1/models", 405),
        ("POST", "/api/v1/alibaba/happyhorse-9-i2v/async", 404),
        ("POST", "/api/v1/elsewhere/happyhorse-1.0-i2v/async", 404),
    ],
)
async def test_what_is_not_there(caller: Caller, method: str, path: str, status: int) -> None:
    import yarl

    answer = await caller.ask(method, str(yarl.URL(caller.origin + path, encoded=True)), json={})
    says(answer, status, "")


async def test_a_page_from_elsewhere_gets_nothing(caller: Caller) -> None:
    says(await caller.get("/api/v1/models", headers={"Host": "rebound.example"}), 403, "loopback")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"duration": 2}, "duration 2"),
        ({"duration": 16}, "duration 16"),
        ({"duration": "5"}, "duration"),
        ({"duration": 5.5}, "duration"),
        ({"resolution": "4K"}, "resolution '4K'"),
        ({"resolution": "720p"}, "resolution"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**31}, "seed"),
        ({"seed": True}, "seed"),
        ({"ratio": "16:9"}, "'ratio'"),
        ({"prompt": 7}, "prompt"),
        ({"first_frame_image": 7}, "first_frame_image"),
        ({"first_frame_image": None}, "first_frame_image"),
        ({"first_frame_image": "file:///etc/hostname"}, "first_frame_image"),
        ({"first_frame_image": "https:///nowhere"}, "first_frame_image"),
        ({"first_frame_image": "data:image/png;base64,!!!"}, "first frame"),
        ({"first_frame_image": data_uri(b"no picture")}, "first frame"),
        ({"first_frame_image": data_uri(encoded(picture(299, 300)))}, "299"),
        ({"first_frame_image": data_uri(encoded(picture(760, 300)))}, "2.5"),
        ({"first_frame_image": data_uri(encoded(picture(), "GIF"), "gif")}, "GIF"),
        ({"first_frame_image": data_uri(PICTURE + bytes(10 * 1024 * 1024))}, "MB"),
    ],
)
async def test_each_limit_is_refused(caller: Caller, fields: dict[str, Any], words: str) -> None:
    answer = await caller.submit(**fields)
    says(answer, 400, words)
    error = wire.parse_error(answer.status, answer.json, answer.headers, now=time.time())
    assert isinstance(error, BadRequest)
    assert "\n" not in error.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 100_000])
async def test_what_is_no_request(caller: Caller, body: bytes) -> None:
    says(await caller.post(body), 400, "JSON")


async def test_a_body_beyond_all_bounds(caller: Caller) -> None:
    says(await caller.post(bytes(30 * 1024 * 1024)), 413, "larger")


@pytest.mark.parametrize(
    ("image", "kind"), [(picture(300, 300), "png"), (picture(750, 300), "webp"), (Image.new("L", (300, 750)), "jpeg")]
)
async def test_what_is_just_within_the_limits(caller: Caller, image: Image.Image, kind: str) -> None:
    answer = await caller.submit(data_uri(encoded(image, kind), kind), prompt="中" * 3000, seed=2**31 - 1)
    assert answer.status == 200


async def test_only_the_picture_is_needed(caller: Caller) -> None:
    answer = await caller.post(json.dumps({"first_frame_image": data_uri(PICTURE)}).encode())
    assert answer.status == 200
    assert SHORT["duration"] != 5
    assert (await caller.get("/api/v1/team/balance")).json["data"]["balance"] == pytest.approx(1000 - 5 * 0.229)
