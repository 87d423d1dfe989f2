"""Bringing a finished video to disk; only then is its job done."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from happyhorse_nb.errors import (
    APIError,
    ConfigError,
    DownloadError,
    NotFound,
    RateLimited,
    ServerError,
    TransportError,
)
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.arrival import Arrival
from happyhorse_nb.jobs.track import Track
from happyhorse_nb.models import Snapshot, Status, join_notes
from happyhorse_nb.settings import home, nameable, video_folder, video_name
from happyhorse_nb.wire import text

if TYPE_CHECKING:
    from happyhorse_nb.client import VideoInfo

#: A link that was turned down is read anew this often, and so often a file name that was taken meanwhile is changed.
_TRIES = 3


async def fetch(track: Track) -> None:
    """Download the video, or end the job as stopped: it is paid for and can be taken up again. Raises `Stopped`."""
    tries = 0
    while True:
        tries += 1
        arrival = track.arrival = Arrival()
        try:
            target, note = _target(track)
            read = track.now if track.now.video_url else await _fresh(track)
            info = await track.unless_stopped(
                track.client.download(
                    read,
                    target,
                    on_bytes=arrival.count,
                    patience=track.settings.fetch_patience,
                    # One watcher alone fetches a job's video, so what a killed one has left is found under this name.
                    part=track.now.id,
                )
            )
            size = target.stat().st_size
        except NotFound:
            await track.end(outcome.expired(track.now, by_id=not track.job.record.request))
            return
        except (DownloadError, APIError, TransportError, OSError) as problem:
            if tries < _TRIES and isinstance(problem, DownloadError):
                if problem.refused:
                    track.quietly(replace(track.now, video_url=None))
                    await track.pause(track.backoff(tries))
                    continue
                if target.exists():
                    # Somebody was faster with that name: another one.
                    continue
            await track.end(outcome.ready(track.now, problem))
            return
        made = _made(track.now, target, size, info)
        await track.end(replace(made, note=join_notes(made.note, note)))
        return


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


async def _fresh(track: Track) -> Snapshot:
    """The task read again, for a link that works."""
    task_id = track.now.task_id
    assert task_id is not None, "a finished task has an id"
    began, tries = time.monotonic(), 0
    while True:
        # The video is made: nothing that is read now is more urgent.
        await track.turn(lambda: math.inf)
        try:
            read = await track.unless_stopped(track.client.read(task_id))
        except NotFound:
            if track.gone():
                raise
            tries += 1
            await track.pause(track.backoff(tries))
        except (RateLimited, ServerError, TransportError) as problem:
            tries += 1
            wait = track.told(problem, tries) if isinstance(problem, RateLimited) else track.backoff(tries)
            if time.monotonic() - began + wait > track.settings.fetch_patience:
                raise
            await track.pause(wait)
        else:
            track.known()
            # Of a task that was done, no more than this can be news; another word of the server's is an error of its.
            expires_at = read.expires_at or track.now.expires_at
            track.quietly(replace(track.now, video_url=read.video_url, expires_at=expires_at))
            return track.now


def _target(track: Track) -> tuple[Path, str]:
    """A file that does not exist yet: the one asked for, else one named for its date, prompt and task; and a note.

    The video is paid for: where the file that was asked for cannot be written, it goes to the folder for videos.
    """
    now, wished = track.now, track.job.record.target
    with suppress(OSError):
        if wished.is_dir() or wished.suffix != ".mp4":
            return _free(wished / video_name(now.created, now.prompt, now.short_id)), ""
    if _can_be_written(wished):
        return _free(wished), ""
    with suppress(ConfigError):
        folder = video_folder(track.settings.folder, fallback=home(make=False))
        note = f"{text(str(wished))[-200:]} could not be written, so the video is in {folder}"
        return _free(folder / video_name(now.created, now.prompt, now.short_id)), note
    return wished, ""


def _free(first: Path) -> Path:
    file = first
    for number in range(2, 1000):
        if not file.exists():
            break
        file = first.with_name(f"{first.stem} ({number}).mp4")
    return file


def _can_be_written(file: Path) -> bool:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError):
        return False
    return nameable(file)
