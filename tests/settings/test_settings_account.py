"""Whose account, on which server: what is taken, what is refused, and that the key shows itself to nobody."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError

from happyhorse_nb.errors import ConfigError, MissingKey
from happyhorse_nb.settings import (
    ORIGIN,
    SANDBOX_KEY,
    Account,
    Secret,
    account_of,
    check_origin,
    current_account,
    is_loopback,
    store_key,
    use,
)
from support.fake_server import KEY


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()

    def _check(self) -> None:
        if self.broken:
            raise KeyringError("locked")


@pytest.fixture(autouse=True)
def ring() -> Iterator[Ring]:
    """The system's keyring of these tests, empty; not the developer's own."""
    before = keyring.get_keyring()
    found = Ring()
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(before)
    use(None)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://api.modellix.ai", "https://api.modellix.ai"),
        (" https://api.modellix.ai/ ", "https://api.modellix.ai"),
        ("HTTPS://API.Modellix.AI", "https://api.modellix.ai"),
        ("https://gateway.example.com:8443", "https://gateway.example.com:8443"),
        ("https://api.modellix.ai:443", "https://api.modellix.ai"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_in_its_plain_form(address: str, origin: str) -> None:
    assert check_origin(address) == origin
    assert check_origin(origin) == origin


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://api.modellix.ai", "is http, which would show the key"),
        ("http://192.168.1.5:8000", "is http"),
        ("http://localhost.example.com", "is http"),
        ("http://127.0.0.1.example.com", "is http"),
        ("http://0.0.0.0:8000", "is http"),
        ("https://user:password@api.modellix.ai", "holds credentials"),
        ("https://user@api.modellix.ai", "holds credentials"),
        ("https://@api.modellix.ai", "holds credentials"),
        ("https://api.modellix.ai\\@example.com", "holds credentials"),
        ("https://api.modellix.ai/v1", "without a path or query"),
        ("https://api.modellix.ai?a=b", "without a path or query"),
        ("https://api.modellix.ai/#a", "without a path or query"),
        ("api.modellix.ai", "must be an https address"),
        ("localhost:8000", "must be an https address"),
        ("ftp://api.modellix.ai", "must be an https address"),
        ("file:///etc/passwd", "must be an https address"),
        ("https://", "must be an https address"),
        ("https:///path", "must be an https address"),
        ("https://exa mple.com", "must be an https address"),
        ("https://a.b:99999", "is not an address"),
        ("https://a.b:port", "is not an address"),
        ("https://[::1", "is not an address"),
        ("", "must be an https address"),
    ],
)
def test_an_origin_that_cannot_be_used_is_refused_in_one_line(address: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_origin(address)
    line = str(caught.value)
    assert line.startswith("MODELLIX_BASE_URL ")
    assert words in line
    assert "\n" not in line
    assert "password" not in line


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z.@:/?#\\\[\] ]{0,20}", fullmatch=True))
def test_any_address_is_an_origin_or_refused(address: str) -> None:
    try:
        origin = check_origin(address)
    except ConfigError:
        return
    assert check_origin(origin) == origin
    scheme, _, rest = origin.partition("://")
    assert not set(rest) & set("/?#@ \\")
    assert scheme == "https" or is_loopback(origin)


def test_the_key_comes_from_the_environment_of_this_kernel() -> None:
    account = current_account({"MODELLIX_API_KEY": f" {KEY}\n", "MODELLIX_BASE_URL": "https://gateway.example.com/"})
    assert account.key.reveal() == KEY
    assert account.origin == "https://gateway.example.com"
    assert account.source == "the environment (MODELLIX_API_KEY)"
    assert not account.sandbox
    assert current_account({"MODELLIX_API_KEY": KEY}).origin == ORIGIN == "https://api.modellix.ai"


def test_an_account_chosen_in_the_kernel_goes_first_until_it_is_taken_back() -> None:
    chosen = account_of("another", "http://127.0.0.1:8000", source="nobody")
    use(chosen)
    assert current_account({"MODELLIX_API_KEY": KEY}) is chosen
    use(None)
    assert current_account({"MODELLIX_API_KEY": KEY}).key.reveal() == KEY


def test_a_key_kept_in_the_keyring_is_found_for_its_own_server_only(ring: Ring) -> None:
    assert store_key(account_of(KEY))
    assert list(ring.kept) == [("happyhorse-nb", "api.modellix.ai")]
    account = current_account({})
    assert account.key.reveal() == KEY
    assert account.source == "the system's keyring"
    with pytest.raises(MissingKey):
        current_account({"MODELLIX_BASE_URL": "https://elsewhere.example.com"})


def test_a_keyring_that_is_locked_is_none(ring: Ring) -> None:
    ring.broken = True
    assert not store_key(account_of(KEY))
    with pytest.raises(MissingKey):
        current_account({})


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_one_line_says_the_ways_to_give_one_and_the_free_one(key: str | None) -> None:
    with pytest.raises(MissingKey) as caught:
        current_account({} if key is None else {"MODELLIX_API_KEY": key})
    line = str(caught.value)
    assert "\n" not in line
    for way in ("MODELLIX_API_KEY", "keyring", "hh.use_sandbox()"):
        assert way in line
    assert "Give it in one of three ways: " in line


@pytest.mark.parametrize("key", ["my key", "schlüssel", "a\nb", "a\x00b", "“quoted”"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        account_of(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "key", "sandbox", "realm"),
    [
        ("https://api.modellix.ai", KEY, False, "https://api.modellix.ai"),
        ("http://127.0.0.1:8000", KEY, True, "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000", SANDBOX_KEY, True, "sandbox"),
        ("http://127.0.0.1:9999", SANDBOX_KEY, True, "sandbox"),
        ("https://api.modellix.ai", SANDBOX_KEY, False, "https://api.modellix.ai"),
    ],
)
def test_a_sandbox_never_mixes_with_a_real_server(origin: str, key: str, sandbox: bool, realm: str) -> None:
    account = account_of(key, origin)
    assert account.sandbox is sandbox
    assert account.realm == realm


def test_two_keys_have_two_fingerprints_that_do_not_tell_the_key() -> None:
    one, other = Secret(KEY), Secret(KEY + "2")
    assert one.fingerprint == Secret(KEY).fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16
    assert int(one.fingerprint, 16) >= 0
    assert KEY not in one.fingerprint


SHOWN: dict[str, Callable[[Account], Any]] = {
    "repr": repr,
    "str": str,
    "repr of the secret": lambda account: repr(account.key),
    "str of the secret": lambda account: str(account.key),
    "f-string": lambda account: f"{account} {account.key} {account.key!r} {account.key!s}",
    "percent": lambda account: "%s %r" % (account.key, account.key),  # noqa: UP031 - logging formats so
    "format": lambda account: format(account.key),
    "list": lambda account: repr([account.key, {"key": account.key}]),
    "dir": lambda account: dir(account.key),
    "revealed in a traceback": lambda account: repr({"key": account.key.reveal()}),
    "fields": lambda account: repr([getattr(account, f.name) for f in dataclasses.fields(account)]),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
def test_a_key_shows_itself_to_nobody(show: Callable[[Account], Any]) -> None:
    assert KEY not in str(show(account_of(KEY, source="the environment")))


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, copy.copy, json.dumps, dataclasses.asdict])
def test_a_key_is_not_written_anywhere(write: Callable[[Any], Any]) -> None:
    for thing in (account_of(KEY), account_of(KEY).key):
        try:
            written = write(thing)
        except TypeError as problem:
            told = str(problem)
        else:
            told = repr(written)
        assert KEY not in told


def test_a_key_is_in_no_traceback_with_locals() -> None:
    def send(key: Any, account: Account) -> None:
        headers = {"Authorization": key}
        raise ValueError(len(headers))

    try:
        account = account_of(KEY)
        send(account.key.reveal(), account)
    except ValueError as problem:
        told = traceback.TracebackException.from_exception(problem, capture_locals=True)
        lines = "".join(told.format())
    assert "headers" in lines
    assert KEY not in lines


def test_a_key_is_in_no_log() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    log = logging.getLogger("a user's program")
    log.addHandler(handler)
    log.warning("uses %s and %r", account_of(KEY), account_of(KEY).key)
    log.removeHandler(handler)
    assert "hidden" in out.getvalue()
    assert KEY not in out.getvalue()
