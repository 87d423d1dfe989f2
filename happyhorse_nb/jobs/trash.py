"""The trash: a folder beside a video, where it lies until somebody deletes it. Nothing here ever deletes a video."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from happyhorse_nb.client.place import into_place, names
from happyhorse_nb.errors import InvalidRequest

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
    """Undo that, where the place is still free."""
    with suppress(OSError):
        _moved(thrown, [path])


def _moved(file: Path, targets: Iterable[Path]) -> Path:
    """Where it is now: under the first of these names that is free."""
    place = into_place(file, targets)
    try:
        # As a second name of it; where there are none it is gone, and another film may have its name by now.
        with suppress(FileNotFoundError):
            if file.samefile(place):
                file.unlink()
    except OSError:
        # It cannot be taken away from where it is, so it does not lie in two places either.
        place.unlink()
        raise
    return place
