"""Gives a finished file its name: at once, and never over another file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

#: Bytes that a file's name may have, on almost every file system.
_LONGEST = 255

Link = Callable[[Path, Path], None]


def names(first: Path) -> Iterator[Path]:
    """That name, then those to take if it is taken: ``launch.mp4``, ``launch (2).mp4`` … without an end."""
    yield first
    for number in count(2):
        yield beside(first, f" ({number}){first.suffix}", stem=first.stem)


def beside(file: Path, ending: str, *, stem: str | None = None) -> Path:
    """A name in the same folder: the file's name, or ``stem``, with an ending, cut to the longest allowed."""
    room = _LONGEST - len(os.fsencode(ending))
    return file.with_name(os.fsencode(file.name if stem is None else stem)[:room].decode(errors="ignore") + ending)


def into_place(half: Path, targets: Iterable[Path], *, link: Link = os.link) -> Path:
    """Give ``half`` the first of these names that is free, without ever replacing a file; returns that name.

    ``half`` is on the same device, and may remain as a second name of the file, for the caller to remove. Without hard
    links (exFAT, some network drives) the name is reserved first, by a file that contains the name of ``half``; if a
    killed process has left one, it is recognised by that, and filled. Raises `FileExistsError` where all names are
    taken, and `OSError` where the folder cannot be written.
    """
    taken: FileExistsError | None = None
    for target in targets:
        try:
            _name(half, target, link)
        except FileExistsError as problem:
            taken = problem
        else:
            return target
    raise taken or FileExistsError


def _name(half: Path, target: Path, link: Link) -> None:
    mark = half.name.encode(errors="surrogateescape")
    try:
        link(half, target)
        return
    except FileExistsError:
        if not _holds(target, mark):
            raise
    except OSError:
        # No hard links. Whoever creates the file has the name; its bytes follow.
        try:
            reserved = target.open("xb")
        except FileExistsError:
            if not _holds(target, mark):
                raise
        else:
            # Without room for these few bytes, the replacement below still may have its own.
            with suppress(OSError), reserved:
                reserved.write(mark)
    try:
        half.replace(target)
    except OSError:
        if _holds(target, mark) or _holds(target, b""):
            with suppress(OSError):
                target.unlink()
        raise


def _holds(file: Path, content: bytes) -> bool:
    """Whether a file contains exactly that."""
    with suppress(OSError), file.open("rb") as there:
        return there.read(len(content) + 1) == content
    return False
