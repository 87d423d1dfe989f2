"""A film that comes packed is unpacked once, whatever the answer says of it; no part of a parcel is asked for."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client, Snapshot
from support.fake_server import Cut, FakeServer, Say


@pytest.fixture
async def task(client: Client, fake_server: FakeServer, photo: Path) -> Snapshot:
    """A finished one."""
    fake_server.words = ("success",)
    accepted = await client.submit(photo)
    return await client.read(accepted.task_id or "")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "launch.mp4"


def content(file: Path) -> bytes:
    return file.read_bytes()


def deflated(raw: bytes, form: int = -15) -> bytes:
    packer = zlib.compressobj(wbits=form)
    return packer.compress(raw) + packer.flush()


def in_members(raw: bytes) -> bytes:
    third = len(raw) // 3
    parts = (raw[:third], b"", raw[third:])
    return b"".join(map(gzip.compress, parts))


def as_it_is(raw: bytes) -> bytes:
    return raw


PACKED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gzip": (gzip.compress, "gzip"),
    "gzip, larger": (lambda raw: gzip.compress(raw, 0), "gzip"),
    "x-gzip": (gzip.compress, "x-gzip"),
    "gzip unsaid": (gzip.compress, ""),
    "gzip said to be deflate": (gzip.compress, "deflate"),
    "gzip said to be identity": (gzip.compress, "identity"),
    "gzip among others": (gzip.compress, "identity, gzip"),
    "gzip twice": (lambda raw: gzip.compress(gzip.compress(raw)), "gzip, gzip"),
    "gzip in members": (in_members, "gzip"),
    "gzip and zeros behind it": (lambda raw: gzip.compress(raw) + bytes(512), "gzip"),
    "zlib": (zlib.compress, "deflate"),
    "zlib unsaid": (zlib.compress, ""),
    "deflate": (deflated, "deflate"),
    "gzip only said": (as_it_is, "gzip"),
    "deflate only said": (as_it_is, "deflate"),
    "br only said": (as_it_is, "br"),
    "unknown": (as_it_is, "what-ever"),
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_a_packed_film_is_unpacked(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, kind: str, chunked: bool
) -> None:
    pack, said = PACKED[kind]
    headers = {"Content-Encoding": said} if said else {}
    fake_server.script("file", Say(raw=pack(small_mp4), headers=headers, chunked=chunked))
    seen: list[tuple[int, int | None]] = []
    await client.download(task, target, on_bytes=lambda have, total: seen.append((have, total)), patience=0.0)
    assert content(target) == small_mp4
    assert seen[-1][0] == len(small_mp4)
    assert all(total is None or have <= total for have, total in seen)


@pytest.mark.parametrize("kind", ["gzip", "gzip unsaid", "gzip in members", "gzip twice", "zlib", "deflate"])
async def test_one_that_was_cut_begins_anew(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, kind: str
) -> None:
    pack, said = PACKED[kind]
    headers = {"Content-Encoding": said} if said else {}
    whole = Say(raw=pack(small_mp4), headers=headers)
    fake_server.script("file", Say(raw=whole.raw, headers=headers, cut=Cut.HALFWAY), whole)
    await client.download(task, target)
    assert content(target) == small_mp4
    assert [request.headers.get("Range") for request in fake_server.of("file")] == [None, None]


async def test_a_parcel_that_ends_early_without_a_cut_is_noticed(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    packed, headers = gzip.compress(small_mp4), {"Content-Encoding": "gzip"}
    fake_server.script("file", Say(raw=packed[:-9], headers=headers), Say(raw=packed, headers=headers))
    await client.download(task, target)
    assert content(target) == small_mp4


async def test_one_that_is_only_said_to_be_packed_goes_on_where_it_was_cut(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    half, headers = len(small_mp4) // 2, {"Content-Encoding": "gzip"}
    rest = {**headers, "Content-Range": f"bytes {half}-{len(small_mp4) - 1}/{len(small_mp4)}"}
    fake_server.script(
        "file",
        Say(raw=small_mp4, headers=headers, cut=Cut.HALFWAY),
        Say(206, raw=small_mp4[half:], headers=rest),
    )
    await client.download(task, target)
    assert content(target) == small_mp4
    assert [request.headers.get("Range") for request in fake_server.of("file")] == [None, f"bytes={half}-"]


async def test_a_part_that_is_packed_otherwise_than_the_whole_is_not_put_behind_it(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    half = len(small_mp4) // 2
    headers = {
        "Content-Encoding": "gzip",
        "Content-Range": f"bytes {half}-{len(small_mp4) - 1}/{len(small_mp4)}",
    }
    fake_server.script(
        "file", Say(raw=small_mp4, cut=Cut.HALFWAY), Say(206, raw=gzip.compress(small_mp4[half:]), headers=headers)
    )
    await client.download(task, target)
    assert content(target) == small_mp4


DAMAGED = {
    "not what it begins like": (b"\x1f\x8b\x08" + b"no such thing" * 9, "damaged"),
    "damaged within": (gzip.compress(bytes(range(256)) * 99)[:40] + b"\xff" * 400, "damaged|ends too early"),
    "br": (b"\x8b\x02\x80ello and so on\x03", r"compressed in a way that is not supported \(br\)"),
}


@pytest.mark.parametrize("kind", DAMAGED)
async def test_what_cannot_be_unpacked_is_said(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, kind: str
) -> None:
    raw, words = DAMAGED[kind]
    fake_server.script("file", *[Say(raw=raw, headers={"Content-Encoding": "br" if kind == "br" else "gzip"})] * 9)
    with pytest.raises(hh.DownloadError, match=words):
        await client.download(task, target, patience=0.0)
    assert list(target.parent.glob("*.mp4")) == []


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
async def test_what_unpacks_without_end_is_cut_at_the_cap(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, twice: bool
) -> None:
    bomb = gzip.compress(small_mp4 + bytes(60 * 1024 * 1024), 6)
    bomb = gzip.compress(bomb) if twice else bomb
    fake_server.script("file", Say(raw=bomb, headers={"Content-Encoding": "gzip"}))
    cap, seen = 8 * 1024 * 1024, list[int]()
    tracemalloc.start()
    try:
        with pytest.raises(hh.DownloadError, match="larger than 8,388,608 bytes"):
            await client.download(task, target, cap=cap, on_bytes=lambda have, _: seen.append(have))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(have <= cap for have in seen)
    assert peak < 4 * cap


@pytest.mark.parametrize("said", ["gzip", "deflate"])
async def test_a_packed_answer_of_the_server_is_read(client: Client, fake_server: FakeServer, said: str) -> None:
    pack = gzip.compress if said == "gzip" else zlib.compress
    raw = pack(b'{"code": 0, "message": "success", "data": {"balance": 7.5}}')
    fake_server.script("balance", Say(raw=raw, headers={"Content-Encoding": said}))
    assert str(await client.balance()) == "7.5"


async def test_one_that_is_packed_badly_is_said(client: Client, fake_server: FakeServer) -> None:
    fake_server.script("balance", Say(raw=b"\x1f\x8b\x08 and nonsense" * 9, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(hh.ConnectionLost, match="the server's answer cannot be unpacked"):
        await client.balance()
