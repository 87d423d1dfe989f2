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
    """An input ready to be sent, a first frame say: either ``url``, or ``data`` (bytes) with what it is in ``info``.

    One that waits needs no memory: `resting` has its bytes in ``file``, from where `read` gets them.
    """

    label: str
    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    info: ImageInfo | None = None
    #: What was done to make it fit, in words; empty when it goes out byte for byte.
    note: str = ""
    #: The same without what it was done to.
    done: str = ""
    #: A small upright JPEG; None for an address, which is not fetched from here.
    thumbnail: bytes | None = field(default=None, repr=False)
    #: Where the bytes are while ``data`` is None, and their SHA-256.
    file: Path | None = None
    known: str = ""
    #: The name of its role in the model's table.
    role: str = "first_frame"

    @cached_property
    def digest(self) -> str:
        """Tells two inputs apart: SHA-256 of the bytes, or of the address."""
        return self.known or sha256(self.data if self.data is not None else (self.url or "").encode())

    @property
    def lead(self) -> str:
        """What stands in the request before the base64 of the bytes; for an address, all that does."""
        return f"data:image/{self.info.format.lower()};base64," if self.info is not None else self.url or ""

    @property
    def wire(self) -> str:
        """What stands in the request: the address, or a data URI of exactly the bytes."""
        return self.lead + base64.b64encode(self.read()).decode("ascii")

    def resting(self, file: Path) -> Input:
        """The same with its bytes in a file that holds just them; an address as it is."""
        return self if self.data is None else replace(self, data=None, file=file, known=self.digest)

    def read(self) -> bytes:
        """The bytes, empty for an address. Raises `InvalidRequest` when their file is gone, or is another one now."""
        if self.file is None:
            return self.data or b""
        with suppress(OSError):
            data = self.file.read_bytes()
            if sha256(data) == self.digest:
                return data
        raise Unfit(f"{self.label} is not in {self.file.parent} any more, where it was kept", "Run it again.")


#: What it is called where nothing but a first frame is asked for.
FirstFrame = Input


def sha256(data: bytes) -> str:
    """The bytes' SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def output_size(width: int, height: int, resolution: str) -> tuple[int, int]:
    """About the size in pixels of the video made from a first frame: the level's number of pixels at its aspect.

    Sides are even, as H.264 wants them.
    """
    lines = int(resolution.rstrip("Pp"))
    pixels = lines * lines * 16 / 9
    scale = (pixels / (width * height)) ** 0.5
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
