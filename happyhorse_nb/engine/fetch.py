"""Downloads a finished video, after which its job is done; copies its file, or moves it into the trash."""

from __future__ import annotations

import filecmp
import math
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from happyhorse_nb.client.files import into_place, names
from happyhorse_nb.errors import ConfigError, DownloadError, InvalidRequest, RateLimited
from happyhorse_nb.job import outcome
from happyhorse_nb.job.job import Job
from happyhorse_nb.job.request import EXISTS, unsavable
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import Progress, Snapshot, Status, join_notes
from happyhorse_nb.settings import home, nameable, video_folder, video_name
from happyhorse_nb.settings.process import at_disk
from happyhorse_nb.wire import text

if TYPE_CHECKING:
    from happyhorse_nb.engine.task import JobTask
    from happyhorse_nb.store import Presence

#: Failed tries after which the card says so.
_QUIET_TRIES = 2


class DownloadProgress:
    """How much of a video has come. ``total`` is its size in bytes, None where the server does not say."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.have = 0
        self.total: int | None = None
        self._clock = clock
        self._began = clock()
        self._first: int | None = None

    def count(self, have: int, total: int | None) -> None:
        """``have`` bytes are there."""
        if self._first is None or have < self._first:
            # The first bytes, or a new beginning: the pace is measured from here.
            self._first, self._began = have, self._clock()
        self.have, self.total = have, total

    def progress(self, elapsed: float) -> Progress:
        """How far it is, and how long it takes at this pace; ``elapsed`` is the task's age in seconds."""
        if not self.total or self._first is None:
            return Progress(elapsed=elapsed)
        came, seconds = self.have - self._first, self._clock() - self._began
        left = (self.total - self.have) * seconds / came if came > 0 and seconds > 0 else None
        return Progress(fraction=min(1.0, self.have / self.total), elapsed=elapsed, left=left, size=self.total)


async def fetch(task: JobTask) -> Snapshot:
    """Download the video; the job's end: done, or stopped where it cannot be had now (and can be taken up again).

    Raises `Stopped`.
    """
    download = task.download = DownloadProgress()
    most = 0

    def came(have: int, total: int | None) -> None:
        nonlocal most
        download.count(have, total)
        if have > most and task.now.message:
            task.quietly(replace(task.now, message=""))
        most = max(most, have)

    async def renew(why: str, failed: int) -> str | None:
        return await _fresh_link(task, why, failed)

    try:
        target, note = await _target(task)
        info, path = await task.stopping.unless_stopped(
            task.client.bring(
                task.now,
                target,
                renew=renew,
                part=await _part(task, target),
                patience=task.settings.fetch_patience,
                on_bytes=came,
            )
        )
        size = path.stat().st_size
    except (DownloadError, OSError) as problem:
        return outcome.ready(task.now, problem)
    now = task.now
    return replace(
        now,
        status=Status.DONE,
        path=path,
        size=size,
        width=info.width,
        height=info.height,
        took=now.took if now.took is not None else max(0.0, time.time() - (now.submitted or now.created)),
        video_url=None,
        message="",
        remedy="",
        note=join_notes(now.note, note),
    )


async def _fresh_link(task: JobTask, why: str, failed: int) -> str | None:
    """The link that the task has now. Raises `APIError` and `TransportError`."""
    task_id = task.now.task_id
    assert task_id is not None, "a finished task has an id"
    if failed > _QUIET_TRIES:
        task.quietly(replace(task.now, message=f"The video cannot be downloaded yet: {why}; trying again."))
    # The video is made, so no read is more urgent. (A stop cuts all of the fetch short.)
    await task.limits.scheduler.take(lambda: math.inf)
    try:
        read = await task.client.read(task_id)
    except RateLimited as limited:
        task.limits.limiter.refused(limited.retry_after or task.backoff(max(1, failed)))
        raise
    # Only the link can be news of a task that is done; any other state is an error of the server.
    link, expires_at = read.video_url or task.now.video_url, read.expires_at or task.now.expires_at
    task.quietly(replace(task.now, video_url=link, expires_at=expires_at))
    return read.video_url


