"""The inputs that were sent, so that a job can be sent again, or first sent after a restart."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.settings import private_folder

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Frames:
    """Images by the SHA-256 of their bytes, each stored once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "frames"

    def put(self, digest: str, data: bytes) -> Path:
        """Store the bytes; returns their file. Raises `LedgerError`."""
        path = self.path(digest)
        with suppress(OSError):
            # (A power cut may have left a shorter one.)
            if path.stat().st_size == len(data):
                return path
        # A unique name, as another thread may store the same picture now.
        half = path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            private_folder(self._folder)
            # Private from its first byte, whatever the umask.
            with open(half, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(data)
            half.replace(path)
        except OSError as problem:
            with suppress(OSError):
                half.unlink()
            raise LedgerError(
                f"the first frame cannot be kept in {self._folder}: {(problem.strerror or 'disk error').lower()}",
                remedy="Check the disk, or set HAPPYHORSE_HOME elsewhere.",
            ) from None
        return path

    def get(self, digest: str) -> bytes | None:
        """The bytes of that digest; None where there are none (a URL, or forgotten)."""
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            return self.path(digest).read_bytes()
        except OSError:
            return None

    def drop(self, digest: str) -> None:
        """Delete the bytes of that digest, if any."""
        if _DIGEST.fullmatch(digest):
            with suppress(OSError):
                self.path(digest).unlink()

    def path(self, digest: str) -> Path:
        """Where the bytes of that digest are or would be. Raises ValueError for no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError("not a SHA-256 digest")
        return self._folder / digest
