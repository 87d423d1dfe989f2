"""The trash: a folder beside a video, where it lies until somebody deletes it. Nothing here ever deletes a video."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from happyhorse_nb.errors import InvalidRequest

#: Hidden, as the file managers' own: JupyterLab lists and serves nothing in it.
FOLDER = ".trash"


def throw_away(path: Path) -> Path:
    """Move a video into the trash beside it; returns where it is now. Raises `InvalidRequest`."""
    try:
        folder = path.parent / FOLDER
        folder.mkdir(exist_ok=True)
        place = _reserved(folder, path)
        try:
            # Over the empty file that was made for it, never over another; and never across devices, where it would
            # be a copy that a full disk can cut.
            return path.replace(place)
        except OSError:
            with suppress(OSError):
                place.unlink()
            raise
    except OSError as problem:
        why = (problem.strerror or type(problem).__name__).lower()
        raise InvalidRequest(
            f"{path.name} cannot be moved into {path.parent / FOLDER}: {why}. Nothing was forgotten; forget it without "
            "the trash, and the file stays.",
            param="trash",
        ) from None


def bring_back(thrown: Path, path: Path) -> None:
    """Undo that, where the place is still free."""
    with suppress(OSError):
        if not path.exists():
            thrown.replace(path)


def _reserved(folder: Path, path: Path) -> Path:
    """An empty file of its own under that name, or under the next one that is free."""
    number = 1
    while True:
        place = folder / (path.name if number == 1 else f"{path.stem} ({number}){path.suffix}")
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            number += 1
            continue
        return place
