"""The video comes whole or not at all, from where the link says or not at all, and never over another file."""

from __future__ import annotations

import asyncio
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import aiohttp
import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client, Snapshot
from happyhorse_nb.client.download import download
from support.fake_server import SIGNATURE, Cut, Do, FakeServer, Say
from support.videos import look_into, make_mp4


@pytest.fixture
async def task(client: Client, fake_server: FakeServer, photo: Path) -> Snapshot:
    """A finished one."""
    fake_server.words = ("success",)
    accepted = await client.submit(photo)
    return await client.read(accepted.task_id or "")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "videos" / "launch.mp4"


def content(file: Path) -> bytes:
    return file.read_bytes()


def size_of(file: Path) -> int:
    return file.stat().st_size


def put(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_key_does_not_go_along(client: Client, fake_server: FakeServer, task: Snapshot, target: Path) -> None:
    with FakeServer(video=fake_server.video) as store:
        fake_server.script("file", Say(302, headers={"Location": f"{store.origin}/files/x.mp4?signature={SIGNATURE}"}))
        await client.download(task, target)
        [there] = store.requests
        assert "Authorization" not in there.headers
    [here] = fake_server.of("file")
    assert "Authorization" not in here.headers
    assert look_into(target).codec == "h264"


async def test_it_goes_on_where_it_was_cut(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    fake_server.script("file", Do(cut=Cut.HALFWAY), Do(cut=Cut.BEFORE_READING), Do(cut=Cut.HALFWAY))
    seen: list[tuple[int, int | None]] = []
    await client.download(task, target, on_bytes=lambda have, total: seen.append((have, total)))
    assert content(target) == small_mp4
    ranges = [request.headers.get("Range") for request in fake_server.of("file")]
    half = len(small_mp4) // 2
    assert ranges[:3] == [None, f"bytes={half}-", f"bytes={half}-"]
    assert ranges[3] not in (None, f"bytes={half}-")
    assert {request.headers.get("If-Range") for request in fake_server.of("file")[1:]} == {'"v1"'}
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)
    assert seen[-1] == (len(small_mp4), len(small_mp4))
    assert left_in(target.parent) == ["launch.mp4"]


async def test_patience_counts_from_the_last_byte_that_came(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    # Each of these brings half of what is missing, and without any patience one in vain would be the last.
    fake_server.script("file", *[Do(cut=Cut.HALFWAY)] * 3)
    await client.download(task, target, patience=0.5)
    assert content(target) == small_mp4


@pytest.mark.parametrize(
    "answer",
    [
        Say(503),
        Say(429),
        Say(408),
        Say(416),
        Say(206, raw=b"other bytes", headers={"Content-Range": "bytes 5-15/16"}),
        Do(cut=Cut.BEFORE_READING),
        Do(cut=Cut.AFTER_ACCEPTING),
    ],
    ids=["503", "429", "408", "416", "another part", "cut before", "cut after"],
)
async def test_trouble_that_passes(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, answer: Do | Say
) -> None:
    fake_server.script("file", Do(cut=Cut.HALFWAY), answer)
    await client.download(task, target)
    assert content(target) == small_mp4


async def test_trouble_that_lasts(client: Client, fake_server: FakeServer, task: Snapshot, target: Path) -> None:
    fake_server.script("file", *[Say(503)] * 20)
    with pytest.raises(hh.DownloadError, match="could not be fetched: its server answers 503") as caught:
        await client.download(task, target, patience=0.2)
    assert not caught.value.refused
    assert left_in(target.parent) == []


BAD = {
    "login page": (b"<html><form>Sign in", "not an MP4"),
    "empty": (b"", "no video"),
    "truncated": (None, "ends too early"),
    "no film": (b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", "no video"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_is_no_whole_video_never_has_a_video_s_name_and_what_came_twice_is_not_deleted(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, kind: str
) -> None:
    body, words = BAD[kind]
    raw = small_mp4[: len(small_mp4) // 2] if body is None else body
    fake_server.script("file", *[Say(raw=raw, headers={"Content-Type": "video/mp4"})] * 50)
    kept = target.with_name("launch.mp4.damaged")
    # Fetched again another day, and still the same: it is not piled up.
    for _ in range(2):
        with pytest.raises(hh.DownloadError, match=words) as caught:
            await client.download(task, target, patience=0.1)
        assert left_in(target.parent) == ([kept.name] if raw else [])
        if raw:
            assert content(kept) == raw
            assert f"is kept as {kept}" in str(caught.value)
    # Nor written over by something else that is no film.
    fake_server.forget("file")
    fake_server.script("file", *[Say(raw=b"something else")] * 50)
    with pytest.raises(hh.DownloadError):
        await client.download(task, target, patience=0.1)
    assert raw in (b"", content(kept))
    assert b"something else" in [content(target.parent / name) for name in left_in(target.parent)]


@pytest.mark.parametrize("kind", BAD)
async def test_what_is_no_whole_video_for_a_while_is_fetched_again(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, kind: str
) -> None:
    raw = BAD[kind][0]
    raw = small_mp4[: len(small_mp4) // 2] if raw is None else raw
    fake_server.script("file", *[Say(raw=raw)] * 3)
    await client.download(task, target)
    assert content(target) == small_mp4
    assert left_in(target.parent) == ["launch.mp4"]


async def test_a_video_whose_pictures_are_damaged_is_fetched_again_then_kept_aside(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    start = small_mp4.index(b"mdat") + 4
    damaged = small_mp4[:start] + bytes(len(small_mp4) - start)
    fake_server.script("file", *[Say(raw=damaged)] * 50)
    with pytest.raises(hh.DownloadError, match="cannot be decoded"):
        await client.download(task, target, patience=0.1)
    assert left_in(target.parent) == ["launch.mp4.damaged"]
    fake_server.forget("file")
    fake_server.script("file", Say(raw=damaged))
    await client.download(task, target, patience=0.1)
    assert content(target) == small_mp4


async def test_something_else_each_time_ends_too(client: Client, task: Snapshot, target: Path) -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        # Ever more of it: more bytes than ever, and never a video.
        page = b"<html>" + b"wait " * number
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
        await writer.drain()

    async with raw_store(answer) as link:
        with pytest.raises(hh.DownloadError, match="not an MP4"):
            await client.download(replace(task, video_url=link), target, patience=0.2)
    assert left_in(target.parent) == []


@pytest.mark.parametrize("change", ["tag", "length", "neither is told"])
async def test_a_cut_video_is_not_gone_on_with_by_another_one(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes, change: str
) -> None:
    # Another film at the same place, from a server that looks at no If-Range: its parts fit in number only.
    other = make_mp4(width=352, height=240, seconds=3)
    half = len(small_mp4) // 2
    rest = other[half:]
    if change == "tag":
        heads = ['ETag: "a"\r\n', f'ETag: "b"\r\nContent-Range: bytes {half}-{len(small_mp4) - 1}/{len(small_mp4)}\r\n']
        rest = other[half : len(small_mp4)]
    elif change == "length":
        heads = ["", f"Content-Range: bytes {half}-{len(other) - 1}/{len(other)}\r\n"]
    else:
        heads = ["", f"Content-Range: bytes {half}-{len(small_mp4) - 1}/*\r\n"]
        rest = small_mp4[half:]

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 0:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(small_mp4)}\r\n{heads[0]}\r\n".encode())
            writer.write(small_mp4[:half])
        elif number == 1:
            writer.write(f"HTTP/1.1 206 OK\r\nContent-Length: {len(rest)}\r\n{heads[1]}\r\n".encode() + rest)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(other) + other)
        await writer.drain()

    async with raw_store(answer) as link:
        await client.download(replace(task, video_url=link), target)
    assert content(target) == (small_mp4 if change == "neither is told" else other)


async def test_a_server_that_gives_a_part_of_what_is_missing_at_a_time(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    size, step = len(small_mp4), len(small_mp4) // 5

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        start = number * step
        part = small_mp4[start : start + step]
        if number == 0:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + part)
        else:
            there = f"bytes {start}-{start + len(part) - 1}/{size}"
            writer.write(f"HTTP/1.1 206 OK\r\nContent-Length: {len(part)}\r\nContent-Range: {there}\r\n\r\n".encode())
            writer.write(part)
        await writer.drain()

    async with raw_store(answer) as link:
        await client.download(replace(task, video_url=link), target)
    assert content(target) == small_mp4


@pytest.mark.parametrize(
    ("link", "times"), [("http://example.com/x.mp4", 3), ("/files/x.mp4", 8)], ids=["elsewhere", "in circles"]
)
async def test_a_redirect_that_leads_astray_for_a_while(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, link: str, times: int
) -> None:
    fake_server.script("file", *[Say(302, headers={"Location": link})] * times)
    await client.download(task, target)
    assert content(target) == small_mp4


@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 403, 404, 410, 418, 500, 503])
async def test_no_answer_is_the_last_word_while_there_is_patience(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes, status: int
) -> None:
    fake_server.script("file", *[Say(status, raw=b"")] * 3)
    await client.download(task, target)
    assert content(target) == small_mp4


async def test_one_try_in_vain_is_never_the_only_one(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path
) -> None:
    # However long it took: a connection that hangs until it is given up takes as long as the whole patience.
    fake_server.script("file", Do(cut=Cut.AFTER_ACCEPTING))
    await client.download(task, target, patience=0.0)
    assert left_in(target.parent) == ["launch.mp4"]


async def test_a_video_that_is_too_large_is_refused_by_its_length(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    seen: list[int] = []
    with pytest.raises(hh.DownloadError, match="larger than 1,000 bytes"):
        await client.download(task, target, cap=1000, on_bytes=lambda have, _: seen.append(have))
    assert (seen, left_in(target.parent)) == ([], [])


async def test_one_whose_length_is_not_told_is_given_up_when_it_has_become_too_large(
    client: Client, task: Snapshot, target: Path
) -> None:
    cap, seen = 9 * 1024 * 1024, list[int]()

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(2 * cap))
        await writer.drain()

    async with raw_store(answer) as link:
        with pytest.raises(hh.DownloadError, match="larger than"):
            await client.download(
                replace(task, video_url=link), target, cap=cap, on_bytes=lambda have, _: seen.append(have)
            )
    assert seen
    assert all(have <= cap for have in seen)
    assert left_in(target.parent) == []


async def test_a_file_that_is_there_stays(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path
) -> None:
    put(target, "mine")
    with pytest.raises(hh.DownloadError, match="exists and is never overwritten"):
        await client.download(task, target)
    assert fake_server.of("file") == []
    assert content(target) == b"mine"


async def test_a_file_that_appears_meanwhile_stays(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path
) -> None:
    def appear(have: int, total: int | None) -> None:
        put(target, "mine")

    with pytest.raises(hh.DownloadError, match="exists and is never overwritten"):
        await client.download(task, target, on_bytes=appear)
    assert content(target) == b"mine"
    assert left_in(target.parent) == ["launch.mp4"]


async def test_two_downloads_to_one_name_do_not_mix(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    fake_server.script("file", Do(cut=Cut.HALFWAY), Do(cut=Cut.HALFWAY))
    ends = await asyncio.gather(*[client.download(task, target) for _ in range(2)], return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DownloadError", "VideoInfo"]
    assert content(target) == small_mp4
    assert left_in(target.parent) == ["launch.mp4"]


async def test_a_folder_that_cannot_be_made_is_one_line(client: Client, task: Snapshot, tmp_path: Path) -> None:
    put(tmp_path / "videos", "a file where the folder should be")
    with pytest.raises(hh.DownloadError, match="could not be written") as caught:
        await client.download(task, tmp_path / "videos" / "deep" / "launch.mp4")
    assert "\n" not in str(caught.value)


@asynccontextmanager
async def raw_store(answer: Callable[[int, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A file server that answers as it likes, told how many requests there were before; it closes after each."""
    asked = count()
    at_work: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(asyncio.current_task())
        # A download that is cancelled may close before it has asked.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(next(asked), writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x.mp4"
        await asyncio.gather(*filter(None, at_work))


def open_ended(video: bytes) -> bytes:
    """The same film; its last box says that it reaches to the end of the file."""
    at = video.rindex(b"mdat") - 4
    return video[:at] + bytes(4) + video[at + 4 :]


@pytest.mark.parametrize("change", [bytes, open_ended], ids=["usual", "open end"])
@pytest.mark.parametrize("cut", [True, False], ids=["cut", "whole"])
async def test_where_no_length_is_told_a_cut_is_noticed(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes, change: Callable[[bytes], bytes], cut: bool
) -> None:
    video = change(small_mp4)

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        most = len(video) * 2 // 3 if cut and number == 0 else len(video)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + video[:most])
        await writer.drain()

    async with raw_store(answer) as link:
        await client.download(replace(task, video_url=link), target)
    assert content(target) == video
    assert left_in(target.parent) == ["launch.mp4"]


async def test_what_never_comes_whole_ends(client: Client, task: Snapshot, target: Path, small_mp4: bytes) -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + small_mp4[: len(small_mp4) // 2])
        await writer.drain()

    async with raw_store(answer) as link:
        with pytest.raises(hh.DownloadError, match="ends too early"):
            await client.download(replace(task, video_url=link), target, patience=0.3)
    assert left_in(target.parent) == ["launch.mp4.damaged"]


async def test_a_video_that_crawls_is_given_up(target: Path) -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_store(answer) as link, aiohttp.ClientSession() as session:
        with pytest.raises(hh.DownloadError, match="too slow"):
            await download(session, link, target, loopback=True, window=0.2)
    assert left_in(target.parent) == []


@asynccontextmanager
async def store_that_cuts(video: bytes, step: int) -> AsyncIterator[str]:
    """A store that closes each connection after so many bytes."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        start, end = number * step, len(video) - 1
        part = f"Content-Range: bytes {start}-{end}/{len(video)}\r\n" if number else ""
        head = f"HTTP/1.1 {206 if number else 200} OK\r\nContent-Length: {len(video) - start}\r\n{part}\r\n"
        writer.write(head.encode() + video[start : start + step])
        await writer.drain()

    async with raw_store(answer) as link:
        yield link


async def test_a_video_that_comes_a_byte_at_a_connection_is_given_up(target: Path, small_mp4: bytes) -> None:
    async with store_that_cuts(small_mp4, 1) as link, aiohttp.ClientSession() as session:
        with pytest.raises(hh.DownloadError, match="too slow"):
            await download(session, link, target, loopback=True, window=0.2)
    assert left_in(target.parent) == []


async def test_one_that_comes_in_many_small_parts_is_not(target: Path, small_mp4: bytes) -> None:
    filler = (60_000).to_bytes(4, "big") + b"free" + bytes(59_992)
    async with store_that_cuts(small_mp4 + filler, 4096) as link, aiohttp.ClientSession() as session:
        await download(session, link, target, loopback=True, window=1.0)
    assert content(target) == small_mp4 + filler


LINKS = {
    "http elsewhere": "http://example.com/x.mp4",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/x.mp4",
    "broken": "http://[::1/x.mp4",
    "script": "javascript:alert(1)",
}


@pytest.mark.parametrize("kind", LINKS)
async def test_a_redirect_to_where_no_key_or_video_should_go_is_refused(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, kind: str
) -> None:
    fake_server.script("file", *[Say(302, headers={"Location": LINKS[kind]})] * 50)
    with pytest.raises(hh.DownloadError) as caught:
        await client.download(task, target, patience=0.1)
    assert "example.com" not in str(caught.value)
    assert left_in(target.parent) == []


async def test_redirects_in_circles_end(client: Client, fake_server: FakeServer, task: Snapshot, target: Path) -> None:
    fake_server.script("file", *[Say(302, headers={"Location": "/files/x.mp4"})] * 90)
    with pytest.raises(hh.DownloadError, match="circles"):
        await client.download(task, target, patience=0.1)
    assert len(fake_server.of("file")) < 20


@pytest.mark.parametrize(
    "answer", [Say(403), Say(404), Say(503), Say(raw=b"<html>")], ids=["403", "404", "503", "html"]
)
async def test_the_link_is_in_no_traceback_however_verbose(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, answer: Say
) -> None:
    from IPython.core.ultratb import VerboseTB

    fake_server.script("file", *[answer] * 20)
    with pytest.raises(hh.DownloadError) as caught:
        await client.download(task, target, patience=0.1)
    error = caught.value
    # This test's own frame has the link, so the traceback begins after it.
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next
    verbose = VerboseTB()
    text = verbose.text(type(error), error, frames)
    assert "download" in text
    assert SIGNATURE not in text
    assert SIGNATURE not in "".join(traceback.format_exception(error))
    assert error.__context__ is None or SIGNATURE not in repr(error.__context__)


async def test_a_task_without_a_link_says_so(client: Client, task: Snapshot, target: Path) -> None:
    with pytest.raises(hh.DownloadError, match="no link"):
        await client.download(replace(task, video_url=None), target)


async def test_many_videos_at_once_come_some_at_a_time_and_hold_up_no_look_at_a_task(
    client: Client, fake_server: FakeServer, task: Snapshot, tmp_path: Path, small_mp4: bytes
) -> None:
    with fake_server.held("file"):
        coming = [asyncio.ensure_future(client.download(task, tmp_path / f"{number}.mp4")) for number in range(120)]
        await fake_server.seen("file", 6)
        assert (await client.read(task.task_id or "")).status == hh.Status.DOWNLOADING
        assert len(fake_server.of("file")) == 6
    await asyncio.gather(*coming)
    assert {content(tmp_path / f"{number}.mp4") for number in range(120)} == {small_mp4}


async def test_videos_that_do_not_come_hold_up_none_that_does(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_store(answer) as link:
        # As many as are fetched at once, and more.
        stuck = [
            asyncio.ensure_future(client.download(replace(task, video_url=link), target.with_name(f"{number}.mp4")))
            for number in range(9)
        ]
        await client.download(task, target)
        assert not any(download.done() for download in stuck)
        for download in stuck:
            download.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
    assert left_in(target.parent) == ["launch.mp4"]


async def test_a_video_whose_process_was_killed_just_after_it_got_its_name_stays_whole(
    client: Client, fake_server: FakeServer, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    target.parent.mkdir()
    (target.parent / "launch.mine.part").write_bytes(small_mp4)
    # The name that it had before is another name of the same file until it is taken away.
    (target.parent / "launch.mp4").hardlink_to(target.parent / "launch.mine.part")
    fake_server.script("file", *[Say(raw=b"<html>Sign in")] * 50)

    async def no_fresh_link(why: str, vain: int) -> None:
        pass

    with pytest.raises(hh.DownloadError, match="not an MP4"):
        await client.bring(
            task, target, part="mine", patience=0.0, renew=no_fresh_link, on_bytes=lambda have, total: None
        )
    assert content(target) == small_mp4


async def test_a_half_file_of_a_name_that_only_one_uses_is_written_over(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    target.parent.mkdir()
    (target.parent / "launch.mine.part").write_bytes(b"left by a process that was killed")
    await client.download(task, target, part="mine")
    assert content(target) == small_mp4
    assert left_in(target.parent) == ["launch.mp4"]


async def test_a_large_video_takes_no_more_memory_than_a_small_one(
    client: Client, task: Snapshot, target: Path, small_mp4: bytes
) -> None:
    pieces, piece = 96, bytes(1024 * 1024)

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        box = (8 + pieces * len(piece)).to_bytes(4, "big") + b"free"
        length = len(small_mp4) + len(box) + pieces * len(piece)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + small_mp4 + box)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()

    async with raw_store(answer) as link:
        tracemalloc.start()
        try:
            await client.download(replace(task, video_url=link), target)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size_of(target) > pieces * len(piece)
    assert peak < 24 * 1024 * 1024


async def test_a_relative_name_is_of_the_folder_in_which_it_was_given(
    client: Client, fake_server: FakeServer, task: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with fake_server.held("file"):
        download = asyncio.ensure_future(client.download(task, "launch.mp4"))
        await fake_server.seen("file")
        monkeypatch.chdir("elsewhere")
    await download
    assert left_in(tmp_path) == ["elsewhere", "launch.mp4"]
