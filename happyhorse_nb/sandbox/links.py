"""Links to the sandbox's own files: read from disk where they lead to this folder, whichever port they name."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from happyhorse_nb.sandbox.media import MediaStore
from happyhorse_nb.sandbox.store import TaskStore

_OURS = re.compile(
    r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?/(files|media)/([^/?#]+)/([^/?#]+)\.[a-z0-9]+"
)


class Links:
    """Finds the files that links of this sandbox lead to."""

    def __init__(self, tasks: TaskStore, media: MediaStore) -> None:
        self._tasks = tasks
        self._media = media

    def find(self, url: str) -> Path | None:
        """The file at that address; None where it has to be asked for like any other."""
        match = _OURS.fullmatch(url)
        if match is None:
            return None
        kind, token, name = match.groups()
        if kind == "files":
            task = self._tasks.get(name)
            ready = task is not None and task.status(time.time()) == "success"
            return self._tasks.video(task) if task is not None and ready and _same(task.token, token) else None
        media = self._media.get(name)
        return self._media.file(media) if media is not None and _same(media.token, token) else None


def _same(token: str, other: str) -> bool:
    return secrets.compare_digest(token.encode(), other.encode())
