"""Long heads of answers, as gateways and cookies make them, are no reason to lose one; malformed ones are called so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client
from support.fake_server import KEY, Cut, Do, FakeServer

LONG = {"X-Trace": "t" * 40_000}
MANY = {f"X-Part-{number}": "p" * 200 for number in range(200)}
TOO_LONG = {"X-Trace": "t" * 70_000}


@pytest.mark.parametrize("headers", [LONG, MANY], ids=["one of 40 KB", "200 of 200 bytes"])
async def test_an_answer_with_40_kb_of_headers_is_read(
    client: Client, fake_server: FakeServer, photo: Path, tmp_path: Path, headers: dict[str, str]
) -> None:
    fake_server.words = ("success",)
    for kind in ("submit", "poll", "file", "balance"):
        fake_server.script(kind, Do(headers=headers))
    accepted = await client.submit(photo, "p")
    task = await client.read(accepted.task_id or "")
    info = await client.download(task, tmp_path / "launch.mp4")
    assert (info.width, info.height) == (320, 214)
    assert await client.balance() is not None
    assert fake_server.paid == 1


async def test_longer_ones_are_called_what_they_are(
    client: Client, fake_server: FakeServer, photo: Path, tmp_path: Path
) -> None:
    fake_server.words = ("success",)
    task = await client.read((await client.submit(photo, "p")).task_id or "")
    for kind in ("submit", "balance"):
        fake_server.script(kind, Do(headers=TOO_LONG))
    fake_server.script("file", *[Do(headers=TOO_LONG)] * 9)
    with pytest.raises(hh.OutcomeUnknown, match="headers beyond 64 KB"):
        await client.submit(photo, "p")
    with pytest.raises(hh.ConnectionLost, match="the server's answer has headers beyond 64 KB"):
        await client.balance()
    with pytest.raises(hh.DownloadError, match="its server's answer has headers beyond 64 KB"):
        await client.download(task, tmp_path / "launch.mp4", patience=0.0)


MALFORMED = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "chunks without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_answer_is_called_malformed(
    fake_server: FakeServer, photo: Path, tmp_path: Path, kind: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line[16:] for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")), b"0")
        await reader.readexactly(int(length))
        writer.write(MALFORMED[kind])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client(KEY, origin) as client:
            with pytest.raises(hh.ConnectionLost, match="the server's answer is malformed"):
                await client.balance()
            with pytest.raises(hh.OutcomeUnknown, match="The server's answer is malformed"):
                await client.submit(photo, "p")
            link = hh.Snapshot(status=hh.Status.DONE, video_url=f"{origin}/x.mp4")
            with pytest.raises(hh.DownloadError, match="its server's answer is malformed"):
                await client.download(link, tmp_path / "launch.mp4", patience=0.0)


async def test_one_that_is_cut_is_not(client: Client, fake_server: FakeServer, photo: Path, tmp_path: Path) -> None:
    fake_server.script("balance", Do(cut=Cut.HALFWAY))
    with pytest.raises(hh.ConnectionLost, match="the connection was lost"):
        await client.balance()
