"""A link is followed as it is spelt, over https, and to no address of this machine or its network."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

import happyhorse_nb as hh
from happyhorse_nb.client.download import download
from happyhorse_nb.client.network import PublicOnly, destination
from happyhorse_nb.client.transport import Transport
from happyhorse_nb.settings import account_of
from happyhorse_nb.settings.account import HiddenText
from support.fake_server import KEY, SIGNATURE
from support.tls import contexts

#: What a signature may count, each spelt in one of several ways.
SPELT = "/a%2Fb%28c%29/%7Euser/x%20y+z;v=1/%e4%BD%a0%25.mp4?sig=%2f%2B+~%7e(*)'!&e;f=a%20b&n=&&p"


class Names(AbstractResolver):
    """Names and what they stand for; each look-up is noted."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.names[host.partition(".")[0]]
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in found]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for address, kind in zip(found, kinds, strict=True)
        ]

    async def close(self) -> None:
        pass


class Store:
    """A file server that notes each request's first line as it comes, and sends ``redirects`` before the film."""

    def __init__(self, film: bytes) -> None:
        self.film = film
        self.redirects: list[str] = []
        self.lines: list[str] = []
        self.heads: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def open(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Store]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            self.lines.append(self.heads[-1].split("\r\n")[0])
            if self.redirects:
                writer.write(b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: ")
                writer.write(self.redirects.pop(0).encode() + b"\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(self.film))
                writer.write(self.film)
            await writer.drain()
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def store(small_mp4: bytes) -> AsyncIterator[Store]:
    async with Store(small_mp4).open() as store:
        yield store


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "launch.mp4"


@asynccontextmanager
async def real(store: Store, names: Names) -> AsyncIterator[Callable[..., Awaitable[object]]]:
    """A download for an account whose server, api.example, is not on this machine."""
    server, client = contexts("api.example", "store.example")
    async with store.open(server):
        transport = Transport(account_of(KEY, "https://api.example"), resolver=names, tls=client)
        try:
            yield lambda link, target: download(transport.files, link, target, own=transport.host, patience=0.0)
        finally:
            await transport.close()


def here(store: Store, path: str) -> str:
    return f"http://127.0.0.1:{store.port}{path}"


async def fetch(link: str, target: Path) -> None:
    transport = Transport(account_of(KEY, "http://127.0.0.1:1"))
    try:
        await download(transport.files, link, target, loopback=True, patience=0.0)
    finally:
        await transport.close()


def content(file: Path) -> bytes:
    return file.read_bytes()


def there(file: Path) -> bool:
    return file.exists()


async def test_a_signed_link_is_asked_for_letter_by_letter(store: Store, target: Path, small_mp4: bytes) -> None:
    await fetch(here(store, SPELT), target)
    assert store.lines == [f"GET {SPELT} HTTP/1.1"]
    assert content(target) == small_mp4


@pytest.mark.parametrize("dots", ["/a/../b/./c.mp4", "//a//b.mp4", "/a;/b;;x=/c"])
async def test_nothing_in_a_path_is_tidied_up(store: Store, target: Path, dots: str) -> None:
    await fetch(here(store, dots), target)
    assert store.lines == [f"GET {dots} HTTP/1.1"]


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        (SPELT, SPELT),
        ("http://127.0.0.1:{port}" + SPELT, SPELT),
        ("//127.0.0.1:{port}" + SPELT, SPELT),
        ("b%2fc;.mp4?x=%7e", "/dir%28/b%2fc;.mp4?x=%7e"),
        ("../b%2f;?;", "/b%2f;?;"),
        ("?only=%2f", "/dir%28/a%7E.mp4?only=%2f"),
        ("#part", "/dir%28/a%7E.mp4?q=%2F"),
    ],
)
async def test_a_redirect_is_followed_letter_by_letter(store: Store, target: Path, location: str, asked: str) -> None:
    store.redirects = [location.replace("{port}", str(store.port))]
    await fetch(here(store, "/dir%28/a%7E.mp4?q=%2F"), target)
    assert store.lines == ["GET /dir%28/a%7E.mp4?q=%2F HTTP/1.1", f"GET {asked} HTTP/1.1"]


@pytest.mark.parametrize("redirected", [False, True])
async def test_what_cannot_stand_in_a_request_is_encoded_and_nothing_else(
    store: Store, target: Path, redirected: bool
) -> None:
    link, asked = "/my film é%2F.mp4?q=ü%7e ;+", "/my%20film%20%C3%A9%2F.mp4?q=%C3%BC%7e%20;+"
    store.redirects = [link] if redirected else []
    await fetch(here(store, "/first" if redirected else link), target)
    assert store.lines[-1] == f"GET {asked} HTTP/1.1"


@pytest.mark.parametrize("link", ["/a\r\nX-Injected: 1", "/a\tb", "/a\x00b", "/a\x7f", "/a\ud800"])
async def test_a_link_that_is_no_address_is_not_followed(store: Store, target: Path, link: str) -> None:
    with pytest.raises(hh.DownloadError) as caught:
        await fetch(here(store, link), target)
    assert caught.value.refused
    assert store.lines == []


async def test_a_signed_link_goes_through_a_proxy_letter_by_letter(
    small_mp4: bytes, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = Store(small_mp4), list[str]()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0])
        there, back = await asyncio.open_connection("127.0.0.1", store.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer))

    names = Names(proxy=["127.0.0.1"])
    async with real(store, names) as fetch, await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://proxy.example:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        await fetch(f"https://store.example{SPELT}", target)
        with pytest.raises(hh.DownloadError, match="this machine or its own network"):
            await fetch("https://192.168.1.1/x.mp4", target.with_name("other.mp4"))
    assert asked == ["CONNECT store.example:443 HTTP/1.1"]
    assert store.lines == [f"GET {SPELT} HTTP/1.1"]
    # The proxy may be inside; what it is asked for it looks up itself.
    assert names.asked == ["proxy.example"]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("scheme", ["http", "HTTP", "https", "HTTPS"])
