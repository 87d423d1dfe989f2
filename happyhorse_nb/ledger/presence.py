"""Which processes are alive. A lock that the operating system drops with its process cannot outlive it."""

from __future__ import annotations

import secrets
from pathlib import Path

from filelock import FileLock, Timeout

from happyhorse_nb.settings import private_folder


def kernels(home: Path) -> Path:
    """Where the processes' files lie, beside the ledger."""
    return home / "kernels"


class Presence:
    """This process, as the others on the machine see it: a locked file named by ``id`` in the ledger's folder."""

    def __init__(self, folder: Path) -> None:
        self.id = secrets.token_hex(8)
        self._folder = kernels(folder)
        private_folder(self._folder)
        self._lock = self._locked()

    def alive(self, owner: str | None) -> bool:
        """Whether the process of that id lives. Its file is removed when it does not."""
        return owner == self.id or lives(self._folder, owner)

    def renew(self) -> None:
        """Lay the file down again where somebody has cleaned it away; cheap when it is there. Raises OSError."""
        if not _file(self._folder, self.id).exists():
            private_folder(self._folder)
            # The old one locks a file that nobody sees any more.
            self._lock.release()
            self._lock = self._locked()

    def close(self) -> None:
        """Say that this process is gone."""
        self._lock.release()
        _file(self._folder, self.id).unlink(missing_ok=True)

    def _locked(self) -> FileLock:
        # Held by the process, whichever thread asks.
        lock = FileLock(_file(self._folder, self.id), timeout=0, mode=0o600, thread_local=False)
        lock.acquire()
        return lock


def lives(folder: Path, owner: str | None) -> bool:
    """Whether the process of that id lives; ``folder`` holds the processes' files."""
    if not owner:
        return False
    try:
        _file(folder, owner).stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    probe = FileLock(_file(folder, owner), timeout=0, mode=0o600, thread_local=False)
    try:
        probe.acquire()
    except Timeout:
        return True
    except OSError:
        # It cannot be told (no file handle is left, say). A living one's job that is taken for dead is paid for twice.
        return True
    probe.release()
    _file(folder, owner).unlink(missing_ok=True)
    return False


def _file(folder: Path, owner: str) -> Path:
    # An id is ours, hex; anything else in the ledger must not become a path.
    return folder / f"{''.join(c for c in owner if c in '0123456789abcdef')}.lock"
