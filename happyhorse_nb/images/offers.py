"""What may be a first frame: the images of a folder, and a user's variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
#: Names of types that can hold one; PIL's are known by their module.
_KINDS = ("str", "bytes", "ndarray", "Figure", "PosixPath", "WindowsPath")


def files(typed: str, endings: tuple[str, ...] = SUFFIXES) -> list[str]:
    """Folders and files with these endings, spelled as typed so far."""
    head, slash, _ = typed.rpartition("/")
    try:
        inside = sorted(Path(head + slash if slash else ".").expanduser().iterdir())
    except (OSError, RuntimeError, ValueError):
        return []
    found = []
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.append(f"{head}{slash}{path.name}/")
        elif path.suffix.lower() in endings:
            found.append(f"{head}{slash}{path.name}")
    return found


def variables(namespace: Mapping[str, Any], hidden: Collection[str] = ()) -> list[str]:
    """The variables that can hold an image."""
    return [
        name
        for name, value in list(namespace.items())
        if not name.startswith("_")
        and name not in hidden
        and (type(value).__name__ in _KINDS or type(value).__module__.startswith("PIL."))
    ]
