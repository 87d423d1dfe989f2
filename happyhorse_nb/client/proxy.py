"""The proxy for an address, as the environment names it for every Python program."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from aiohttp import hdrs
from yarl import URL

from happyhorse_nb.errors import NotSent
from happyhorse_nb.settings.account import HiddenText

_UNUSABLE = (
    "nothing was sent: the proxy in the environment cannot be used. Set HTTPS_PROXY to http://HOST:PORT, or remove it"
)


def proxy_for(address: str) -> dict[str, Any]:
    """The arguments of an aiohttp request that send it through the proxy; none where the address is reached directly.

    aiohttp would find the proxy by itself (``trust_env``), but then it also looks the server up in ``~/.netrc``, and an
    entry there is one authorization too many beside the key: it refuses to send anything.
    Raises `NotSent` for a proxy that cannot be used.
    """
    found = _find(address)
    # Raised here: the frame of the other one holds the proxy's password, and verbose tracebacks print locals.
    if found is None:
        raise NotSent(_UNUSABLE)
    return found


def is_proxy(host: str) -> bool:
    """Whether the environment names this host as a proxy."""
    found = (_proxy_url(named) for named in getproxies().values() if named)
    return any(proxy is not None and proxy.raw_host == host for proxy in found)


def _proxy_url(named: str) -> URL | None:
    try:
        return URL(named if "://" in named else f"http://{named}")
    except ValueError:
        return None


def _find(address: str) -> dict[str, Any] | None:
    try:
        url = URL(address)
        named = getproxies().get(url.scheme)
        if not named or not url.host or proxy_bypass(url.host):
            return {}
        proxy = _proxy_url(named)
        if proxy is None or proxy.scheme not in ("http", "https") or not proxy.host:
            return None
        if not proxy.user:
            return {"proxy": proxy.with_user(None)}
        login = base64.b64encode(f"{unquote(proxy.user)}:{unquote(proxy.password or '')}".encode()).decode()
    except ValueError:
        return None
    word = HiddenText(f"Basic {login}")
    return {"proxy": proxy.with_user(None), "proxy_headers": {hdrs.PROXY_AUTHORIZATION: word}}