@pytest.mark.parametrize("redirected", [False, True], ids=["link", "redirect"])
async def test_what_is_said_to_be_http_is_fetched_over_https_at_the_same_place(
    small_mp4: bytes, target: Path, scheme: str, redirected: bool
) -> None:
    store = Store(small_mp4)
    async with real(store, Names(api=["127.0.0.1"])) as fetch:
        link = f"{scheme}://api.example:{store.port}{SPELT}"
        if redirected:
            store.redirects = [link]
        await fetch(f"https://api.example:{store.port}/first" if redirected else link, target)
    assert store.lines[-1] == f"GET {SPELT} HTTP/1.1"
    assert content(target) == small_mp4


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("http://store.example/a", "https://store.example/a"),
        ("http://store.example:80/a%2F?b", "https://store.example/a%2F?b"),
        ("http://store.example:443/a", "https://store.example/a"),
        ("http://store.example:8080/a", "https://store.example:8080/a"),
        ("https://STORE.example:443/A", "https://store.example/A"),
        ("https://store.example:80/a", "https://store.example:80/a"),
        ("https://me:pass%2F@store.example/a", "https://me:pass%2F@store.example/a"),
        ("https://[2606:4700::1]:8443/a", "https://[2606:4700::1]:8443/a"),
        ("http://bücher.example/a", "https://xn--bcher-kva.example/a"),
    ],
)
def test_the_place_is_the_same_whatever_the_port(link: str, place: str) -> None:
    found = destination(link)
    assert (found.scheme, str(found).replace(":443/", "/")) == ("https", place)


INSIDE = [
    "127.0.0.1",
    "127.8.9.1",
    "10.0.0.8",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.8",
    "::127.0.0.1",
    "64:ff9b::10.0.0.8",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("redirected", [False, True], ids=["link", "redirect"])
async def test_from_a_real_server_no_link_leads_into_this_machine_or_its_network(
    small_mp4: bytes, target: Path, address: str, redirected: bool
) -> None:
    store, names = Store(small_mp4), Names(api=["127.0.0.1"], store=[address])
    host = f"[{address}]" if ":" in address else address
    async with real(store, names) as fetch:
        for link in (f"https://{host}:{store.port}/a.mp4", f"https://store.example:{store.port}/a.mp4"):
            store.redirects = [link] * 9 if redirected else []
            first = f"https://api.example:{store.port}/first" if redirected else link
            with pytest.raises(hh.DownloadError, match="this machine or its own network") as caught:
                await fetch(first, target)
            assert caught.value.refused
            assert "\n" not in str(caught.value)
    assert {line.split()[1] for line in store.lines} <= {"/first"}
    assert not there(target)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "127.1", "2130706433", "0", "１２７.0.0.1", "127。0。0。1"]
)
async def test_nor_does_another_spelling_of_such_an_address(small_mp4: bytes, target: Path, host: str) -> None:
    store, names = Store(small_mp4), Names()
    async with real(store, names) as fetch:
        with pytest.raises(hh.DownloadError) as caught:
            await fetch(f"https://{host}:{store.port}/a.mp4", target)
    assert caught.value.refused
    assert (store.lines, names.asked) == ([], [])


async def test_a_name_with_addresses_inside_and_outside_leads_outside_alone() -> None:
    names = Names(store=["10.0.0.8", "93.184.215.14", "::1", "2606:4700::1", "64:ff9b::8.8.8.8"])
    found = await PublicOnly("api.example", names).resolve("store.example", 443)
    assert [one["host"] for one in found] == ["93.184.215.14", "2606:4700::1", "64:ff9b::8.8.8.8"]


async def test_a_proxy_that_catches_every_connection_is_no_network_of_ours() -> None:
    # It gives such an address for each name, the public ones too.
    names = Names(store=["198.18.0.23"])
    found = await PublicOnly("api.example", names).resolve("store.example", 443)
    assert [one["host"] for one in found] == ["198.18.0.23"]


@pytest.mark.parametrize("name", ["api.example", "API.example", "api.example."])
async def test_a_server_inside_a_network_may_keep_its_own_films(small_mp4: bytes, target: Path, name: str) -> None:
    store = Store(small_mp4)
    async with real(store, Names(api=["127.0.0.1"])) as fetch:
        await fetch(f"https://{name}:{store.port}/a.mp4", target)
    assert content(target) == small_mp4


async def test_a_name_is_looked_up_once_for_the_check_and_the_connection(small_mp4: bytes, target: Path) -> None:
    store, names = Store(small_mp4), Names(api=["127.0.0.1"])
    async with real(store, names) as fetch:
        await fetch(f"https://api.example:{store.port}/a.mp4", target)
    assert names.asked == ["api.example"]


async def test_a_refused_place_shows_no_link_in_a_traceback(small_mp4: bytes, target: Path) -> None:
    from IPython.core.ultratb import VerboseTB

    store, names = Store(small_mp4), Names(store=["10.0.0.8"])
    async with real(store, names) as fetch:
        with pytest.raises(hh.DownloadError) as caught:
            await fetch(HiddenText(f"https://store.example/a.mp4?s={SIGNATURE}"), target)
    error = caught.value
    assert error.__traceback__ is not None
    # This test's own frame and the fixture's have the link, so the traceback begins after them.
    frames = error.__traceback__.tb_next
    assert SIGNATURE not in VerboseTB().text(type(error), error, frames)
    assert error.__cause__ is None
    assert error.__context__ is None or SIGNATURE not in repr(error.__context__)
