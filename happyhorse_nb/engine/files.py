"""A finished video as a file: copied under another name, or moved to the trash."""

from __future__ import annotations

import filecmp
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from happyhorse_nb.client.files import into_place, names
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import Status


def copy_of(job: Job, wished: Path) -> None:
    """Copy a finished job's video to ``wished``; nothing to do when it lies, or will lie, there, or a copy of it does.

    Raises `InvalidRequest` when another file lies there, when the video is not made yet, or when it cannot be written.
    """
    snapshot, made = job.snapshot, job.path
    if state_of(job).record.target == wished and (snapshot.status.running or made == wished):
        return
    if snapshot.status != Status.DONE or made is None:
        raise InvalidRequest(
            f"--save: an equal request is {snapshot.status} as {snapshot.short_id}, and its file has another name. "
            "Leave --save out to follow it.",
            param="save",
        )
    # A name of its own: the user may have a file of any name, and another kernel may copy to the same one.
    half = wished.with_name(f"{wished.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        if not wished.exists():
            shutil.copyfile(made, half)
            into_place(half, [wished])
            return
    except FileExistsError:
        # It has come while the video was copied.
        pass
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise InvalidRequest(f"--save {wished} cannot be written: {reason}. Give another name.", param="save") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    with suppress(OSError):
        # Also a copy: the cell that has asked for it is run again.
        if wished.samefile(made) or filecmp.cmp(wished, made, shallow=False):
            return
    raise InvalidRequest(f"--save {wished} exists and is never overwritten. Give another name.", param="save")


#: Hidden, as the file managers' own: JupyterLab lists and serves nothing in it.
FOLDER = ".trash"


def throw_away(path: Path) -> Path:
    """Move a video into the trash beside it; returns where it is now. Raises `InvalidRequest`."""
    try:
        folder = path.parent / FOLDER
        folder.mkdir(exist_ok=True)
        # Never across devices, where it would be a copy that a full disk can cut.
        return _moved(path, names(folder / path.name))
    except OSError as problem:
        why = (problem.strerror or type(problem).__name__).lower()
        raise InvalidRequest(
            f"{path.name} cannot be moved into {path.parent / FOLDER}: {why}. Nothing was forgotten; forget it without "
            "the trash, and the file stays.",
            param="trash",
        ) from None


def bring_back(thrown: Path, path: Path) -> None:
    """Undo that, where the name is still free."""
    with suppress(OSError):
        _moved(thrown, [path])


def _moved(file: Path, targets: Iterable[Path]) -> Path:
    """Where it is now: under the first of these names that is free."""
    moved = into_place(file, targets)
    try:
        # As a second name of it; where there are none it is gone, and another film may have its name by now.
        with suppress(FileNotFoundError):
            if file.samefile(moved):
                file.unlink()
    except OSError:
        # It cannot be taken away from where it is, so it is not to lie twice either.
        moved.unlink()
        raise
    return moved
