"""The key is in no repr, log, error or traceback of the client, and goes to no proxy, whatever the environment says."""

from __future__ import annotations

import gc
import html
import json
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Client
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say, refused_origin

TROUBLE: dict[str, Answer] = {
    "refused": Say(401, body={"code": 401, "message": "Unauthorized: the key is not valid"}),
    "server error": Say(500),
    "cut": Do(cut=Cut.AFTER_ACCEPTING),
    "half": Do(cut=Cut.HALFWAY),
    "garbage": Say(raw=b"<html>"),
    "redirect": Say(302, headers={"Location": "http://example.com/"}),
}


def everything_of(error: BaseException) -> str:
    """All that a program or a notebook may show of an error, down to the values of the variables of every frame."""
    from IPython.core.ultratb import VerboseTB

    # This test's own frame knows the key; the ones after it must not show it.
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next
    said = [VerboseTB().text(type(error), error, frames), repr(error), str(error), repr(vars(error))]
    said += traceback.TracebackException(type(error), error, frames, capture_locals=True).format()
    seen: BaseException | None = error
    while seen is not None:
        said.append(repr(seen))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(said)


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_no_error_shows_it(
    fake_server: FakeServer, photo: Path, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Client(KEY, fake_server.origin) as client:
        for kind in ("submit", "poll"):
            fake_server.script(kind, TROUBLE[trouble])
        for asked in (client.submit(photo, "p"), client.read("task-1")):
            with pytest.raises(hh.HappyHorseError) as caught:
                await asked
            assert KEY not in everything_of(caught.value)
        assert KEY not in repr(client)
        assert KEY not in repr(client.account)
        assert KEY not in str(client.account.key)
        with pytest.raises(TypeError):
            pickle.dumps(client.account.key)
    assert fake_server.of("submit")[0].key == KEY
    assert KEY not in caplog.text


#: How servers repeat a key: as PHP and .NET write JSON, in an address, as HTML, and some of it only.
REPEATED: dict[str, Callable[[str], str]] = {
    "PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    ".NET": lambda key: json.dumps(key)[1:-1].replace("+", "\\u002B"),
    "address": lambda key: quote(key, safe=""),
    "upper case": str.upper,
    "HTML": lambda key: key.replace("+", "&#43;"),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key).replace("/", "\\/"))[1:-1],
    "the first part": lambda key: key[:16] + "…",
    "the last part": lambda key: "…" + key[-16:],
}


def plainest(text: str) -> str:
    """A text as somebody may read it who looks for a key in it."""
    for _ in range(3):
        text = html.unescape(unquote(text)).replace("\\u002B", "+").replace("\\", "")
    return text.casefold()


LONG = "mdlx+7/Hq2+x/9vLw0pT4z"


@pytest.mark.parametrize(
    ("how", "key"), [*((how, LONG) for how in REPEATED), *((how, "k+short/9") for how in REPEATED if "part" not in how)]
)
async def test_no_error_shows_it_however_the_server_spells_it(photo: Path, how: str, key: str) -> None:
    spelt = REPEATED[how](key)
    words = f'"Unauthorized: the key {spelt} is not valid"'.encode()
    fail = Say(403, raw=b'{"code": 403, "message": ' + words + b"}", headers={"X-Your-Key": quote(key)})
    ended = Say(raw=b'{"data": {"task_id": "task-1", "status": "failed", "error": {"message": ' + words + b"}}}")
    models = Say(raw=b'{"models": [{"slug": ' + words + b"}]}")
    held = [plainest(key)] if len(key) <= 16 else [plainest(key)[:16], plainest(key)[-16:]]
    with FakeServer(key=key) as server:
        server.script("submit", fail, Say(500, raw=fail.raw), Say(raw=b'{"code": 7, "message": ' + words + b"}"))
        server.script("poll", fail, ended)
        server.script("models", models)
        async with Client(key, server.origin) as client:
            for asked in (*(client.submit(photo) for _ in range(3)), client.read("task-1")):
                with pytest.raises(hh.HappyHorseError, match=r"\(the key\)") as caught:
                    await asked
                assert not any(part in plainest(everything_of(caught.value)) for part in held)
            failed = await client.read("task-1")
            assert "(the key)" in failed.message
            for said in (repr(failed), repr(await client.models())):
                assert not any(part in plainest(said) for part in held)


async def test_a_task_named_by_the_key_is_no_task(photo: Path) -> None:
    with FakeServer() as server:
        server.script("submit", Say(body={"code": 0, "data": {"task_id": f"task-{KEY}", "status": "pending"}}))
        async with Client(KEY, server.origin) as client:
            with pytest.raises(hh.OutcomeUnknown) as caught:
                await client.submit(photo)
            assert caught.value.task_id is None
            assert KEY not in everything_of(caught.value)


