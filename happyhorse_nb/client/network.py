"""The network between here and a server: proxies, forbidden addresses, and errors in words."""

from __future__ import annotations

import base64
import errno
import os
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote, unquote
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import ThreadedResolver, hdrs, http_exceptions
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from happyhorse_nb.errors import DownloadError, NotSent
from happyhorse_nb.settings import is_loopback
from happyhorse_nb.settings.account import HiddenText

#: Bytes that a line of an answer's head may have. aiohttp's default is an eighth, with which a paid answer was lost.
HEADERS = 64 * 1024

#: Errors before a byte has left.
UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)


#: OpenSSL's error numbers for a certificate whose authority is not known here.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)


def in_words(problem: BaseException) -> str:
    """A network error in a few plain words. Of an address only host and port are named: the rest may be secret."""
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"the name {_host(problem.host)} cannot be found"
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        return _untrusted(problem)
    if isinstance(problem, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return f"the secure connection{_to(problem)} could not be made"
    if isinstance(problem, aiohttp.ClientHttpProxyError):
        return f"the proxy answers {problem.status}"
    if isinstance(problem, TimeoutError):
        return "it took too long"
    number = getattr(problem, "errno", None) or getattr(getattr(problem, "os_error", None), "errno", None)
    if isinstance(problem, aiohttp.ClientConnectorError):
        if number == errno.ECONNREFUSED:
            return f"{_address(problem)} refuses the connection"
        why = f": {os.strerror(number).lower()}" if number and number > 0 else ""
        return f"no connection{_to(problem)}{why}"
    if isinstance(problem, aiohttp.ServerDisconnectedError):
        return "the server closed it"
    return "it broke off" if isinstance(problem, (aiohttp.ClientConnectionError, OSError)) else "the answer is damaged"


def _untrusted(problem: aiohttp.ClientConnectorCertificateError) -> str:
    why = problem.certificate_error
    said = str(getattr(why, "verify_message", "") or "it does not fit").rstrip(".")[:160]
    if getattr(why, "verify_code", None) not in _UNKNOWN_AUTHORITY:
        return f"the certificate of {_address(problem)} is not valid: {said}"
    return (
        f"the certificate of {_address(problem)} is not trusted: {said}. Where your network has an authority of its "
        "own, set SSL_CERT_FILE to the file with its certificate before Python starts"
    )


def _to(problem: BaseException) -> str:
    address = _address(problem)
    return f" to {address}" if address else ""


def _address(problem: BaseException) -> str:
    """The host and port that were tried; empty where the error does not say."""
    host, port = getattr(problem, "host", None), getattr(problem, "port", None)
    return f"{_host(host)}:{port}" if host else ""


def _host(host: str | None) -> str:
    name = re.sub(r"[^A-Za-z0-9._:-]", "?", host or "")[:253]
    return f"[{name}]" if ":" in name else name


def lost(problem: BaseException) -> str:
    """Why there is no readable answer to a request that may have left."""
    wrong = damage(problem)
    return f"the server's {wrong}" if wrong else f"the connection was lost: {in_words(problem)}"


def damage(problem: BaseException) -> str | None:
    """What is wrong with an answer that did come, such as "answer is malformed"; None where it only broke off."""
    chain: list[BaseException] = []
    cause: BaseException | None = problem
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__
    if any(isinstance(one, aiohttp.ClientHttpProxyError) for one in chain):
        return None
    if any(isinstance(one, http_exceptions.LineTooLong) or "Too many headers" in str(one) for one in chain):
        return f"answer has headers beyond {HEADERS // 1024} KB"
    if any(isinstance(one, http_exceptions.ContentEncodingError) for one in chain):
        return "answer cannot be unpacked"
    short = (http_exceptions.TransferEncodingError, http_exceptions.ContentLengthError)
    if any(isinstance(one, short) and "Not enough data" in str(one) for one in chain):
        return None
    return "answer is malformed" if any(isinstance(one, http_exceptions.HttpProcessingError) for one in chain) else None


_UNUSABLE = (
    "nothing was sent: the proxy in the environment cannot be used. Set HTTPS_PROXY to http://HOST:PORT, or remove it"
)


def proxy_for(address: str) -> dict[str, Any]:
    """The arguments that send an aiohttp request through the proxy; none where there is none.

    aiohttp would find the proxy by itself (``trust_env``), but then it also reads ``~/.netrc``, and refuses to send
    anything when an entry there competes with the key. Raises `NotSent` for a proxy that cannot be used.
    """
    found = _find(address)
    # Raised here, because verbose tracebacks print locals, and those of `_find` hold the proxy's password.
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


_INTERNAL = "the link to the video leads to this machine or its own network, so it is not followed"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
#: What may stand in a request's first line; all else in a link is encoded, and nothing but that.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
#: Addresses with an IPv4 one in their last 32 bits: mapped, compatible, and a network's own way (NAT64).
_STAND_FOR_IPV4 = [IPv6Network(net) for net in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]
#: Nobody's network: proxies that catch connections below name resolution give addresses of it to any name.
_CAUGHT = IPv4Network("198.18.0.0/15")


def destination(link: str, *, loopback: bool = False, own: str = "") -> URL:
    """The address to fetch ``link`` from; plain http becomes https at the same host.

    With ``loopback``, for a server on this machine, http stays, to this machine alone. Otherwise addresses of this
    machine and its network are refused, except ``own``, the server's own host; names are checked by `PublicOnly` when
    they are resolved. Raises `DownloadError`, which does not hold the link.
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
    """Where a redirect leads from ``base``, spelt exactly as its parts were."""
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
    """Whether two names mean one host."""
    return bool(other) and (host or "").rstrip(".").casefold() == other.strip("[]").rstrip(".").casefold()


def is_internal(address: str) -> bool:
    """Whether an IP address is not on the public internet: loopback, private, link-local and the like.

    False for a name, but for those of this machine.
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
    """Resolves names for a server that is not on this machine, without addresses inside its network.

    A connection goes to what this returns, so nobody can give another address in between. ``own`` is the server's own
    host, which may be inside, as may the proxies of the environment.
    """

    def __init__(self, own: str, inner: AbstractResolver | None = None) -> None:
        self._own = own
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises `DownloadError` where all are inside, and OSError for none."""
        found = await self._inner.resolve(host, port, family)
        if same_host(host, self._own) or is_proxy(host):
            return found
        public = [one for one in found if not is_internal(one["host"])]
        if found and not public:
            raise DownloadError(_INTERNAL, refused=True)
        return public

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def _url(link: str) -> URL | None:
    """None for what is no address."""
    scheme, mark, rest = link.strip(" ").partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if not mark or not authority or re.search(r"[\x00-\x1f\x7f]", rest):
        return None
    try:
        # A host is brought into its one spelling; a signature does not cover it.
        host = URL(f"https://{authority}")
        encoded = quote(tail.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
        url = URL(f"{scheme.lower()}://{host.raw_authority}{encoded}", encoded=True)
        # A number that is no address may still be connected to by some systems (127.1).
        if (url.raw_host or "").replace(".", "").isdigit():
            ip_address(url.raw_host or "")
        return url if url.raw_host and url.port else None
    except ValueError:
        return None


def _beside(path: str, location: str) -> str:
    """A relative path resolved against another: only dots at its front are steps."""
    folder = path.rpartition("/")[0]
    while step := re.match(r"\.{1,2}(/|(?=[?#]|$))", location):
        if step[0].startswith(".."):
            folder = folder.rpartition("/")[0]
        location = location[step.end() :]
    return f"{folder}/{location}"
