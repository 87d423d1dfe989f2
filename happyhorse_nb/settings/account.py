"""The account in use: a key and a server."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from happyhorse_nb.errors import ConfigError, MissingKey
from happyhorse_nb.settings import process
from happyhorse_nb.settings.scrub import Scrub

ORIGIN = "https://api.modellix.ai"
KEY_VARIABLE = "MODELLIX_API_KEY"
ORIGIN_VARIABLE = "MODELLIX_BASE_URL"
#: Any key is good on a sandbox. This one marks the embedded sandbox, whose tasks outlive the port it listens on.
SANDBOX_KEY = "sandbox"
_SERVICE = "happyhorse-nb"


class Secret:
    """A key that is in no repr, str or pickle. Only `reveal` returns it."""

    def __init__(self, value: str) -> None:
        self._value = HiddenText(value)

    def reveal(self) -> str:
        """The key, for the header of a request. Its repr is hidden even there."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell accounts apart and do not lead back to the key."""
        return hashlib.blake2b(self._value.encode(), digest_size=8, person=b"happyhorse_nb").hexdigest()

    @cached_property
    def scrub(self) -> Scrub:
        """Removes the key from whatever a server says."""
        return Scrub(self._value)

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key is not pickled")


class HiddenText(str):
    """A text with a hidden repr, as verbose tracebacks print the locals of every frame."""

    def __repr__(self) -> str:
        return "'<hidden>'"


@dataclass(frozen=True)
class Account:
    """A key and the origin it is for. ``source`` says where the key came from."""

    key: Secret
    origin: str = ORIGIN
    source: str = ""

    @cached_property
    def sandbox(self) -> bool:
        """Whether the server is on this machine: its videos are free and never mix with real ones."""
        return is_loopback(self.origin)

    @property
    def maker(self) -> str:
        """Who makes this account's videos, and whether that costs money, in words."""
        if self.sandbox:
            who = "the sandbox" if self.realm == "sandbox" else self.origin
            return f"{who} on this machine renders the videos, free of charge"
        return f"videos are made by {self.origin} and cost money"

    @property
    def realm(self) -> str:
        """The origin in the ledger. The embedded sandbox is always the same, whatever port it listens on."""
        if self.sandbox and self.key.reveal() == SANDBOX_KEY:
            return "sandbox"
        return self.origin


def check_origin(address: str) -> str:
    """The origin as ``https://host`` or ``https://host:port``.

    Raises `ConfigError` for anything but https (http on loopback), and for credentials, a query or a path.
    """
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{ORIGIN_VARIABLE} is not an address", remedy=f"Use one like {ORIGIN}.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{ORIGIN_VARIABLE} holds credentials", remedy=f"Leave them out; the key goes into {KEY_VARIABLE}."
        )
    if not host or parts.scheme not in ("https", "http") or not re.fullmatch(r"[\w.:%-]+", host):
        raise ConfigError(f"{ORIGIN_VARIABLE} must be an https address such as {ORIGIN}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{ORIGIN_VARIABLE} must be an origin alone, without a path or query: {ORIGIN}")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ConfigError(f"{ORIGIN_VARIABLE} is http, which would show the key to the network", remedy="Use https.")
    return plain_origin(parts.scheme, host, port)


def plain_origin(scheme: str, host: str, port: int | None) -> str:
    """Scheme and host, and the port unless it is the usual one."""
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + (f":{port}" if port not in (None, {"https": 443, "http": 80}[scheme]) else "")


def is_loopback(origin: str) -> bool:
    """Whether an address is on this machine."""
    return _is_this_machine(urlsplit(origin).hostname or "")


# Cached: it is asked with every request, about one or two hosts.
@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def use(account: Account | None) -> None:
    """Use this account in this process; None: that of the environment."""
    process.put("account", account)


