"""Which addresses go to the server, and how they are spelt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.inputs import load
from inputs.pictures import LIMITS

TOKEN = "5ecret70ken"


def refusal(source: str, **options: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        load(source, limits=LIMITS, **options)
    line = str(caught.value)
    assert caught.value.param == "image"
    assert "\n" not in line
    assert line.isprintable()
    return line


INSIDE = [
    "localhost",
    "LocalHost",
    "localhost.",
    "localhost:8888",
    "lab.localhost",
    "127.0.0.1",
    "127.0.0.1:8888",
    "127.1",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0177.0.0.1",
    "0x7f.0.0.0x1",
    "0",
    "0.0.0.0",
    "10.0.0.7",
    "172.16.3.4",
    "192.168.1.20",
    "169.254.169.254",
    "100.64.0.9",
    "224.0.0.251",
    "255.255.255.255",
    "240.0.0.1",
    "[::1]",
    "[::]",
    "[::1]:8888",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:192.168.1.20]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fd12:3456::1]",
    "[ff02::fb]",
    "[2002:7f00:1::1]",
    "[2002:c0a8:114::1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a00:7]",
    "[64:ff9b:1::1]",
    "nas",
    "nas:5000",
    "printer.local",
    "printer.local.",
    "build.internal",
    "router.lan",
    "router.home.arpa",
    "wiki.corp",
    "１２７.0.0.1",
    "127。0。0。1",
    "ⓛocalhost",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", INSIDE)
def test_an_address_inside_the_user_s_network_is_not_given_to_the_server(host: str, scheme: str) -> None:
    line = refusal(f"{scheme}://{host}/files/rocket.jpg?token={TOKEN}")
    assert TOKEN not in line
    assert "the server" in line
    assert line.endswith("Give the file's path, or its bytes.")


def test_the_name_of_a_variable_leads_to_no_such_address_either() -> None:
    link = f"http://localhost:8888/files/rocket.jpg?token={TOKEN}"
    assert "localhost" in refusal("link", namespace={"link": link})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000/a.jpg", "http://localhost/a.jpg", "http://nas/a.jpg", "http://[::1]/a"]
)
def test_a_server_on_this_machine_is_given_addresses_of_it(address: str) -> None:
    assert load(address, limits=LIMITS, local=True).url == address


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "EXAMPLE.com:443",
        "example.com.",
        "ex_ample.com",
        "8.8.8.8",
        "100.128.0.1:80",
        "[2606:4700::1111]",
        "[::ffff:8.8.8.8]:443",
        "local.example.com",
        "localhost.example.com",
        "10.example.com",
        "xn--bcher-kva.de",
        "a.b",
        "1.2.3.4.5.example.com",
        "0x7f.example.com",
    ],
)
def test_a_public_address_goes_out_as_it_is(host: str) -> None:
    address = f"https://{host}/a/rocket.jpg?X-Sig=a%2Fb%28c%7E~*'()!$&+,;=:@[1]&e=1#top"
    assert load(address, limits=LIMITS).wire == address


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("who", ["scout:word@", "scout@", "@", ":word@", "example.com@", "scout:w@rd@"])
def test_a_name_and_password_in_an_address_are_not_given_away(who: str, local: bool) -> None:
    line = refusal(f"https://{who}example.org/rocket.jpg", local=local)
    assert "scout" not in line
    assert ":w" not in line
    assert "user name or password" in line
    assert "Give the file's path, or its bytes" in line


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://a.b/c d.jpg", "https://a.b/c%20d.jpg"),
        ("https://a.b/c%20d.jpg", "https://a.b/c%20d.jpg"),
        ("https://a.b/100%.jpg", "https://a.b/100%25.jpg"),
        ("https://a.b/c d%20e%2f.jpg?q=x y&z=ü#ö", "https://a.b/c%20d%20e%2f.jpg?q=x%20y&z=%C3%BC#%C3%B6"),
        ("https://a.b/Straße 🐎.jpg", "https://a.b/Stra%C3%9Fe%20%F0%9F%90%8E.jpg"),
        ('https://a.b/<c>"{d}|^`\\', "https://a.b/%3Cc%3E%22%7Bd%7D%7C%5E%60%5C"),
        ("https://bücher.de/a.jpg", "https://xn--bcher-kva.de/a.jpg"),
        ("https://bücher.de:8443/a.jpg", "https://xn--bcher-kva.de:8443/a.jpg"),
        ("https://straße.de/a.jpg", "https://xn--strae-oqa.de/a.jpg"),
        ("https://日本語。jp/a.jpg", "https://xn--wgv71a119e.jp/a.jpg"),
        ("HTTPS://a.b/C.jpg", "https://a.b/C.jpg"),
        ("https://a.b", "https://a.b"),
        ("https://a.b?c=d e", "https://a.b?c=d%20e"),
    ],
)
def test_what_cannot_stand_in_an_address_is_encoded_once(typed: str, sent: str) -> None:
    frame = load(typed, limits=LIMITS)
    assert frame.wire == frame.url == sent
    assert load(sent, limits=LIMITS).digest == frame.digest


@pytest.mark.parametrize("char", ["\n", "\t", "\r", "\0", "\x7f", "\u200b", "\ufeff", "\u00a0", "\u202e", "\udce9"])
@pytest.mark.parametrize("address", ["https://a.b/c{}d.jpg", "https://a{}.b/c.jpg", "http://local{}host/c.jpg"])
def test_a_character_that_is_not_seen_is_named(address: str, char: str) -> None:
    line = refusal(address.format(char))
    assert f"U+{ord(char):04X}" in line
    assert "Type" in line


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "http:///rocket.jpg",
        "https://?a",
        "https://[::1/x.jpg",
        "https://::1/x.jpg",
        "https://[::1]x/x.jpg",
        "https://[127.0.0.1]/x.jpg",
        "https://[fe80::1%25eth0]/x.jpg",
        "https://[v1.x]/x.jpg",
        "https://a b.com/x.jpg",
        "https://a..b/x.jpg",
        "https://.a.b/x.jpg",
        "https://a.b../x.jpg",
        "https://a.b:port/x.jpg",
        "https://a.b:70000/x.jpg",
        "https://a.b:80:80/x.jpg",
        "https://a.b\\c/x.jpg",
        "https://%6cocalhost/x.jpg",
        "https://a,b.com/x.jpg",
        "https://é" + "é" * 80 + ".de/x.jpg",
        "https://a℀.de/x.jpg",
    ],
)
@pytest.mark.parametrize("local", [False, True])
def test_an_address_whose_host_cannot_be_read_is_refused(address: str, local: bool) -> None:
    assert refusal(address, local=local).startswith("first frame is an address ")


@given(st.text(max_size=60))
def test_whatever_is_typed_goes_out_as_an_address_or_is_refused(rest: str) -> None:
    try:
        url = load(f"https://example.com/{rest}", limits=LIMITS).url
    except InvalidRequest:
        return
    assert url is not None
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert load(url, limits=LIMITS).url == url


@given(st.text(alphabet="０127.0x:[]@%/\\#?loca-ⓛ。", max_size=20))
def test_no_spelling_of_a_host_leads_into_the_user_s_network(host: str) -> None:
    """What is sent is looked at by another reader of addresses than ours."""
    from ipaddress import ip_address

    from yarl import URL

    try:
        url = load(f"http://{host}/a.jpg", limits=LIMITS).url
    except InvalidRequest:
        return
    seen = URL(url or "").host or ""
    assert "." in seen or ":" in seen
    try:
        address = ip_address(seen)
    except ValueError:
        return
    assert address.is_global
