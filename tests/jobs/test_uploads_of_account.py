"""An account's uploads without jobs: stopped at any instant they leave nothing claimed, and links are sealed."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb.client import Client
from happyhorse_nb.client.body import Flight
from happyhorse_nb.client.upload import Upload
from happyhorse_nb.inputs import Input, load
from happyhorse_nb.limits.uploads import NotUploaded, Seal, Uploads, Waiter
from happyhorse_nb.models import REFERENCES, ImageLimits
from happyhorse_nb.settings import account_of
from happyhorse_nb.store import Claim, Ledger, Presence, Room
from support.fake_server import KEY, SIGNATURE

LINK = f"https://media.example.com/hero.png?signature={SIGNATURE}"


class Slow(Ledger):
    """A ledger that, when asked to, pauses after what it has written, before it says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pauses = ""
        self.paused, self.goes_on = threading.Event(), threading.Event()

    def give_room(self, *args: Any, **more: Any) -> Room:
        return self._after("room", super().give_room(*args, **more))

    def claim_upload(self, *args: Any, **more: Any) -> Claim:
        return self._after("claim", super().claim_upload(*args, **more))

    def _after(self, step: str, found: Any) -> Any:
        if self.pauses == step:
            self.pauses = ""
            self.paused.set()
            assert self.goes_on.wait(30)
        return found


class Server(Client):
    """A client whose answers the test gives."""

    def __init__(self) -> None:
        super().__init__(KEY, "https://api.example.com")
        self.answers: list[Upload | Exception] = []
        self.uploads, self.deleted = 0, list[str]()
        self.whole = False
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()

    async def upload(self, picture: Any, *, flight: Flight | None = None) -> Upload:
        self.uploads += 1
        assert flight is not None
        flight.left, flight.whole = True, self.whole
        self.asked.set()
        await self.goes_on.wait()
        answer = self.answers.pop(0) if self.answers else Upload(f"file-{self.uploads}", LINK, time.time() + 86_400)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def delete_upload(self, file_id: str) -> None:
        self.deleted.append(file_id)
        self.asked.set()
        await self.goes_on.wait()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Slow]:
    ledger = Slow(tmp_path / "home")
    yield ledger
    ledger.goes_on.set()
    ledger.close()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def presence(tmp_path: Path) -> Iterator[Presence]:
    presence = Presence(tmp_path / "home")
    yield presence
    presence.close()


@pytest.fixture
def uploads(ledger: Slow, server: Server, presence: Presence) -> Uploads:
    return Uploads(server, account_of(KEY, "https://api.example.com", source="a test"), ledger, presence)


@pytest.fixture(autouse=True)
def folder_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()


def picture(color: str) -> Input:
    out = io.BytesIO()
    Image.new("RGB", (400, 400), color).save(out, "PNG")
    return load(out.getvalue(), limits=ImageLimits(), role=REFERENCES)


async def _at_once() -> None:
    pass


def waiter(patience: float = 0.0) -> Waiter:
    return Waiter(_at_once, lambda words: None, patience, 0.01)


@pytest.mark.parametrize("step", ["room", "claim"])
async def test_a_stop_while_the_ledger_is_written_leaves_nothing_claimed(
    uploads: Uploads, ledger: Slow, server: Server, step: str
) -> None:
    ledger.pauses = step
    stopped = asyncio.ensure_future(uploads.addresses("job 1", [picture("red")], waiter()))
    await asyncio.to_thread(ledger.paused.wait)
    stopped.cancel()
    ledger.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert server.uploads == 0
    found = await uploads.addresses("job 2", [picture("red")], waiter())
    assert list(found.values()) == [LINK]


@pytest.mark.parametrize(("whole", "uploaded"), [(False, 2), (True, 1)])
async def test_a_stop_in_an_upload_takes_it_back_unless_the_server_may_have_it_all(
    uploads: Uploads, server: Server, whole: bool, uploaded: int
) -> None:
    server.whole = whole
    server.goes_on.clear()
    stopped = asyncio.ensure_future(uploads.addresses("job 1", [picture("red")], waiter()))
    await server.asked.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    server.goes_on.set()
    found = await uploads.addresses("job 2", [picture("red")], waiter())
    assert list(found.values()) == [LINK]
    assert server.uploads == uploaded


async def test_at_the_end_nobody_waits_for_an_answer(uploads: Uploads, server: Server) -> None:
    server.whole = True
    server.goes_on.clear()
    stopped = asyncio.ensure_future(uploads.addresses("job 1", [picture("red")], waiter()))
    await server.asked.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    await uploads.close()
    server.goes_on.set()
    await uploads.addresses("job 2", [picture("red")], waiter())
    assert server.uploads == 2


async def test_a_stop_in_a_deletion_leaves_it_to_the_next(uploads: Uploads, server: Server) -> None:
    for color in ("red", "green", "blue", "black", "white", "cyan", "pink", "gold", "navy", "teal"):
        await uploads.addresses("job 1", [picture(color)], waiter())
    server.goes_on.clear()
    server.asked.clear()
    stopped = asyncio.ensure_future(uploads.addresses("job 2", [picture("gray")], waiter()))
    await server.asked.wait()
    assert server.deleted == ["file-1"]
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    server.goes_on.set()
    await uploads.addresses("job 3", [picture("gray")], waiter())
    assert server.deleted == ["file-1", "file-1"]
    assert server.uploads == 11


@pytest.mark.parametrize(
    ("problem", "uploaded"),
    [
        (hh.RateLimited("slow down", retry_after=0.0), 2),
        (hh.NotSent("no"), 2),
        (hh.NotSent("a part of it", begun=True), 1),
        (hh.UploadUnknown("who knows"), 1),
        (hh.BadRequest("no", status=400), 1),
    ],
)
async def test_only_what_was_surely_not_taken_is_sent_again(
    uploads: Uploads, server: Server, problem: Exception, uploaded: int
) -> None:
    server.answers = [problem]
    asked = uploads.addresses("job 1", [picture("red")], waiter(patience=30.0))
    if uploaded == 1:
        with pytest.raises(NotUploaded) as failed:
            await asked
        assert failed.value.problem is problem
    else:
        await asked
    assert server.uploads == uploaded


async def test_a_link_is_sealed_in_the_ledger(uploads: Uploads, ledger: Slow, tmp_path: Path) -> None:
    await uploads.addresses("job 1", [picture("red")], waiter())
    ledger.close()
    for file in (tmp_path / "home").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"media.example.com" not in content
        assert KEY.encode() not in content


def test_a_seal_is_opened_with_its_key_alone() -> None:
    seal = Seal(KEY)
    sealed = seal.sealed(LINK)
    assert (seal.opened(sealed), Seal(KEY).opened(sealed)) == (LINK, LINK)
    assert repr(seal.opened(sealed)) == "'<hidden>'"
    assert KEY not in repr(seal)
    assert sealed != seal.sealed(LINK)
    assert Seal("another key").opened(sealed) is None
    for damaged in ("", "no base64!", sealed[:-8], "AAAA" + sealed[4:], sealed[:-8] + "AAAAAAA="):
        assert seal.opened(damaged) is None
