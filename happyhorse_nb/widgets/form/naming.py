"""What a cell can call a first frame that has no name: a chosen file, an object."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from happyhorse_nb.images import FirstFrame
from happyhorse_nb.widgets.form.values import Picture

_ODD = re.compile(r"[^\w. -]")


def name_of(source: str | Picture, frame: FirstFrame, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    """The word for the first frame in a cell of this notebook, and what was done so that it holds, in words.

    A chosen file is written into the working folder, unless it is there, and never over another one; where that cannot
    be done it becomes a variable.
    """
    if isinstance(source, str):
        return _typed(source.strip(), namespace)
    for name, value in list(namespace.items()):
        if value is source.value and not name.startswith("_") and not Path(name).exists():
            return name, ""
    data = source.value if isinstance(source.value, bytes) else frame.data
    if data is None:
        return frame.url or "", ""
    suffix = Path(source.name).suffix or f".{(frame.info.format if frame.info else 'png').lower()}"
    stem = _ODD.sub("_", Path(source.name).stem)[:80].strip(" .-") or "first-frame"
    try:
        path, made = _file(data, stem, suffix)
    except OSError:
        return _variable(data, namespace)
    return path, f"The picture was saved as {path} beside the notebook." if made else ""


def _typed(text: str, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    if text.isprintable():
        return text, ""
    return _variable(text, namespace)


def _file(data: bytes, stem: str, suffix: str) -> tuple[str, bool]:
    for count in range(1, 1000):
        path = Path(f"{stem}{suffix}" if count == 1 else f"{stem} {count}{suffix}")
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return str(path), False
            continue
        return str(path), True
    raise OSError("a thousand files of that name")


def _variable(value: Any, namespace: MutableMapping[str, Any]) -> tuple[str, str]:
    name, count = "first_frame", 1
    while (name in namespace and namespace[name] != value) or Path(name).exists():
        count += 1
        name = f"first_frame_{count}"
    namespace[name] = value
    return name, f"The picture is in the variable {name}, as long as this kernel lives."
