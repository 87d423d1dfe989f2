"""Where a poster plays: one output that the tiles take turns with, so that one video at a time is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from happyhorse_nb import render
from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import served

#: Smaller than any file: then a link stands in place of the bytes.
_NEVER = -1.0


class Screen:
    """``start`` is the notebook's folder, ``embed_limit`` the MB up to which a video is put into the page's memory."""

    def __init__(self, *, start: Path, embed_limit: float) -> None:
        import ipywidgets as widgets

        self._start = start
        self._embed_limit = embed_limit
        self.widget: Any = widgets.Output()
        self.widget.add_class("hh-screen")

    def play(self, snapshot: Snapshot) -> None:
        """Show the video of this job, playing."""
        linked = snapshot.path is not None and served(snapshot.path, self._start)
        limit = _NEVER if linked else self._embed_limit
        data = render.video(snapshot, embed_limit=limit, start=self._start, autoplay=True).data
        self.widget.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def clear(self) -> None:
        """Show nothing, and let the video go."""
        self.widget.outputs = ()