async def test_no_log_shows_it_or_the_link_when_all_goes_well(
    fake_server: FakeServer, photo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake_server.words = ("success",)
    async with Client(KEY, fake_server.origin) as client:
        task = await client.submit(photo, "p")
        done = await client.read(task.task_id or "")
        assert done.video_url
        await client.download(done, tmp_path / "x.mp4")
        assert SIGNATURE not in repr(done)
        assert SIGNATURE not in repr(done.video_url)
    for secret in (KEY, SIGNATURE):
        assert secret not in caplog.text


async def test_where_nobody_listens_no_error_shows_it(photo: Path) -> None:
    async with Client(KEY, refused_origin()) as client:
        with pytest.raises(hh.NotSent) as caught:
            await client.submit(photo)
        assert KEY not in everything_of(caught.value)


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com",
        "https://user:word@example.com",
        "https://example.com/api",
        "https://example.com?x=1",
        "ftp://example.com",
        "example.com",
        "https://",
        "http://localhost.example.com",
    ],
)
def test_an_origin_that_would_take_the_key_elsewhere_is_refused(origin: str) -> None:
    with pytest.raises(hh.ConfigError) as caught:
        Client(KEY, origin)
    assert KEY not in everything_of(caught.value)


def test_nor_does_an_origin_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    monkeypatch.setenv("MODELLIX_BASE_URL", "http://example.com")
    with pytest.raises(hh.ConfigError) as caught:
        Client()
    assert KEY not in everything_of(caught.value)
    monkeypatch.setenv("MODELLIX_BASE_URL", "https://example.com")
    monkeypatch.setenv("MODELLIX_API_KEY", f"{KEY} with words")
    with pytest.raises(hh.ConfigError) as caught:
        Client()
    assert KEY not in everything_of(caught.value)


class Proxy:
    """Listens on loopback, notes what it is asked, and refuses it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://scout:word@127.0.0.1:{self._socket.getsockname()[1]}"
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    proxy = Proxy()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy.address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield proxy
    proxy.close()


async def test_a_proxy_of_the_environment_is_asked_to_connect_and_told_no_key(proxy: Proxy, photo: Path) -> None:
    async with Client(KEY, "https://api.example.com") as client:
        with pytest.raises(hh.NotSent, match="the proxy answers 403"):
            await client.submit(photo)
    [heard] = proxy.heard
    assert heard.startswith(b"CONNECT api.example.com:443")
    assert b"Proxy-Authorization: Basic" in heard
    assert KEY.encode() not in heard


@pytest.mark.parametrize(
    "address", ["http://u:s3cret@127.0.0.1:99999", "http://u:s3cret@[::1", "socks5://u:s3cret@127.0.0.1:1", "http://"]
)
async def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch, photo: Path, tmp_path: Path, address: str
) -> None:
    monkeypatch.setenv("https_proxy", address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    done = hh.Snapshot(status=hh.Status.DOWNLOADING, video_url="https://files.example.com/x.mp4")
    async with Client(KEY, "https://api.example.com") as client:
        for asked, error in (
            (client.submit(photo), hh.NotSent),
            (client.balance(), hh.NotSent),
            (client.download(done, tmp_path / "x.mp4"), hh.DownloadError),
        ):
            with pytest.raises(error, match="the proxy in the environment cannot be used") as caught:
                await asked
            assert "\n" not in str(caught.value)
            assert "s3cret" not in everything_of(caught.value)
            assert KEY not in everything_of(caught.value)


async def test_a_server_on_this_machine_is_behind_no_proxy(proxy: Proxy, fake_server: FakeServer) -> None:
    async with Client(KEY, fake_server.origin) as client:
        assert await client.valid_key()
    assert proxy.heard == []


async def test_an_entry_in_netrc_is_no_second_authorization(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> Path:
        path = tmp_path / "netrc"
        path.write_text("default login somebody password else\n")
        return path

    monkeypatch.setenv("NETRC", str(write()))
    async with Client(KEY, "https://api.example.com") as client:
        with pytest.raises(hh.NotSent, match="the proxy answers 403"):
            await client.balance()
    assert len(proxy.heard) == 1


async def test_nothing_is_left_open(fake_server: FakeServer, photo: Path) -> None:
    async with Client(KEY, fake_server.origin) as client:
        await client.submit(photo)
    # An unclosed session or socket would be a warning here, and so a failure.
    gc.collect()
