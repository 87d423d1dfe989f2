"""A picture on its way to the server by itself, so that a request can name its address."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from happyhorse_nb import inputs as images
from happyhorse_nb import wire
from happyhorse_nb.client.body import Flight
from happyhorse_nb.errors import ConnectionLost, InvalidRequest, UploadUnknown
from happyhorse_nb.models import ImageLimits
from happyhorse_nb.settings.account import HiddenText

#: What the server takes as an upload (its media documents); a model may ask for more.
LIMITS = ImageLimits(min_side=1, max_bytes=16 * 1024 * 1024, max_aspect=math.inf)
#: Seconds for which the server surely has a picture where it does not say: about 7 days, as its media documents put it.
LASTS = 6.5 * 86400.0
#: Bytes in one piece: more than the 64 KiB from which on aiohttp waits for the socket before it asks for the next one.
#: A form of two pieces goes in one, as each is a write to the socket.
_PIECE = 96 * 1024
_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True)
class Upload:
    """A picture that the server holds: the id to delete it by, the address to send, which is a secret, as whoever has
    it may have the picture; and when it is deleted (Unix seconds)."""

    file_id: str
    url: str
    expires_at: float

    @property
    def fresh(self) -> bool:
        """Whether a task that is submitted now can still read it: tasks take minutes."""
        return self.expires_at - time.time() > MARGIN


#: Seconds before its end from which on a picture is not given to new tasks; those of 15 s at 1080P take 14 minutes.
MARGIN = 3600.0


@dataclass(frozen=True)
class Form:
    """A multipart form (RFC 7578) of one picture, byte for byte, with a name that says nothing of the user's file."""

    data: bytes = field(repr=False)
    format: str
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def media_type(self) -> str:
        """The form's ``Content-Type``."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def size(self) -> int:
        """Length of the whole form in bytes."""
        return len(self._head) + len(self.data) + len(self._tail)

    @property
    def _head(self) -> bytes:
        name = f"picture.{_SUFFIXES[self.format]}"
        return (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: image/{self.format.lower()}\r\n\r\n"
        ).encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()

    async def pieces(self, flight: Flight) -> AsyncIterator[bytes]:
        """The whole form from its start; ``flight`` is told how far it has come."""
        if len(self.data) <= 2 * _PIECE:
            flight.ends()
            yield self._head + self.data + self._tail
            return
        flight.moves()
        yield self._head
        view = memoryview(self.data)
        for start in range(0, len(view), _PIECE):
            flight.moves()
            yield bytes(view[start : start + _PIECE])
        flight.ends()
        yield self._tail


def form_of(picture: images.Input) -> Form:
    """A picture as it is uploaded. It may read the disk. Raises `InvalidRequest`."""
    data = picture.read()
    if not data:
        raise InvalidRequest(f"{picture.label} has an address, and needs no upload", remedy="Send its address.")
    info = picture.info or images.inspect(data)
    images.check(info, LIMITS)
    return Form(data, info.format)


def upload_of(answer: object, *, local: bool) -> Upload:
    """The picture that an answer names; ``local``: by a server on this machine, whose address may be there, too.

    Raises the `APIError` of a refusal, and `ConnectionLost` when it cannot be read or names an address that cannot be
    sent.
    """
    file_id, url, expires = wire.parse_upload(answer)
    # Hidden at once, as verbose tracebacks print locals.
    url = HiddenText(url)
    if not _usable(url, local):
        raise ConnectionLost(
            "the server's answer cannot be used: its address of the picture is not public, or not https"
        )
    now = time.time()
    return Upload(file_id, url, expires if expires is not None and expires > now else now + LASTS)


def _usable(url: str, local: bool) -> bool:
    try:
        images.check_address(url, local=local)
    except InvalidRequest:
        return False
    return local or url[:8].lower() == "https://"


def unknown_upload(problem: Exception) -> UploadUnknown:
    """The error for an upload that has left without a certain answer."""
    what = str(getattr(problem, "message", "") or problem).rstrip(".")
    status = getattr(problem, "status", None)
    said = f"the server answered {status} ({what})" if status else what
    return UploadUnknown(
        f"{said}; it is not known whether the picture was taken, so it is not uploaded again by itself",
        remedy="Nothing was paid for: run it again.",
    )
