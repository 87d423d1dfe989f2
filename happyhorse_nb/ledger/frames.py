"""The first frames that were sent, kept so that a job can be sent again, or sent at all after a restart."""

from __future__ import annotations

import os
import re
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Frames:
    """Images by the SHA-256 of their bytes, each kept once however often it is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "frames"

    def keep(self, digest: str, data: bytes) -> None:
        """Keep the bytes under their digest. Raises OSError."""
        path = self._path(digest)
        if path.exists():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_bytes(data)
        half.replace(path)

    def get(self, digest: str) -> bytes | None:
        """The bytes of that digest, None where they are not kept (a URL, or forgotten)."""
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            return self._path(digest).read_bytes()
        except OSError:
            return None

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self._folder / digest
