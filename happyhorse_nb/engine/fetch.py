"""Bringing a finished video to disk; only then is its job done."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from happyhorse_nb.engine.track import Arrival, Track
from happyhorse_nb.errors import ConfigError, DownloadError, RateLimited
from happyhorse_nb.job import outcome
from happyhorse_nb.models import Snapshot, Status, join_notes
from happyhorse_nb.settings import home, nameable, video_folder, video_name
from happyhorse_nb.wire import text

if TYPE_CHECKING:
    from happyhorse_nb.client import VideoInfo

#: Tries in vain after which the card says so.
_A_FEW = 2


async def fetch(track: Track) -> None:
    """Download the video, or end the job as stopped: it is paid for and can be taken up again. Raises `Stopped`."""
    arrival = track.arrival = Arrival()
    most = 0

    def came(have: int, total: int | None) -> None:
        nonlocal most
        arrival.count(have, total)
        if have > most and track.now.message:
            track.quietly(replace(track.now, message=""))
        most = max(most, have)

    try:
        target, note = _target(track)
        info, path = await track.unless_stopped(
            track.client.bring(
                track.now,
                target,
                renew=partial(_fresh, track),
                # One watcher alone fetches a job's video, so what a killed one has left is found under this name.
                part=track.now.id,
                patience=track.settings.fetch_patience,
                on_bytes=came,
            )
        )
        size = path.stat().st_size
    except (DownloadError, OSError) as problem:
        await track.end(outcome.ready(track.now, problem))
        return
    made = _made(track.now, path, size, info)
    await track.end(replace(made, note=join_notes(made.note, note)))


def _made(now: Snapshot, target: Path, size: int, info: VideoInfo) -> Snapshot:
    took = now.took if now.took is not None else max(0.0, time.time() - (now.submitted or now.created))
    return replace(
        now,
        status=Status.DONE,
        path=target,
        size=size,
        width=info.width,
        height=info.height,
        took=took,
        video_url=None,
        message="",
        remedy="",
    )


async def _fresh(track: Track, why: str, vain: int) -> str | None:
    """The link as the task has it now. Raises `APIError` and `TransportError`."""
    task_id = track.now.task_id
    assert task_id is not None, "a finished task has an id"
    if vain > _A_FEW:
        track.quietly(replace(track.now, message=f"The video cannot be downloaded yet: {why}; trying again."))
    # The video is made: nothing that is read now is more urgent. (A stop cuts the whole of the fetch short, this too.)
    await track.office.pace.take(lambda: math.inf)
    try:
        read = await track.client.read(task_id)
    except RateLimited as limited:
        track.office.pace.allowance.refused(track.told(limited, max(1, vain)))
        raise
    # Of a task that was done, no more than this can be news; another word of the server's is an error of its.
    link, expires_at = read.video_url or track.now.video_url, read.expires_at or track.now.expires_at
    track.quietly(replace(track.now, video_url=link, expires_at=expires_at))
    return read.video_url


def _target(track: Track) -> tuple[Path, str]:
    """The file that was asked for, else one named for its date, prompt and job; and a note.

    The video is paid for: where the file that was asked for cannot be written, it goes to the folder for videos.
    """
    now, wished = track.now, track.job.record.target
    name = video_name(now.created, now.prompt, now.id)
    with suppress(OSError):
        if wished.is_dir() or wished.suffix != ".mp4":
            return wished / name, ""
    if _can_be_written(wished):
        return wished, ""
    with suppress(ConfigError):
        folder = video_folder(track.settings.folder, fallback=home(make=False))
        note = f"{text(str(wished))[-200:]} could not be written, so the video is in {folder}"
        return folder / name, note
    return wished, ""


def _can_be_written(file: Path) -> bool:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError):
        return False
    return nameable(file)
