"""Loads an input from wherever a user has it: a file, an address, bytes, an object of a library, a variable."""

from __future__ import annotations

import base64
import binascii
import io
import ipaddress
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from happyhorse_nb.errors import InvalidRequest, meant
from happyhorse_nb.inputs.check import ImageInfo, check, check_end, first_picture, fit_into, inspect, thumbnail, weight
from happyhorse_nb.inputs.input import Input, sha256
from happyhorse_nb.inputs.pixels import DAMAGED, Unfit, check_brightness, check_floats, check_integers, encode, judged
from happyhorse_nb.models import FIRST_FRAME, Fit, ImageLimits, Model, Role, fitting, join_notes

if TYPE_CHECKING:
    from PIL.Image import Image

_PARTS = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
#: A host, in ASCII, and a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)*\.?)(?::(\d{0,5}))?", re.ASCII)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
#: What an address may contain unencoded; also %, which begins what is encoded already.
_SAFE = "!#$%&'()*+,/:;=?@[]~"
#: Last parts of names that no public server resolves: RFC 6761 and 6762, ICANN's "internal", RFC 8375's home.arpa,
#: and usual ones of routers and companies.
_INSIDE = frozenset(
    ("arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private", "workgroup")
)
#: All public IPv6 addresses; and the prefix of those that contain an IPv4 address (RFC 6052).
_GLOBAL, _CARRIED = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("64:ff9b::/96")
_REMEDY = "Give the file's path, or its bytes."


def check_address(source: str, *, local: bool) -> str:
    """An http(s) address as it is sent: percent-encoded where it must be, with an international host name as IDNA.

    ``local``: the server is on this machine, so the address may be, too. Any other server could not use such an
    address, and would be given the token in it (Jupyter's). No name is resolved. Raises `InvalidRequest`.
    """
    odd = next((char for char in source if not char.isprintable()), None)
    if odd is not None:
        raise _refused(f"with a character in it that is not seen, U+{ord(odd):04X}", "Type the address anew.")
    found = _PARTS.fullmatch(source)
    scheme, authority, rest = found.groups() if found else ("", "", "")
    if "@" in authority:
        raise _refused("with a user name or password in it, which the server would be given", _REMEDY)
    authority = _ascii(authority)
    named = _HOST.fullmatch(authority)
    if named is None or int(named[2] or 0) > 65535:
        raise _refused("whose host cannot be read", "Give the whole URL, such as https://example.com/rocket.jpg.")
    host = named[1]
    try:
        public = _is_public(host)
    except ValueError:
        raise _refused(f"on {host[:80]}, an IP address in a spelling that the server may not read", _REMEDY) from None
    if not (public or local):
        given = "and it would be given whatever token stands in the address"
        raise _refused(f"on {host[:80]}, which the server cannot reach, {given}", _REMEDY)
    # A % without two digits stands for itself.
    rest = quote(re.sub("%(?![0-9A-Fa-f]{2})", "%25", rest), safe=_SAFE)
    return f"{scheme.lower()}://{authority}{rest}"


def _refused(words: str, remedy: str) -> InvalidRequest:
    return Unfit(f"is an address {words}", remedy)


def _ascii(authority: str) -> str:
    """A host and its port in ASCII; "" if that cannot be."""
    if authority.isascii():
        return authority
    from yarl import URL

    host, colon, port = authority.partition(":")
    try:
        return f"{URL.build(scheme='https', host=host).raw_host or ''}{colon}{port}"
    except ValueError:  # a UnicodeError is one
        return ""


def _is_public(host: str) -> bool:
    """Whether a host is on the public internet. Raises `ValueError` for a bad or oddly spelt IP address."""
    if host.startswith("["):
        return _is_global(ipaddress.IPv6Address(host[1:-1]))
    labels = host.lower().removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # Clients also read 127.1, 0x7f000001 and 0177.0.0.1; only the plain spelling is accepted here.
        return _is_global(ipaddress.IPv4Address(".".join(labels)))
    return len(labels) > 1 and labels[-1] not in _INSIDE


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is public; for an IPv6 address that contains an IPv4 one, whether that is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    carried = address.ipv4_mapped or address.sixtofour
    if address in _CARRIED:
        carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if carried is not None:
        return _is_global(carried)
    return address.is_global and address in _GLOBAL