def current_account(environ: Mapping[str, str] = os.environ) -> Account:
    """The account in use: the one chosen in this kernel, else the environment's.

    Raises `MissingKey` with the ways to give a key, and `ConfigError` for an origin that cannot be used.
    """
    chosen: Account | None = process.get("account")
    if chosen is not None:
        return chosen
    origin, key = told_origin(environ), HiddenText(environ.get(KEY_VARIABLE, "").strip())
    # Verbose tracebacks print locals, and the key is in there.
    del environ
    origin = check_origin(origin)
    if key:
        return account_of(key, origin, source=f"the environment ({KEY_VARIABLE})")
    key = HiddenText(_colab_key() or "")
    if key:
        return account_of(key, origin, source=f"Colab's secrets ({KEY_VARIABLE})")
    key = HiddenText(_keyring_key(origin) or "")
    if key:
        return account_of(key, origin, source="the system's keyring")
    raise missing_key()


def glance(environ: Mapping[str, str] = os.environ) -> tuple[str, str | None]:
    """The realm in use, and the key's fingerprint if it is known without asking keyring or front end.

    Raises `ConfigError`.
    """
    chosen: Account | None = process.get("account")
    if chosen is None:
        origin, key = check_origin(told_origin(environ)), HiddenText(environ.get(KEY_VARIABLE, "").strip())
        del environ
        if not key:
            return origin, None
        chosen = account_of(key, origin)
    return chosen.realm, chosen.key.fingerprint


def on_this_machine(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the server in use is on this machine; needs no key. Raises `ConfigError`."""
    chosen = process.get("account")
    return is_loopback(chosen.origin if isinstance(chosen, Account) else check_origin(told_origin(environ)))


def told_origin(environ: Mapping[str, str] = os.environ) -> str:
    """The origin that the environment names, unchecked, else the API's."""
    return environ.get(ORIGIN_VARIABLE) or ORIGIN


def account_of(key: str, origin: str = ORIGIN, *, source: str = "") -> Account:
    """An account with a key as typed. Raises `ConfigError` for a key that cannot stand in a header."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("the API key holds characters that no key has", remedy="Copy it again from the console.")
    return Account(Secret(key), check_origin(origin), source)


def missing_key() -> MissingKey:
    """The error that says what to do without a key."""
    return MissingKey(
        "no API key",
        remedy=f"Give it in one of three ways: set {KEY_VARIABLE} before the start (in Colab: among its secrets); put "
        "it into `%happyhorse login`; or keep it in the system's keyring (service happyhorse-nb, user "
        f"{urlsplit(ORIGIN).hostname}). Or try it for free, without a key: `%happyhorse sandbox`",
    )


def store_key(account: Account) -> bool:
    """Put an account's key into the system's keyring; False if there is none that works."""
    ring = _keyring()
    if ring is None:
        return False
    try:
        ring.set_password(_SERVICE, urlsplit(account.origin).hostname, account.key.reveal())
    except (ring.errors.KeyringError, RuntimeError):
        return False
    return True


def _colab_key() -> str | None:
    """The key among Colab's secrets, which are readable on the main thread only, while a cell runs."""
    if "google.colab" not in sys.modules or threading.current_thread() is not threading.main_thread():
        return None
    from google.colab import userdata

    # (Only newer versions have this error, of a front end that does not answer in time.)
    late = getattr(userdata, "TimeoutException", userdata.NotebookAccessError)
    try:
        found: str | None = userdata.get(KEY_VARIABLE)
    except (userdata.SecretNotFoundError, userdata.NotebookAccessError, late):
        # Missing, unreadable now, or not allowed for this notebook.
        return None
    return found


def _keyring_key(origin: str) -> str | None:
    ring = _keyring()
    if ring is None:
        return None
    try:
        found: str | None = ring.get_password(_SERVICE, urlsplit(origin).hostname)
    except (ring.errors.KeyringError, RuntimeError):
        return None
    return found


def _keyring() -> Any:
    # keyring takes a second to import, so only if nothing else gave a key, and it is installed.
    if "keyring" not in sys.modules and find_spec("keyring") is None:
        return None
    import keyring
    import keyring.errors

    return keyring
