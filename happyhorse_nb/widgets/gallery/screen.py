"""Where a poster plays: one output that the tiles take turns with, so that one video at a time is loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from happyhorse_nb import render
from happyhorse_nb.job import Job
from happyhorse_nb.models import Snapshot
from happyhorse_nb.settings import served


class Live:
    """Listens to the jobs that run in this kernel. Those of others stand as they were last written down."""

    def __init__(self, tell: Callable[[Snapshot], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._last = -1.0
        self._undo: list[Callable[[], None]] = []

    def follow(self, jobs: Sequence[Job]) -> None:
        """Listen to these from now on, and to no others."""
        for undo in self._undo:
            undo()
        self._undo = [job.subscribe(self._heard) for job in jobs if not job.done()]

    def _heard(self, snapshot: Snapshot) -> None:
        now = self._clock()
        if snapshot.status.running and now - self._last < 1.0:
            return
        self._last = now
        self._tell(snapshot)


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