class NoImage(Unfit):
    """An object that is no picture."""


def from_object(value: Any, limits: ImageLimits) -> tuple[str, bytes, str]:
    """The object's label, the bytes of its picture, and what was done to its values in words, else "".

    Raises `InvalidRequest`, `NoImage` for what is no picture.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes", bytes(value), ""
    if callable(getattr(value, "savefig", None)):
        out = io.BytesIO()
        value.savefig(out, format="png")
        return "figure", out.getvalue(), ""
    from PIL import Image

    note = ""
    if not isinstance(value, Image.Image) and hasattr(value, "__array_interface__"):
        value, note = _from_array(value)
    if not isinstance(value, Image.Image):
        raise NoImage(
            f"is a {type(value).__name__}",
            limit="give a path, URL, data URI, bytes, PIL image, NumPy array or matplotlib figure",
        )
    picture, clipped = judged(value)
    data = encode(picture)
    # It is encoded here anyway, so it need not be refused for its size.
    return "image", data if len(data) <= limits.max_bytes else encode(picture, lossy=True), note or clipped


def _from_array(array: Any) -> tuple[Image, str]:
    """An array as an 8-bit image, and what was done to its values in words."""
    from PIL import Image

    kind, shape = array.dtype.kind, array.shape
    what = f"is an array of shape {shape} and type {array.dtype}"
    taken = "height x width (x 3 or 4) with integers from 0 to 255 or floats from 0 to 1"
    good_shape = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    if not good_shape or kind not in "buif" or not array.size:
        raise Unfit(what, limit=f"give {taken}")
    if getattr(array, "mask", None) is not None and array.mask.any():
        raise Unfit(f"{what}, with values that are masked", "Say what they are: .filled(0).")
    low, high, shown, note = float(array.min()), float(array.max()), array, ""
    if kind == "f":
        note = check_floats(low, high, what, taken)
        shown = (array.clip(0, 1) * 255).round()
    elif kind == "b":
        shown = array * 255
    else:
        check_integers(low, high, 255, what, taken)
    # Opacity has the same scale, but is no brightness.
    for part in (slice(0, 3), slice(3, 4)) if shape[2:] == (4,) else (slice(None),):
        check_brightness(float(array[..., part].max()), float(shown[..., part].max()), what)
    if shape[2:] == (1,):
        shown = shown[:, :, 0]
    return Image.fromarray(shown.astype("uint8")), note


SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
#: Types that may hold a picture; PIL's are known by their module.
_KINDS = ("str", "bytes", "ndarray", "Figure", "PosixPath", "WindowsPath")


def files(typed: str, endings: tuple[str, ...] = SUFFIXES) -> list[str]:
    """Folders, and files with these endings, spelled as typed so far."""
    head, slash, _ = typed.rpartition("/")
    try:
        inside = sorted(Path(head + slash if slash else ".").expanduser().iterdir())
    except (OSError, RuntimeError, ValueError):
        return []
    found = []
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.append(f"{head}{slash}{path.name}/")
        elif path.suffix.lower() in endings:
            found.append(f"{head}{slash}{path.name}")
    return found


def variables(namespace: Mapping[str, Any], hidden: Collection[str] = ()) -> list[str]:
    """The variables that may hold an image."""
    return [
        name
        for name, value in list(namespace.items())
        if not name.startswith("_")
        and name not in hidden
        and (type(value).__name__ in _KINDS or type(value).__module__.startswith("PIL."))
    ]


#: A larger file is not even read to be made to fit.
_READ_LIMIT = 256 * 1024 * 1024
#: What recent images are, with their thumbnails, by the SHA-256 of their bytes: many jobs share one picture.
_SEEN: dict[str, tuple[ImageInfo, bytes]] = {}
_MOST_SEEN = 64


def load(
    source: Any,
    *,
    limits: ImageLimits,
    namespace: Mapping[str, Any] | None = None,
    fit: Fit = False,
    local: bool = False,
    role: Role = FIRST_FRAME,
    unlisted: bool = False,
) -> Input:
    """Load an input of that role, check it, and (with ``fit``) make it fit: True and ``"pad"`` pad too long a shape,
    ``"crop"`` crops it.

    ``source`` is a path, an http(s) URL, a data URI, bytes, a PIL image, a NumPy array (height x width, or with 3 or 4
    channels; 0 to 255 as integers or 0 to 1 as floats), a matplotlib figure, or the name of a variable in ``namespace``
    that holds one of these. A text is tried as a URL or data URI, then as a file, then as a variable. A video, and what
    the server takes only by its address, is a URL or a variable that holds one. ``local``: the server is on this
    machine, and may be given its addresses.

    Of a JPEG with more behind it only the first picture is sent; the ``note`` says so.

    Raises `InvalidRequest` with the limit that is broken and the remedy.
    """
    if unlisted and limits.unlisted_bytes is not None:
        limits = replace(limits, max_bytes=limits.unlisted_bytes)
    try:
        if role.image is None or not (role.embedded or role.uploaded):
            return _from_address(source, namespace, local, role)
        if isinstance(source, str):
            return _from_text(source, limits, namespace, fit, local, role)
        if isinstance(source, os.PathLike):
            path = _path(source)
            return _ready(path.name, _read(path), "", limits, fit, role)
        return _ready(*from_object(source, limits), limits, fit, role)
    except Unfit as problem:
        raise problem.of(role) from None


def gather(
    model: Model,
    sources: Mapping[str, Any],
    *,
    namespace: Mapping[str, Any] | None = None,
    fit: Fit = False,
    local: bool = False,
    unlisted: bool = False,
) -> tuple[Input, ...]:
    """All inputs of a request, in the order of the model's table.

    ``sources`` has what `load` takes, or a list of that, by each role's option. Raises `InvalidRequest`, also for too
    few or too many.
    """
    known = {role.option for role in model.inputs}
    for name, given in sources.items():
        if given is not None and name not in known:
            takes = ", ".join(sorted(known)) or "text alone"
            raise InvalidRequest(
                f"{model.id} takes no {name}", limit=f"it takes {takes}", remedy=_those_that_fit(sources), param=name
            )
    found: list[Input] = []
    for role in model.inputs:
        given = sources.get(role.option)
        some = _several(given)
        if not some and role.minimum:
            what = f"{model.id} needs {'a' if role.maximum == 1 else 'one or more'} {role.words}"
            raise InvalidRequest(what, remedy=_those_that_fit(sources) or "Give it.", param=role.option)
        if not role.minimum <= len(some) <= role.maximum:
            count = str(role.minimum) if role.minimum == role.maximum else f"{role.minimum} to {role.maximum}"
            raise InvalidRequest(
                f"{role.option}: {len(some)} given",
                limit=f"{model.id} takes {count}",
                remedy="Give as many.",
                param=role.option,
            )
        limits = role.image or ImageLimits()
        found += [
            one
            if isinstance(one, Input)
            else load(one, limits=limits, namespace=namespace, fit=fit, local=local, role=role, unlisted=unlisted)
            for one in some
        ]
    return tuple(found)


def _those_that_fit(sources: Mapping[str, Any]) -> str:
    """A sentence that names the models that take these inputs; empty where none does."""
    fit = [model.id for model in fitting([name for name, given in sources.items() if given is not None])]
    return f"Use {' or '.join(fit)}, or leave `--model` out." if fit else ""


def _several(given: Any) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]


def decode_data_uri(uri: str) -> bytes:
    """The bytes of a ``data:image/…`` URI. Raises `InvalidRequest` when it is not one."""
    head, comma, body = uri.partition(",")
    if not comma or not re.match(r"data:image/", head, re.IGNORECASE):
        raise Unfit("is a data URI, but not one of an image (data:image/…)")
    try:
        if head.lower().endswith(";base64"):
            # Long ones are often broken into lines.
            body = "".join(body.split())
            return base64.b64decode(unquote_to_bytes(body) if "%" in body else body, validate=True)
        return unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise Unfit("is a data URI whose base64 is damaged", "Encode it again.") from None


def _ready(label: str, data: bytes, clipped: str, limits: ImageLimits, fit: Fit, role: Role) -> Input:
    data, cut = first_picture(data)
    data, made = fit_into(data, limits, fit) if fit else (data, "")
    said = "; ".join(words for words in (clipped, cut) if words)
    note = join_notes(f"{role.words}: {said}" if said else "", f"{role.words} {made}" if made else "")
    digest = sha256(data)
    info, small = _SEEN.get(digest, (None, None))
    info = info or inspect(data)
    check(info, limits)
    if small is None:
        # This decodes all pixels, so a file that ends too early is found before it is paid for.
        small = thumbnail(data)
        if small is None:
            raise Unfit(*DAMAGED)
        check_end(data)
        while len(_SEEN) >= _MOST_SEEN:
            _SEEN.pop(next(iter(_SEEN)), None)
        _SEEN[digest] = (info, small)
    label = label.encode(errors="replace").decode()  # a file's name may contain bytes that are no text
    return Input(label, None, data, info, note, join_notes(said, made), small, known=digest, role=role.name)


def _from_text(
    source: str, limits: ImageLimits, namespace: Mapping[str, Any] | None, fit: Fit, local: bool, role: Role
) -> Input:
    source = source.strip()
    if re.match(r"data:", source, re.IGNORECASE):
        return _ready("data URI", decode_data_uri(source), "", limits, fit, role)
    if re.match(r"https?://", source, re.IGNORECASE):
        return _from_url(source, local, role)
    path, there = _path(source), False
    with suppress(OSError, ValueError):
        there = bool(source) and path.is_file()
    if there:
        return _ready(path.name, _read(path), "", limits, fit, role)
    if namespace is not None and source in namespace:
        value = namespace[source]
        if isinstance(value, str):
            return _from_text(value, limits, None, fit, local, role)
        if isinstance(value, os.PathLike):
            return load(value, limits=limits, fit=fit, role=role)
        try:
            return _ready(source, *from_object(value, limits)[1:], limits, fit, role)
        except NoImage:
            raise InvalidRequest(
                f"variable {source} holds a {type(value).__name__}",
                limit=f"a {role.words} is a path, bytes, a PIL image, a NumPy array or a matplotlib figure",
                remedy="Put one of these in it.",
                param=role.option,
            ) from None
    raise Unfit(*_not_found(source, path, namespace))


def _from_address(source: Any, namespace: Mapping[str, Any] | None, local: bool, role: Role) -> Input:
    """An input that is sent only by its address."""
    if isinstance(source, str) and namespace is not None and source.strip() in namespace:
        source = namespace[source.strip()]
    if not isinstance(source, str) or not re.match(r"https?://", source.strip(), re.IGNORECASE):
        raise Unfit("is no address (http://, https://), and the server fetches it from one", "Give its URL.")
    return _from_url(source.strip(), local, role)


def _from_url(source: str, local: bool, role: Role) -> Input:
    address = check_address(source, local=local)
    _, _, authority = re.split("[?#]", source, maxsplit=1)[0].partition("://")
    host, _, path = authority.partition("/")
    return Input(Path(path).name or host, url=address, role=role.name)


def _path(source: str | os.PathLike[str]) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:
        # Without a home of that user, the name begins like that.
        return Path(source)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _READ_LIMIT:
            raise Unfit(
                f"{path.name} has {weight(size)}", "Scale it down.", limit=f"the limit is {weight(_READ_LIMIT)}"
            )
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = str(getattr(problem, "strerror", None) or problem).lower()
        raise Unfit(f"{path} cannot be read: {reason}", "Check the path.") from None


def _not_found(source: str, path: Path, namespace: Mapping[str, Any] | None) -> tuple[str, str]:
    """What is wrong, and what to do."""
    shown = source if len(source) <= 80 else source[:79] + "…"
    # Users remember a file's name without its ending.
    names = {n: n for n in namespace or () if not n.startswith("_")}
    missing = "there is no such file"
    with suppress(OSError, ValueError):
        if path.is_dir():
            missing = "it is a folder and no file"
        names |= {p.stem: p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES}
    close = meant(path.stem, names)
    remedy = f"Did you mean {names[close]}?" if close else "Check the spelling, or give the whole path."
    variable = (
        "there is no variable of that name" if namespace is not None else "a variable is passed itself, not its name"
    )
    return (
        f"{shown!r} is not found: it is no URL (http://, https://) or data URI (data:image/…), {missing}, "
        f"and {variable}"
    ), remedy
