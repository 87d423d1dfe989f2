"""Where the link to a video leads: spelt as it came, over https, and to no address of this machine or its network."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from urllib.parse import quote

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from happyhorse_nb.client.proxy import is_proxy
from happyhorse_nb.errors import DownloadError
from happyhorse_nb.settings import is_loopback
from happyhorse_nb.settings.account import HiddenText

_INTERNAL = "the link to the video leads to this machine or its own network, so it is not followed"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
#: All that may stand in a request's first line. What else is in a link is encoded, and nothing but that.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
#: Addresses that stand for an IPv4 one, in their last 32 bits: mapped, compatible, and a network's own way (NAT64).
_STAND_FOR_IPV4 = [IPv6Network(net) for net in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]
#: Nobody's network: proxies that catch connections below the system's look-ups give an address of these for any name.
_CAUGHT = IPv4Network("198.18.0.0/15")


def destination(link: str, *, loopback: bool = False, own: str = "") -> URL:
    """The address to ask for what is at ``link``; plain http becomes https at the same place.

    With ``loopback``, for a server on this machine, http stays, to this machine alone. Else addresses of this machine
    and its network are refused where they are written as such, but for ``own``, the server's own host; what a name
    stands for is looked at by `PublicOnly`. Raises `DownloadError`, which does not hold the link.
    """
    url = _url(link)
    here = url is not None and is_loopback(f"https://{url.authority}")
    if url is not None and url.scheme == "http" and not loopback:
        url = url.with_scheme("https")
        url = url.with_port(None) if url.explicit_port == 80 else url
    if url is None or not (url.scheme == "https" or (url.scheme == "http" and here)):
        raise DownloadError("the link to the video is not https, so it is not followed", refused=True)
    host = url.raw_host or ""
    if not loopback and (here or is_internal(host)) and not same_host(host, own):
        raise DownloadError(_INTERNAL, refused=True)
    return url


def joined(base: str, location: str) -> str:
    """Where a redirect leads from ``base``. What of either is in the result is spelt as it was."""
    location = location.strip()
    scheme, _, rest = base.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, query = re.fullmatch(r"([^?#]*)(\??[^#]*).*", rest[len(authority) :], re.DOTALL).groups()  # type: ignore[union-attr]
    if _SCHEME.match(location):
        found = location
    elif location.startswith("//"):
        found = f"{scheme}:{location}"
    elif location[:1] in ("", "#"):
        found = f"{scheme}://{authority}{path}{query}"
    elif location.startswith("?"):
        found = f"{scheme}://{authority}{path}{location}"
    elif location.startswith("/"):
        found = f"{scheme}://{authority}{location}"
    else:
        found = f"{scheme}://{authority}{_beside(path, location)}"
    return HiddenText(found)


def same_host(host: str | None, other: str) -> bool:
    """Whether two names are of one host."""
    return bool(other) and (host or "").rstrip(".").casefold() == other.strip("[]").rstrip(".").casefold()


def is_internal(address: str) -> bool:
    """Whether an IP address leads to no place of the public internet: loopback, private, link-local and the like.

    False for what is none, a name.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address.casefold().rstrip(".").endswith(".localhost")
    if found.version == 6:
        stands = any(found in net for net in _STAND_FOR_IPV4)
        found = IPv4Address(found.packed[-4:]) if stands else found.sixtofour or found
    if found in _CAUGHT:
        return False
    # (Multicast counts as global.)
    return not found.is_global or found.is_multicast


class PublicOnly(AbstractResolver):
    """Looks up names for a server that is not on this machine: what they stand for inside its network is left out.

    A connection goes to what this gives and is not looked up again, so nobody can give another address in between.
    ``own`` is the server's own host, which may be inside, as may the proxies of the environment.
    """

    def __init__(self, own: str, inner: AbstractResolver | None = None) -> None:
        self._own = own
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises `DownloadError` where all of them are inside, and OSError for none."""
        found = await self._inner.resolve(host, port, family)
        if same_host(host, self._own) or is_proxy(host):
            return found
        public = [one for one in found if not is_internal(one["host"])]
        if found and not public:
            raise DownloadError(_INTERNAL, refused=True)
        return public

    async def close(self) -> None:
        """Close what it asks."""
        await self._inner.close()


def _url(link: str) -> URL | None:
    """None for what is no address."""
    scheme, mark, rest = link.strip(" ").partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if not mark or not authority or re.search(r"[\x00-\x1f\x7f]", rest):
        return None
    try:
        # A host has one spelling, which this finds; a signature does not cover it.
        host = URL(f"https://{authority}")
        encoded = quote(tail.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
        url = URL(f"{scheme.lower()}://{host.raw_authority}{encoded}", encoded=True)
        # A number that is no address: some systems would connect to what they make of it (127.1).
        if (url.raw_host or "").replace(".", "").isdigit():
            ip_address(url.raw_host or "")
        return url if url.raw_host and url.port else None
    except ValueError:
        return None


def _beside(path: str, location: str) -> str:
    """What a relative path means beside another: dots at its front are steps, all else is taken as it is."""
    folder = path.rpartition("/")[0]
    while step := re.match(r"\.{1,2}(/|(?=[?#]|$))", location):
        if step[0].startswith(".."):
            folder = folder.rpartition("/")[0]
        location = location[step.end() :]
    return f"{folder}/{location}"
