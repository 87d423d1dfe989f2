"""Which kernels are alive, and which jobs the dead ones have left."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from happyhorse_nb.settings import private_folder, process
from happyhorse_nb.store.ledger import Ledger
from happyhorse_nb.store.record import Record


def kernels(home: Path) -> Path:
    """The folder of the processes' files, beside the ledger."""
    return home / "kernels"


class Presence:
    """Shows the other processes that this one is alive: a locked file named by ``id`` in the ledger's folder.

    Raises OSError where the file cannot be made or locked.
    """

    def __init__(self, folder: Path) -> None:
        self.id = secrets.token_hex(8)
        self._folder = kernels(folder)
        self._pid = os.getpid()
        _own().add(self.id)
        self._lock = process.uninterrupted(self._locked)

    def alive(self, owner: str | None) -> bool:
        """Whether the process of that id is alive; if not, its file is removed."""
        return (owner == self.id and os.getpid() == self._pid) or lives(self._folder, owner)

    def renew(self) -> None:
        """Make the file again where somebody has cleaned it away. Raises OSError."""
        if not _file(self._folder, self.id).exists():
            process.uninterrupted(self._renew)

    def close(self) -> None:
        """Show that this process is gone."""
        process.uninterrupted(self._lock.release)
        _file(self._folder, self.id).unlink(missing_ok=True)

    def _renew(self) -> None:
        # The old lock is on a file that is not in the folder any more.
        self._lock.release()
        self._lock = self._locked()

    def _locked(self) -> FileLock:
        private_folder(self._folder)
        lock = _lock(self._folder, self.id)
        lock.acquire()
        return lock


def lives(folder: Path, owner: str | None) -> bool:
    """Whether the process of that id, with its file in ``folder``, is alive; if not, its file is removed."""
    return bool(owner) and process.uninterrupted(lambda: _lives(folder, owner or ""))


def _lives(folder: Path, owner: str) -> bool:
    try:
        _file(folder, owner).stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    probe = _lock(folder, owner)
    try:
        probe.acquire()
    except Timeout:
        return not _of_another_life(folder, owner)
    except OSError:
        # Nobody can tell, for lack of file handles, say.
        return True
    probe.release()
    _file(folder, owner).unlink(missing_ok=True)
    return False


def _of_another_life(folder: Path, owner: str) -> bool:
    """Whether it was this process before it executed itself anew; its file is removed then.

    On file systems without locks, filelock's files name their process, which has the same number still.
    """
    from filelock import SoftFileLock  # seldom needed, and slow to import

    file = _file(folder, owner)
    # (False for a real lock, whose file is empty.)
    if owner in _own() or not SoftFileLock(file).is_lock_held_by_us:
        return False
    file.unlink(missing_ok=True)
    return True


def _own() -> set[str]:
    """The ids that this process has taken since it was executed."""
    return process.once("presences", set[str])


def _lock(folder: Path, owner: str) -> FileLock:
    # Held by the process, whichever thread acquired it.
    return FileLock(_file(folder, owner), timeout=0, mode=0o600, thread_local=False)


def _file(folder: Path, owner: str) -> Path:
    # Ids are hexadecimal; anything else in the ledger must not become a path.
    return folder / f"{''.join(c for c in owner if c in '0123456789abcdef')}.lock"


#: Seconds for which the server has a result, by its newer documents.
_RESULTS_LAST = 7 * 86400.0


def orphans(home: Path, *, now: float, origin: str = "", key: str | None = None) -> list[Record]:
    """The jobs that dead kernels have left unfinished. Raises `LedgerError`.

    Jobs of a key that is joined to this one, of that server, are returned as this key's.
    """
    ledger = Ledger(home)
    try:
        found = ledger.interrupted(since=now - _RESULTS_LAST)
        if key is not None:
            ours = ledger.keys_of(origin, key)
            found = [replace(r, account=key) if r.origin == origin and r.account in ours else r for r in found]
        living = {owner: lives(kernels(home), owner) for owner in {record.owner for record in found}}
    finally:
        ledger.close()
    return [record for record in found if not living[record.owner]]
