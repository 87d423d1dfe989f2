"""The address of an image, as the server is given it: one that it can reach, and that gives nothing away."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

from happyhorse_nb.errors import InvalidRequest

_PARTS = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
#: A host as it stands in an address once it is ASCII, and a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?)(?::(\d{0,5}))?", re.ASCII)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
#: What stands in an address as it is; a % too, since what it begins is encoded already.
_SAFE = "!#$%&'()*+,/:;=?@[]~"
#: The last part of names that no public server resolves: RFC 6761 and 6762, ICANN's "internal", RFC 8375's home.arpa,
#: and those that routers and companies use.
_INSIDE = frozenset(
    ("arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private", "workgroup")
)
#: All that is public in IPv6; and the prefix by which it carries an address of IPv4 (RFC 6052).
_GLOBAL, _CARRIED = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("64:ff9b::/96")
_REMEDY = "Give the file's path, or its bytes."


def check_address(source: str, *, local: bool) -> str:
    """An http(s) address as it is sent: what cannot stand in one is percent-encoded, a host of other scripts is IDNA.

    ``local``: the server is on this machine, so it may be given addresses of it. To any other one they are of no use,
    and the token in one (Jupyter's) would be given away with it. No name is resolved: what it leads to is the server's
    business.

    Raises `InvalidRequest`.
    """
    odd = next((char for char in source if not char.isprintable()), None)
    if odd is not None:
        raise _refused(f"with a character in it that is not seen, U+{ord(odd):04X}. Type the address anew.")
    found = _PARTS.fullmatch(source)
    scheme, place, rest = found.groups() if found else ("", "", "")
    if "@" in place:
        raise _refused(f"with a user name or password in it, which the server would be given. {_REMEDY}")
    place = _ascii(place)
    named = _HOST.fullmatch(place)
    if named is None or int(named[2] or 0) > 65535:
        raise _refused("whose host cannot be read. Give the whole URL, such as https://example.com/rocket.jpg.")
    host = named[1]
    try:
        public = _is_public(host)
    except ValueError:
        raise _refused(f"on {host[:80]}, an IP address in a spelling that the server may not read. {_REMEDY}") from None
    if not (public or local):
        given = "and it would be given whatever token stands in the address"
        raise _refused(f"on {host[:80]}, which the server cannot reach, {given}. {_REMEDY}")
    # A % that begins nothing is one itself.
    rest = quote(re.sub("%(?![0-9A-Fa-f]{2})", "%25", rest), safe=_SAFE)
    return f"{scheme.lower()}://{place}{rest}"


def _refused(words: str) -> InvalidRequest:
    return InvalidRequest(f"first frame is an address {words}", param="image")


def _ascii(place: str) -> str:
    """A host and its port as a client looks the host up; "" for one that cannot be."""
    if place.isascii():
        return place
    from yarl import URL

    host, colon, port = place.partition(":")
    try:
        return f"{URL.build(scheme='https', host=host).raw_host or ''}{colon}{port}"
    except ValueError:  # a UnicodeError is one
        return ""


def _is_public(host: str) -> bool:
    """Whether the internet at large has it. Raises `ValueError` for an IP address that is none, or is oddly spelt."""
    if host.startswith("["):
        return _is_global(ipaddress.IPv6Address(host[1:-1]))
    labels = host.lower().removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # As clients do, which also read 127.1, 0x7f000001 and 0177.0.0.1: only the plain spelling is taken here.
        return _is_global(ipaddress.IPv4Address(".".join(labels)))
    return len(labels) > 1 and labels[-1] not in _INSIDE


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is one of the internet's; of one of IPv6 that carries one of IPv4, whether that is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    carried = address.ipv4_mapped or address.sixtofour
    if address in _CARRIED:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return _is_global(carried)
    return address.is_global and address in _GLOBAL
