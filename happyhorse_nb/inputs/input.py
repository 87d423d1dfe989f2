"""An input of a request, ready to be sent."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from happyhorse_nb.inputs.check import ImageInfo
from happyhorse_nb.inputs.pixels import Unfit


@dataclass(frozen=True)
class Input:
    """An input ready to be sent, such as a first frame: either ``url``, or ``data`` (bytes) with its ``info``.

    While it waits, `resting` leaves its bytes in ``file``, from where `read` gets them.
    """

    label: str
    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    info: ImageInfo | None = None
    #: What was done to make it fit, in words; empty when it goes out byte for byte.
    note: str = ""
    #: The same without what it was done to.
    done: str = ""
    #: A small upright JPEG; None for an address, which is not fetched here.
    thumbnail: bytes | None = field(default=None, repr=False)
    #: Where the bytes are while ``data`` is None, and their SHA-256.
    file: Path | None = None
    known: str = ""
    #: The name of its role in the model's table.
    role: str = "first_frame"
    #: The id of the job whose video it is, by a link that is read anew when it is sent; and that video's seconds.
    job: str = ""
    seconds: float | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes or of the address; for a job's video, of the job."""
        address = f"job {self.job}" if self.job else self.url or ""
        return self.known or sha256(self.data if self.data is not None else address.encode())

    @property
    def source(self) -> str:
        """What the ledger stores of it: its address, its job, or the digest of its bytes."""
        return f"job:{self.job}" if self.job else self.url or self.digest

    @property
    def lead(self) -> str:
        """What precedes the base64 of the bytes in the request; for an address, all of it."""
        return f"data:image/{self.info.format.lower()};base64," if self.info is not None else self.url or ""

    @property
    def wire(self) -> str:
        """What is in the request: the address, or a data URI of exactly the bytes."""
        return self.lead + base64.b64encode(self.read()).decode("ascii")

    def resting(self, file: Path) -> Input:
        """The same with its bytes in a file that holds just them; an address stays as it is."""
        return self if self.data is None else replace(self, data=None, file=file, known=self.digest)

    def at(self, address: str) -> Input:
        """The same by an address alone, where the server fetches it."""
        return replace(self, url=address, data=None, info=None, file=None, job="")

    def read(self) -> bytes:
        """The bytes, empty for an address. Raises `InvalidRequest` when their file is gone or has changed."""
        if self.file is None:
            return self.data or b""
        with suppress(OSError):
            data = self.file.read_bytes()
            if sha256(data) == self.digest:
                return data
        raise Unfit(f"{self.label} is not in {self.file.parent} any more, where it was kept", "Run it again.")


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def output_size(width: int, height: int, resolution: str) -> tuple[int, int]:
    """About the size in pixels of the video from a first frame: the resolution's number of pixels at its aspect.

    Sides are even, for H.264.
    """
    lines = int(resolution.rstrip("Pp"))
    pixels = lines * lines * 16 / 9
    scale = (pixels / (width * height)) ** 0.5
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