async def _part(task: JobTask, target: Path) -> str:
    """The name of the unfinished file, under which what a killed process left is found: one process fetches a job."""
    name = task.now.id
    if not task.state.record.lost:
        return name
    # Its row stays done and says nothing of this, so several may fetch it at once.
    await at_disk(_remove_left, target.parent, name, task.presence)
    return f"{name}.{task.presence.id}"


def _remove_left(folder: Path, job_id: str, presence: Presence) -> None:
    for half in folder.glob(f"*.{job_id}.*.part"):
        if not presence.alive(half.suffixes[-2].removeprefix(".")):
            with suppress(OSError):
                half.unlink()


async def _target(task: JobTask) -> tuple[Path, str]:
    """The file that was asked for, else one named after date, prompt and job; and a note."""
    wished, name = task.state.record.target, video_name(task.now.created, task.now.prompt, task.now.id)
    if wished.suffix != ".mp4":
        return wished / name, ""
    return await task.stopping.unless_stopped(at_disk(_writable, wished, name, task.settings.folder))


def _writable(wished: Path, name: str, folder: str) -> tuple[Path, str]:
    """Where the file that was asked for cannot be written, a paid video goes to the folder for videos."""
    with suppress(OSError):
        if wished.is_dir():
            return wished / name, ""
    if _can_be_written(wished):
        return wished, ""
    with suppress(ConfigError):
        usual = video_folder(folder, fallback=home(make=False))
        note = f"{text(str(wished))[-200:]} could not be written, so the video is in {usual}"
        return usual / name, note
    return wished, ""


def _can_be_written(file: Path) -> bool:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError):
        return False
    return nameable(file)


def copy_of(job: Job, wished: Path) -> None:
    """Copy a finished job's video to ``wished``, unless the video or a copy of it is there already, or will be.

    Raises `InvalidRequest` when another file is there, when there is no video yet, or when it cannot be written.
    """
    snapshot, made = job.snapshot, job.path
    if state_of(job).record.target == wished and (snapshot.status.running or made == wished):
        return
    if snapshot.status != Status.DONE or made is None:
        raise InvalidRequest(
            f"save: an equal request is {snapshot.status} as {snapshot.short_id}, and its file has another name",
            remedy="Leave `--save` out to follow it.",
            param="save",
        )
    # A name of its own, as the user may have a file of any name, and another kernel may copy to the same one.
    half = wished.with_name(f"{wished.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        if not wished.exists():
            shutil.copyfile(made, half)
            into_place(half, [wished])
            return
    except FileExistsError:
        # It has appeared while the video was copied.
        pass
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise unsavable(wished, f"cannot be written: {reason}") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    with suppress(OSError):
        # A copy will do: the cell that asked for it has run again.
        if wished.samefile(made) or filecmp.cmp(wished, made, shallow=False):
            return
    raise unsavable(wished, EXISTS)


#: Hidden, as file managers' trash is: JupyterLab neither lists nor serves what is in it.
FOLDER = ".trash"


def throw_away(path: Path) -> Path:
    """Move a video into the trash beside it; returns where it is now. Raises `InvalidRequest`."""
    try:
        folder = path.parent / FOLDER
        folder.mkdir(exist_ok=True)
        # Never across devices, where it would be a copy that a full disk can cut short.
        return _moved(path, names(folder / path.name))
    except OSError as problem:
        why = (problem.strerror or type(problem).__name__).lower()
        raise InvalidRequest(
            f"{path.name} cannot be moved into {path.parent / FOLDER}: {why}; nothing was forgotten",
            remedy="Forget it without the trash, and the file stays.",
            param="trash",
        ) from None


def bring_back(thrown: Path, path: Path) -> None:
    """Undo `throw_away`, if the name is still free."""
    with suppress(OSError):
        _moved(thrown, [path])


def _moved(file: Path, targets: Iterable[Path]) -> Path:
    """Move a file to the first of these names that is free, and return it."""
    moved = into_place(file, targets)
    try:
        # It is a second name of the file; without hard links the first is gone, and may be another file's by now.
        with suppress(FileNotFoundError):
            if file.samefile(moved):
                file.unlink()
    except OSError:
        # It cannot be removed from where it was, so it must not be in both places.
        moved.unlink()
        raise
    return moved
