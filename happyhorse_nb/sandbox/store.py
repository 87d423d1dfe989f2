"""The tasks on disk: a folder each, with its record, its first frame and its video."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from happyhorse_nb.sandbox.lock import FileLock
from happyhorse_nb.sandbox.task import Task
from happyhorse_nb.wire import is_task_id

#: What a server left half-made when it was killed is thrown away after this many seconds.
_STALE = 3600.0


class TaskStore:
    """A folder of tasks, which several servers may use at once.

    A task appears and disappears whole, by a rename, and so does every new version of its record and its video. Only
    the holder of a task's lock renders it. No key is ever written here.
    """

    def __init__(self, folder: Path, *, keep: float) -> None:
        self._tasks = folder / "tasks"
        self._keep = keep
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tasks.mkdir(mode=0o700, exist_ok=True)

    def add(self, task: Task, first_frame: bytes | None) -> None:
        """Put a new task on disk, with its first frame unless that is still to be fetched. Raises OSError."""
        making = self._tasks / f".new-{task.id}"
        making.mkdir(mode=0o700)
        _write(making / "task.json", json.dumps(task.to_json()).encode())
        if first_frame is not None:
            _write(making / "first_frame", first_frame)
        making.rename(self._tasks / task.id)

    def get(self, task_id: str) -> Task | None:
        """The task of that id, None where there is none or it has expired."""
        # An id comes from an address: one that could leave the folder, or name a half-made task, is no id.
        if not is_task_id(task_id):
            return None
        try:
            task = Task.from_json(json.loads(self._file(task_id, "task.json").read_bytes()))
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        return None if task.id != task_id or task.expired(time.time(), self._keep) else task

    def all(self) -> Iterator[Task]:
        """Every task that has not expired."""
        for name in sorted(path.name for path in self._tasks.iterdir()):
            task = self.get(name)
            if task is not None:
                yield task

    def save(self, task: Task) -> None:
        """Write a task's record anew; only for the holder of its lock. Raises OSError."""
        _write(self._file(task.id, "task.json"), json.dumps(task.to_json()).encode())

    def save_first_frame(self, task: Task, data: bytes) -> None:
        """Keep a fetched first frame; only for the holder of the task's lock. Raises OSError."""
        _write(self._file(task.id, "first_frame"), data)

    def first_frame(self, task: Task) -> bytes:
        """The first frame. Raises OSError when it is not there."""
        return self._file(task.id, "first_frame").read_bytes()

    def video(self, task: Task) -> Path:
        """Where the finished video is, or will be."""
        return self._file(task.id, "video.mp4")

    def lock(self, task_id: str) -> FileLock:
        """The lock for rendering a task."""
        return FileLock(self._file(task_id, "lock"))

    def sweep(self) -> None:
        """Remove what has expired, and what was left half-made. Another server may be doing the same."""
        now = time.time()
        for path in list(self._tasks.iterdir()):
            try:
                if path.name.startswith("."):
                    if now - path.stat().st_mtime > _STALE:
                        shutil.rmtree(path)
                elif Task.from_json(json.loads((path / "task.json").read_bytes())).expired(now, self._keep):
                    going = path.rename(self._tasks / f".old-{secrets.token_hex(6)}")
                    shutil.rmtree(going)
            except (OSError, ValueError, TypeError, AttributeError):
                continue

    def _file(self, task_id: str, name: str) -> Path:
        return self._tasks / task_id / name


def _write(path: Path, data: bytes) -> None:
    """A whole file or none: written beside its name and renamed into place."""
    making = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(making, "wb", opener=_private) as file:
        file.write(data)
    making.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
