"""A ledger with many videos, for the gallery; also run in a kernel."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path

from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.models import Status
from happyhorse_nb.store import Frames, Ledger
from store.rows import framed, record


def fill(home: Path, count: int, *, photo: Path, folder: Path, mp4: bytes) -> None:
    """So many done jobs, the newest called ``video COUNT``; the newest five have their files and first frames."""
    home.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    data = photo.read_bytes()
    picture, frame = thumbnail(data), sha256(data).hexdigest()
    Frames(home).put(frame, data)
    ledger = Ledger(home)
    for number in range(1, count + 1):
        path = folder / f"video {number}.mp4"
        if number > count - 5:
            path.write_bytes(mp4)
        row = record(
            owner=None,
            id=f"job-{number:08}",
            status=Status.DONE,
            prompt=f"video {number} of <b>many</b>",
            created=time.time() - 60 * (count - number + 1),
            path=path,
            width=320,
            height=214,
        )
        ledger.add(framed(row, frame if number > count - 5 else "f" * 64, picture), reuse=False)
    ledger.close()
