"""Where the notebooks are: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from happyhorse_nb.errors import HappyHorseError

QUICKSTART = "01_quickstart.ipynb"


def notebooks() -> Path:
    """The folder of the shipped notebooks. Raises `HappyHorseError` when it is missing."""
    package = Path(__file__).parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    raise HappyHorseError("the notebooks are missing from this installation. Install happyhorse-nb again.")


def checkout(start: Path, environment: Path) -> Path | None:
    """The notebooks of the checkout that ``start`` lies in, else of the one whose environment (`sys.prefix`) this is.

    There the package itself may be an installed one, as `make demo` leaves it. None outside of a checkout.
    """
    for folder in (start, *start.parents, environment.parent):
        if (folder / "happyhorse_nb" / "_version.py").is_file() and (folder / "notebooks" / QUICKSTART).is_file():
            return folder / "notebooks"
    return None


def copy_to(folder: Path, *, only: str | None = None) -> None:
    """Copy the notebooks (or one of them) with their photos into a folder; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(notebooks().iterdir()):
        wanted = source.suffix != ".ipynb" or only in (None, source.name)
        if source.is_file() and wanted and not (folder / source.name).exists():
            shutil.copyfile(source, folder / source.name)
