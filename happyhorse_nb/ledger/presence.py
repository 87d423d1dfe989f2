"""Which processes are alive: what each of them locks, the operating system lets go of when it dies.

A lock on a file is not the process's alone: a fork has it too, and keeps it when its parent is killed. So a fork closes
it as soon as it begins; and in the file stands whose it is, for forks that Python does not see (those of a library in
C), and for file systems that have no such locks. Whatever cannot be told counts as alive: a living kernel's job that is
taken for dead is paid for twice.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from happyhorse_nb.settings import private_folder, process

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


#: With these a file system says that it has no locks.
_NONE = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
#: Fields of Linux's /proc/PID/stat behind the name: state, how many threads, and when it began (man 5 proc).
_STATE, _THREADS, _BEGAN = 0, 17, 19


def kernels(home: Path) -> Path:
    """Where the processes' files lie, beside the ledger."""
    return home / "kernels"


class Presence(process.Forked):
    """This process, as the others on the machine see it: a locked file named by ``id`` in the ledger's folder.

    ``lock`` locks an open file at once, or raises OSError. Raises OSError where the file cannot be made or locked.
    """

    def __init__(self, folder: Path, *, lock: Callable[[int], None] = _lock) -> None:
        self.id = secrets.token_hex(8)
        self._folder = kernels(folder)
        self._lock = lock
        self._held: int | None = None
        self._pid = os.getpid()
        process.at_fork(self)
        process.uninterrupted(self._appear)

    def alive(self, owner: str | None) -> bool:
        """Whether the process of that id lives. Its file is removed when it does not."""
        return (owner == self.id and os.getpid() == self._pid) or lives(self._folder, owner, lock=self._lock)

    def renew(self) -> None:
        """Lay the file down again where somebody has cleaned it away; cheap when it is there. Raises OSError."""
        if not _file(self._folder, self.id).exists():
            process.uninterrupted(self._appear)

    def close(self) -> None:
        """Say that this process is gone."""
        self._hold(None)
        _file(self._folder, self.id).unlink(missing_ok=True)

    def in_fork(self) -> None:
        """It is the parent that is present. The lock stays the parent's when its fork closes the file."""
        self._hold(None)

    def _appear(self) -> None:
        private_folder(self._folder)
        path = _file(self._folder, self.id)
        # Windows renames no open file; elsewhere it is seen by nobody before it is locked.
        first = path if os.name == "nt" else path.with_suffix(".new")
        file, me = os.open(first, os.O_RDWR | os.O_CREAT, 0o600), _who(os.getpid())
        try:
            os.write(file, me.encode())
            try:
                self._lock(file)
            except OSError as problem:
                if problem.errno not in _NONE or not me:
                    raise
            if first != path:
                first.replace(path)
        except OSError:
            os.close(file)
            raise
        self._hold(file)

    def _hold(self, file: int | None) -> None:
        before, self._held = self._held, file
        if before is not None:
            with suppress(OSError):
                os.close(before)


def lives(folder: Path, owner: str | None, *, lock: Callable[[int], None] = _lock) -> bool:
    """Whether the process of that id lives; ``folder`` holds the processes' files. Its own is removed if not."""
    path = _file(folder, owner or "")
    return bool(owner) and process.uninterrupted(lambda: _lives(path, lock))


def _lives(path: Path, lock: Callable[[int], None]) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        # It cannot be told: no file handle is left, say.
        return True
    try:
        # What is locked on Windows cannot be read; it has no forks either.
        owner = "" if os.name == "nt" else os.read(file, 1000).decode("utf-8", "replace")
        lock(file)
        free = True
    except OSError:
        free = False
    finally:
        os.close(file)
    living = _is_there(owner)
    if living is None:
        living = not free
    if not living:
        path.unlink(missing_ok=True)
    return living


def _is_there(who: str) -> bool | None:
    """Whether the process that wrote this (see `_who`) lives; None where that cannot be told from here."""
    number, _, rest = who.partition(" ")
    began, _, where = rest.partition(" ")
    # Its number means nothing on another machine or in another container, nor after a start of the machine.
    if not number.isdecimal() or not where or where != _where(os.getpid()):
        return None
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    # None where it may not be looked at: then it is there for all that is known.
    return _began(int(number)) in (began, None)


def _who(pid: int) -> str:
    """This process for all time: its number, when it began, and where. Empty where that is not told."""
    began, where = _began(pid), _where(pid)
    return f"{pid} {began} {where}" if began and where else ""


def _began(pid: int) -> str | None:
    """When a process began, empty for one that has ended; None where that is not told. Linux's alone."""
    try:
        # The name, in front, may hold anything.
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        # A zombie: its parent has not asked yet how it ended.
        over = state[_STATE] in "ZX" and int(state[_THREADS]) <= 1
        return "" if over else state[_BEGAN]
    except (OSError, ValueError, IndexError):
        return None


@lru_cache(maxsize=1)
def _where(pid: int) -> str:
    """The machine since its start, and the container, as this process (``pid``) sees them."""
    try:
        spaces = [str(Path(f"/proc/{pid}/ns/{name}").readlink()) for name in ("pid", "time")]
        return " ".join([Path("/proc/sys/kernel/random/boot_id").read_text().strip(), *spaces])
    except OSError:
        return ""


def _file(folder: Path, owner: str) -> Path:
    # An id is ours, hex; anything else in the ledger must not become a path.
    return folder / f"{''.join(c for c in owner if c in '0123456789abcdef')}.lock"
