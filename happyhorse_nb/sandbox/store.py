"""The tasks on disk: a folder each, with its record, its inputs and its video."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from filelock import FileLock

from happyhorse_nb.models import MODELS
from happyhorse_nb.wire import is_task_id

#: The part of a task's time that it spends as ``pending``.
PENDING_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class Task:
    """A request and what came of it. Times are Unix seconds.

    The status follows from these and the clock, so nothing is written when it changes with time alone, and it is right
    after a server was away.
    """

    model: str
    prompt: str
    resolution: str
    duration: int
    seed: int
    #: When it was accepted, and how many seconds it takes at least.
    created: float
    seconds: float
    id: str = field(default_factory=lambda: f"task-{secrets.token_hex(6)}")
    #: Gives access to the file, as in a signed link.
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    ratio: str = ""
    audio: str = ""
    #: The addresses of the inputs that are not fetched yet, by their files' names.
    addresses: dict[str, str] = field(default_factory=dict, repr=False)
    #: The length (seconds) of the video that is edited, once it is known.
    footage: float | None = None
    #: When the rendering ended; it failed where ``error`` is not empty.
    ended: float | None = None
    error: str = ""
    #: The video's size in pixels.
    width: int = 0
    height: int = 0

    @property
    def finished(self) -> float | None:
        """When the task ends for the client; None while that is not known yet."""
        return None if self.ended is None else max(self.ended, self.created + self.seconds)

    def status(self, now: float) -> str:
        """The API's status at that time."""
        if self.finished is not None and now >= self.finished:
            return "failed" if self.error else "success"
        return "pending" if now < self.created + PENDING_SHARE * self.seconds else "processing"

    def active(self, now: float) -> bool:
        """Whether it counts as running at that time."""
        return self.status(now) in ("pending", "processing")

    def expired(self, now: float, keep: float) -> bool:
        """Whether it ended ``keep`` seconds ago or earlier."""
        return self.finished is not None and now >= self.finished + keep

    def amount(self) -> Decimal:
        """What it costs in play money, USD: nothing if it failed, nor for a model that is not in the table."""
        model = MODELS.get(self.model)
        if self.error or model is None:
            return Decimal(0)
        seconds = model.seconds_billed(self.duration, self.footage)
        return (model.prices.get(self.resolution, Decimal(0)) * seconds).quantize(Decimal("0.0001"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """The task with these fields; unknown ones are ignored. Raises TypeError when one is missing."""
        known = {f.name for f in fields(cls)}
        if url := data.get("image_url"):
            # Older records have this for the one address that there could be.
            data = {**data, "addresses": {"first_frame": url}}
        return cls(**{name: value for name, value in data.items() if name in known})


#: Seconds after which the files of an interrupted write are removed.
_STALE = 3600.0


class TaskStore:
    """A folder of tasks, which several servers may use at once.

    Tasks, records and videos are written beside their names and renamed, so each appears complete. Only the holder of
    a task's lock renders it. No key is ever written here.
    """

    def __init__(self, folder: Path, *, keep: float) -> None:
        self._tasks = folder / "tasks"
        self._keep = keep
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tasks.mkdir(mode=0o700, exist_ok=True)

    def add(self, task: Task, inputs: Mapping[str, bytes]) -> None:
        """Write a new task, with its inputs but those that are still to be fetched. Raises OSError."""
        making = self._tasks / f".new-{task.id}"
        making.mkdir(mode=0o700)
        write_private(making / "task.json", json.dumps(asdict(task)).encode())
        for name, data in inputs.items():
            write_private(making / name, data)
        making.rename(self._tasks / task.id)

    def get(self, task_id: str) -> Task | None:
        """The task of that id, None where there is none or it has expired."""
        # The id comes from a request: it must neither leave the folder nor name an unfinished task.
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
        """Write a task's record; only for the holder of its lock. Raises OSError."""
        write_private(self._file(task.id, "task.json"), json.dumps(asdict(task)).encode())

    def save_input(self, task: Task, name: str, data: bytes) -> None:
        """Write a fetched input; only for the holder of the task's lock. Raises OSError."""
        write_private(self.input(task, name), data)

    def input(self, task: Task, name: str) -> Path:
        """Where an input is, or will be."""
        return self._file(task.id, name)

    def video(self, task: Task) -> Path:
        """Where the finished video is, or will be."""
        return self._file(task.id, "video.mp4")

    def lock(self, task_id: str) -> FileLock:
        """The lock for rendering a task. Acquiring it raises Timeout while another server has it."""
        return FileLock(self._file(task_id, "lock"), timeout=0, mode=0o600, thread_local=False)

    def sweep(self) -> None:
        """Remove what has expired or was left unfinished. Another server may do the same at once."""
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


def write_private(path: Path, data: bytes) -> None:
    """Write a private file under another name and rename it, so that it is never seen half-written."""
    making = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(making, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    making.replace(path)
