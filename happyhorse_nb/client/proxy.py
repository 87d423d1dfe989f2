"""The proxy for an address, as the environment names it for every Python program."""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

from aiohttp import BasicAuth
from yarl import URL


def proxy_for(address: str) -> tuple[URL | None, BasicAuth | None]:
    """The proxy and its credentials; None for both where the address is reached directly.

    aiohttp would find the proxy by itself (``trust_env``), but then it also looks the server up in ``~/.netrc``, and an
    entry there is one authorization too many beside the key: it refuses to send anything.
    """
    url = URL(address)
    named = getproxies().get(url.scheme)
    if not named or not url.host or proxy_bypass(url.host):
        return None, None
    proxy = URL(named if "://" in named else f"http://{named}")
    auth = BasicAuth(proxy.user, proxy.password or "") if proxy.user else None
    return proxy.with_user(None), auth
