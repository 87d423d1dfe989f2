"""What a saved notebook shows to somebody who has no kernel."""

from __future__ import annotations

import base64
import re
from typing import Any

_WIDGET = "application/vnd.jupyter.widget-view+json"
_HIDDEN = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)
_VIDEO = re.compile(r"data:video/mp4;base64,([A-Za-z0-9+/=\s]+)")


def bundles(cell: Any) -> list[dict[str, Any]]:
    """The MIME bundles of a cell's outputs."""
    return [output["data"] for output in cell.get("outputs", ()) if "data" in output]


def videos(cell: Any) -> list[bytes]:
    """The videos that are embedded in a cell's outputs."""
    html = " ".join("".join(bundle.get("text/html", "")) for bundle in bundles(cell))
    return [base64.b64decode(data) for data in _VIDEO.findall(html)]


def visible(notebook: Any) -> str:
    """All words that the outputs show. A widget is none: without a kernel it is blank."""
    words: list[str] = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            words.append("".join(output.get("text", "")))
            words.append("\n".join(output.get("traceback", "")))
        html = ["".join(bundle.get("text/html") or bundle.get("text/plain", "")) for bundle in bundles(cell)]
        words.extend(_HIDDEN.sub(" ", words_and_tags) for words_and_tags in html)
    return " ".join(" ".join(words).split())


def widgets(notebook: Any) -> list[dict[str, Any]]:
    """The outputs that would be widgets, and so nothing at all without a kernel."""
    return [bundle for cell in notebook["cells"] for bundle in bundles(cell) if _WIDGET in bundle]
