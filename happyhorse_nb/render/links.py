"""A file as a person reads it, and as an address that works from the notebook."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from happyhorse_nb.render.units import plain


def link(path: Path, start: Path) -> tuple[str, str]:
    """What to show and what to link to: relative to ``start``, the notebook's folder, where that is possible."""
    try:
        relative = Path(os.path.relpath(path.absolute(), start.absolute())).as_posix()
    except ValueError:  # another drive: no relative path leads there
        return shown(path), path.absolute().as_uri()
    return (shown(path) if relative.startswith("../") else plain(relative, 300)), quote(relative)


def shown(path: Path) -> str:
    """The path as one line of plain text."""
    return plain(str(path), 4096)
