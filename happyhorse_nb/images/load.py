"""Turns what the user names as the first frame into what is sent."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from happyhorse_nb.errors import InvalidRequest, meant
from happyhorse_nb.images.address import check_address
from happyhorse_nb.images.check import ImageInfo, check, check_end, first_picture, inspect, weight
from happyhorse_nb.images.fit import fit_into, thumbnail
from happyhorse_nb.images.frame import FirstFrame, sha256
from happyhorse_nb.images.objects import NoImage, from_object
from happyhorse_nb.images.pixels import DAMAGED
from happyhorse_nb.models import Fit, ImageLimits, join_notes

#: A file larger than this is not even read to be made to fit.
_READ_LIMIT = 256 * 1024 * 1024
#: What was looked at lately, by the SHA-256 of its bytes: of one picture many videos are made, and all jobs that wait
#: share one thumbnail.
_SEEN: dict[str, tuple[ImageInfo, bytes]] = {}
_MOST_SEEN = 64
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def load(
    source: Any,
    *,
    limits: ImageLimits,
    namespace: Mapping[str, Any] | None = None,
    fit: Fit = False,
    local: bool = False,
) -> FirstFrame:
    """Find the first frame, check it, and (with ``fit``) make it fit: True and ``"pad"`` pad too long a shape,
    ``"crop"`` crops it.

    ``source`` is a path, an http(s) URL, a data URI, bytes, a PIL image, a NumPy array (height x width, or with 3 or 4
    channels; 0 to 255 as integers or 0 to 1 as floats), a matplotlib figure, or the name of a variable in ``namespace``
    that holds one of these. A text is tried as a URL or data URI, then as a file, then as a variable. ``local``: the
    server is on this machine, and may be given addresses of it.

    Of a JPEG with more behind it the first picture goes out alone, as it is, and the ``note`` says so.

    Raises `InvalidRequest` with the limit that is broken and the remedy.
    """
    if isinstance(source, str):
        return _from_text(source, limits, namespace, fit, local)
    if isinstance(source, os.PathLike):
        path = _path(source)
        return _ready(path.name, _read(path), "", limits, fit)
    return _ready(*from_object(source, limits), limits, fit)


def decode_data_uri(uri: str) -> bytes:
    """The bytes of a ``data:image/…`` URI. Raises `InvalidRequest` when it is not one."""
    head, comma, body = uri.partition(",")
    if not comma or not re.match(r"data:image/", head, re.IGNORECASE):
        raise InvalidRequest("first frame is a data URI, but not one of an image (data:image/…).", param="image")
    try:
        if head.lower().endswith(";base64"):
            # Long ones are often broken into lines.
            body = "".join(body.split())
            return base64.b64decode(unquote_to_bytes(body) if "%" in body else body, validate=True)
        return unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "first frame is a data URI whose base64 is damaged. Encode it again.", param="image"
        ) from None


def _ready(label: str, data: bytes, clipped: str, limits: ImageLimits, fit: Fit) -> FirstFrame:
    data, cut = first_picture(data)
    data, made = fit_into(data, limits, fit) if fit else (data, "")
    said = "; ".join(words for words in (clipped, cut) if words)
    note = join_notes(f"first frame: {said}" if said else "", f"first frame {made}" if made else "")
    digest = sha256(data)
    info, small = _SEEN.get(digest, (None, None))
    if info is None:
        info = inspect(data)
        check(info, limits)
        # Made from all of its pixels, so it also tells a file that ends too early from a whole one, before it is paid
        # for.
        small = thumbnail(data)
        if small is None:
            raise InvalidRequest(DAMAGED, param="image")
        check_end(data)
        while len(_SEEN) >= _MOST_SEEN:
            _SEEN.pop(next(iter(_SEEN)), None)
        _SEEN[digest] = (info, small)
    check(info, limits)
    label = label.encode(errors="replace").decode()  # a file's name may hold bytes that are no text
    return FirstFrame(label, data=data, info=info, note=note, thumbnail=small, known=digest)


def _from_text(
    source: str, limits: ImageLimits, namespace: Mapping[str, Any] | None, fit: Fit, local: bool
) -> FirstFrame:
    source = source.strip()
    if re.match(r"data:", source, re.IGNORECASE):
        return _ready("data URI", decode_data_uri(source), "", limits, fit)
    if re.match(r"https?://", source, re.IGNORECASE):
        return _from_url(source, local)
    path = _path(source)
    if source and _is_file(path):
        return _ready(path.name, _read(path), "", limits, fit)
    if namespace is not None and source in namespace:
        value = namespace[source]
        if isinstance(value, str):
            return _from_text(value, limits, None, fit, local)
        if isinstance(value, os.PathLike):
            return load(value, limits=limits, fit=fit)
        try:
            return _ready(source, *from_object(value, limits)[1:], limits, fit)
        except NoImage:
            raise InvalidRequest(
                f"variable {source} holds a {type(value).__name__}; a first frame is a path, bytes, a PIL image, a "
                "NumPy array or a matplotlib figure. Put one of these in it.",
                param="image",
            ) from None
    raise InvalidRequest(_not_found(source, path, namespace), param="image")


def _from_url(source: str, local: bool) -> FirstFrame:
    address = check_address(source, local=local)
    _, _, place = re.split("[?#]", source, maxsplit=1)[0].partition("://")
    host, _, path = place.partition("/")
    return FirstFrame(Path(path).name or host, url=address)


def _path(source: str | os.PathLike[str]) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:
        # No home of that user: then it is a name that begins so.
        return Path(source)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _READ_LIMIT:
            told = f"first frame {path.name} has {weight(size)}; the limit is {weight(_READ_LIMIT)}. Scale it down."
            raise InvalidRequest(told, param="image")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = str(getattr(problem, "strerror", None) or problem).lower()
        raise InvalidRequest(f"first frame {path} cannot be read: {reason}. Check the path.", param="image") from None


def _not_found(source: str, path: Path, namespace: Mapping[str, Any] | None) -> str:
    shown = source if len(source) <= 80 else source[:79] + "…"
    # By what a person remembers of a file: its name without the ending.
    names = {n: n for n in namespace or () if not n.startswith("_")}
    missing = "there is no such file"
    with suppress(OSError, ValueError):
        if path.is_dir():
            missing = "it is a folder and no file"
        names |= {p.stem: p.name for p in path.parent.iterdir() if p.suffix.lower() in _SUFFIXES}
    close = meant(path.stem, names)
    hint = f" Did you mean {names[close]}?" if close else " Check the spelling, or give the whole path."
    variable = (
        "there is no variable of that name" if namespace is not None else "a variable is passed itself, not its name"
    )
    return (
        f"first frame {shown!r} is not found: it is no URL (http://, https://) or data URI (data:image/…), {missing}, "
        f"and {variable}.{hint}"
    )
