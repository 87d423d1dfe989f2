"""Pictures that are uploaded by themselves: byte for byte, once, and every fault of it told apart."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from pathlib import Path
from traceback import TracebackException

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb import Client, Status
from happyhorse_nb.client.upload import LASTS, upload_of
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say, refused_origin


def picture(color: str = "red", kind: str = "PNG", side: int = 400) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), color).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
async def test_a_picture_goes_byte_for_byte_under_a_name_that_says_nothing(
    client: Client, fake_server: FakeServer, tmp_path: Path, kind: str, ending: str
) -> None:
    data = picture(kind=kind)
    (tmp_path / "my private hero").write_bytes(data)
    held = await client.upload(tmp_path / "my private hero")
    [request] = fake_server.of("upload")
    assert request.part == (f"picture.{ending}", f"image/{kind.lower()}", data)
    assert request.path == "/api/v1/media/files"
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert b"private" not in request.body
    assert fake_server.files == {held.file_id: data}
    assert held.url == f"{fake_server.origin}/media/{held.file_id}?signature={SIGNATURE}"
    assert abs(held.expires_at - time.time() - LASTS) < 60
    assert SIGNATURE not in repr(held)
    await client.delete_upload(held.file_id)
    assert fake_server.files == {}
    # It is gone, and that is all that was asked for.
    await client.delete_upload(held.file_id)


async def test_one_of_many_pieces_arrives_whole(client: Client, fake_server: FakeServer) -> None:
    data = picture(kind="JPEG") + bytes(3_000_000)
    await client.upload(data)
    assert fake_server.of("upload")[0].part[2] == data


async def test_the_server_may_name_when_it_expires(client: Client, fake_server: FakeServer) -> None:
    fake_server.files_expire = time.time() + 86_400
    assert (await client.upload(picture())).expires_at == pytest.approx(fake_server.files_expire, abs=1)
    fake_server.script("upload", Do(edit=lambda body: body["data"].update(expires_at="2020-01-01T00:00:00Z")))
    assert (await client.upload(picture())).expires_at > time.time() + 86_400


#: What is known after an upload, and how many pictures the server then has.
FAULTS: dict[str, tuple[Answer, type[Exception], int]] = {
    "cut before reading": (Do(cut=Cut.BEFORE_READING), hh.UploadUnknown, 0),
    "cut after accepting": (Do(cut=Cut.AFTER_ACCEPTING), hh.UploadUnknown, 1),
    "cut in the answer": (Do(cut=Cut.HALFWAY), hh.UploadUnknown, 1),
    **{str(status): (Say(status), hh.UploadUnknown, 0) for status in (408, 409, 425, 500, 502, 503, 504)},
    "302": (Say(302, headers={"Location": "/login"}), hh.UploadUnknown, 0),
    "307": (Say(307, headers={"Location": "https://new.example/"}), hh.Redirected, 0),
    "garbage": (Say(raw=b"<html>Sign in"), hh.UploadUnknown, 0),
    "nothing": (Say(raw=b""), hh.UploadUnknown, 0),
    "a list": (Say(body=[1]), hh.UploadUnknown, 0),
    "no id": (Do(edit=lambda body: body["data"].pop("file_id") and None), hh.UploadUnknown, 1),
    "an id that is a path": (Do(edit=lambda body: body["data"].update(file_id="../x")), hh.UploadUnknown, 1),
    "no address": (Do(edit=lambda body: body["data"].pop("url") and None), hh.UploadUnknown, 1),
    "no http": (Do(edit=lambda body: body["data"].update(url="file:///etc/passwd")), hh.UploadUnknown, 1),
    "a password": (Do(edit=lambda body: body["data"].update(url="https://a:b@c.example/x")), hh.UploadUnknown, 1),
    "code 17": (Say(body={"code": 17, "message": "no"}), hh.BadRequest, 0),
    "code 429": (Say(body={"code": 429, "message": "Slow down"}), hh.RateLimited, 0),
    "401": (Say(401), hh.AuthenticationError, 0),
    "402": (Say(402), hh.InsufficientBalance, 0),
    "404": (Say(404), hh.NotFound, 0),
    **{str(status): (Say(status), hh.BadRequest, 0) for status in (400, 403, 405, 413, 415, 422)},
    "429": (Say(429, headers={"Retry-After": "7"}), hh.RateLimited, 0),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_upload(client: Client, fake_server: FakeServer, fault: str) -> None:
    answer, error, held = FAULTS[fault]
    fake_server.script("upload", answer)
    with pytest.raises(error) as caught:
        await client.submit(None, "character1 waves", references=[picture()])
    assert type(caught.value) is error
    assert (len(fake_server.of("upload")), len(fake_server.files), fake_server.paid) == (1, held, 0)
    assert str(caught.value).isprintable()
    assert SIGNATURE not in str(caught.value)
    if error is hh.UploadUnknown:
        assert str(caught.value).endswith("Nothing was paid for: run it again.")


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_a_deletion_that_fails_is_told(client: Client, fake_server: FakeServer, status: int) -> None:
    fake_server.script("delete", Say(status))
    with pytest.raises(hh.APIError) as caught:
        await client.delete_upload("file-1")
    assert caught.value.status == status
    for wrong in ("../x", "", "a/b"):
        with pytest.raises(hh.InvalidRequest, match="not the id of an upload"):
            await client.delete_upload(wrong)


async def test_what_never_left_was_not_sent() -> None:
    async with Client(KEY, refused_origin()) as client:
        with pytest.raises(hh.NotSent) as caught:
            await client.upload(picture())
        assert not caught.value.begun


async def test_from_a_real_server_only_https_in_public_is_taken() -> None:
    def answer(url: str) -> object:
        return {"code": 0, "data": {"file_id": "file-1", "url": url}}

    assert upload_of(answer("https://media.example.com/x?s=1"), local=False).url == "https://media.example.com/x?s=1"
    for url in ("http://media.example.com/x", "https://127.0.0.1/x", "https://10.0.0.1/x", "https://printer.local/x"):
        with pytest.raises(hh.ConnectionLost, match="cannot be used"):
            upload_of(answer(url), local=False)
    assert upload_of(answer("http://127.0.0.1:8000/x"), local=True).file_id == "file-1"


async def test_pictures_of_this_machine_are_uploaded_for_a_request_each_once(
    client: Client, fake_server: FakeServer
) -> None:
    red, blue = picture("red"), picture("blue")
    address = "https://example.com/street.png"
    task = await client.submit(None, "character1 and character2", references=[red, address, blue, red])
    assert task.status == Status.PENDING
    await client.submit(None, "character1 runs", references=[blue])
    links = {
        data: f"{fake_server.origin}/media/{name}?signature={SIGNATURE}" for name, data in fake_server.files.items()
    }
    assert len(fake_server.of("upload")) == len(links) == 2
    first, second = fake_server.of("submit")
    assert first.json["reference_images"] == [links[red], address, links[blue], links[red]]
    assert second.json["reference_images"] == [links[blue]]


async def test_or_they_go_inside_the_request(client: Client, fake_server: FakeServer) -> None:
    await client.submit(None, "character1 waves", references=[picture()], inline=True)
    [sent] = fake_server.of("submit")
    assert sent.json["reference_images"] == ["data:image/png;base64," + base64.b64encode(picture()).decode()]
    assert fake_server.of("upload") == []


async def test_a_first_frame_is_never_uploaded(client: Client, fake_server: FakeServer, photo: Path) -> None:
    await client.submit(photo, "p")
    assert {request.kind for request in fake_server.requests} == {"submit"}


async def test_at_most_two_go_at_once_and_the_key_to_no_other_host(fake_server: FakeServer) -> None:
    with FakeServer() as media:
        fake_server.media_origin = media.origin
        async with Client(KEY, fake_server.origin) as client:
            colors = ("red", "green", "blue", "black", "white")
            with fake_server.held("upload"):
                all_of_them = asyncio.gather(*(client.upload(picture(color)) for color in colors))
                await fake_server.seen("upload", 2)
            await all_of_them
            await client.submit(None, "character1 waves", references=[picture("cyan")])
        assert media.requests == []
    assert fake_server.most_uploads == 2
    assert len(fake_server.files) == 6
    assert {request.key for request in fake_server.requests} == {KEY}


@pytest.mark.parametrize("wrong", [b"", b"GIF89a", "https://example.com/x.png"])
async def test_what_cannot_be_uploaded_is_said_before(client: Client, fake_server: FakeServer, wrong: object) -> None:
    with pytest.raises(hh.InvalidRequest):
        await client.upload(wrong)
    assert fake_server.requests == []


async def test_no_link_is_in_a_verbose_traceback(client: Client, fake_server: FakeServer) -> None:
    fake_server.script("submit", Say(400))
    with pytest.raises(hh.BadRequest) as caught:
        await client.submit(None, "character1 waves", references=[picture()])
    assert caught.value.__traceback__ is not None
    frames = caught.value.__traceback__.tb_next
    said = "".join(TracebackException(hh.BadRequest, caught.value, frames, capture_locals=True).format())
    assert "happyhorse_nb" in said
    assert SIGNATURE not in said
    assert KEY not in said
