"""Whose account, on which server: the key and the origin."""

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
#: Any key is good on a sandbox; this one marks the embedded one, whose tasks outlive the port it listens on.
SANDBOX_KEY = "sandbox"
_SERVICE = "happyhorse-nb"


class Secret:
    """A key that shows itself to nobody: no repr, no str, no pickle. Only `reveal` hands it out."""

    def __init__(self, value: str) -> None:
        self._value = HiddenText(value)

    def reveal(self) -> str:
        """The key, for the header of a request. Its repr stays hidden even there."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """Tells two accounts apart without telling the key: 16 hex digits, one way."""
        return hashlib.blake2b(self._value.encode(), digest_size=8, person=b"happyhorse_nb").hexdigest()

    @cached_property
    def scrub(self) -> Scrub:
        """Takes the key out of whatever a server says."""
        return Scrub(self._value)

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key is not pickled")


class HiddenText(str):
    """A text whose repr is hidden: verbose tracebacks print the locals of every frame a request passes through."""

    def __repr__(self) -> str:
        return "'<hidden>'"


@dataclass(frozen=True)
class Account:
    """A key and the origin it is for. ``source`` says in words where the key came from."""

    key: Secret
    origin: str = ORIGIN
    source: str = ""

    @cached_property
    def sandbox(self) -> bool:
        """True for a server on this machine: its videos cost nothing and never mix with real ones."""
        return is_loopback(self.origin)

    @property
    def maker(self) -> str:
        """Who makes the videos with this account, and whether that costs money, in words."""
        if self.sandbox:
            who = "the sandbox" if self.realm == "sandbox" else self.origin
            return f"{who} on this machine renders the videos, free of charge"
        return f"videos are made by {self.origin} and cost money"

    @property
    def realm(self) -> str:
        """What the ledger keeps as the origin. The embedded sandbox is the same one whatever port it got this time."""
        if self.sandbox and self.key.reveal() == SANDBOX_KEY:
            return "sandbox"
        return self.origin


def check_origin(address: str) -> str:
    """The origin in its plain form, ``https://host`` or ``https://host:port``.

    Raises `ConfigError` for anything but https (http on loopback), and for credentials, a query or a path in it.
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
    if parts.scheme == "http" and not is_loopback(f"http://{_bracketed(host)}"):
        raise ConfigError(f"{ORIGIN_VARIABLE} is http, which would show the key to the network", remedy="Use https.")
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{_bracketed(host)}" + (f":{port}" if port not in (None, usual) else "")


def is_loopback(origin: str) -> bool:
    """Whether an address is on this machine."""
    return _is_this_machine(urlsplit(origin).hostname or "")


# Asked with every request, of the same one or two hosts.
@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def use(account: Account | None) -> None:
    """Make this the account of the process; None goes back to what the environment says."""
    process.put("account", account)


def current_account(environ: Mapping[str, str] = os.environ) -> Account:
    """The account in use: the one chosen in this kernel, else that of the environment.

    Raises `MissingKey` with the ways to give a key, and `ConfigError` for an origin that cannot be used.
    """
    chosen: Account | None = process.get("account")
    if chosen is not None:
        return chosen
    origin, key = told_origin(environ), HiddenText(environ.get(KEY_VARIABLE, "").strip())
    # The key is in there, and verbose tracebacks print the variables of every frame.
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
    """The realm in use, and the key's fingerprint where that is known at once: no keyring and no front end is asked.

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
    """Whether the server in use is on this machine; no key is needed to tell. Raises `ConfigError`."""
    chosen = process.get("account")
    return is_loopback(chosen.origin if isinstance(chosen, Account) else check_origin(told_origin(environ)))


def told_origin(environ: Mapping[str, str] = os.environ) -> str:
    """The origin that the environment names, unchecked, else the API's own."""
    return environ.get(ORIGIN_VARIABLE) or ORIGIN


def account_of(key: str, origin: str = ORIGIN, *, source: str = "") -> Account:
    """An account of a key as typed. Raises `ConfigError` when it could not stand in a header."""
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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def store_key(account: Account) -> bool:
    """Put an account's key into the system's keyring; False where there is none that works."""
    ring = _keyring()
    if ring is None:
        return False
    try:
        ring.set_password(_SERVICE, urlsplit(account.origin).hostname, account.key.reveal())
    except (ring.errors.KeyringError, RuntimeError):
        return False
    return True


def _colab_key() -> str | None:
    """The key among Colab's secrets. They can be read on the main thread only, while a cell runs."""
    if "google.colab" not in sys.modules or threading.current_thread() is not threading.main_thread():
        return None
    from google.colab import userdata

    # Only newer versions know a front end that does not answer in time.
    late = getattr(userdata, "TimeoutException", userdata.NotebookAccessError)
    try:
        found: str | None = userdata.get(KEY_VARIABLE)
    except (userdata.SecretNotFoundError, userdata.NotebookAccessError, late):
        # Not there, not to be had now, or the user has not let this notebook see it.
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
    # keyring takes a second to import: only where it is installed, and when nothing else gave a key.
    if "keyring" not in sys.modules and find_spec("keyring") is None:
        return None
    import keyring
    import keyring.errors

    return keyring
