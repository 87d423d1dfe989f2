"""The tasks on disk: a folder each, with its record, its first frame and its video."""

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


def price(model: str, resolution: str, duration: int) -> Decimal:
    """The price of a clip of that many seconds, in USD; of a model that there is no more, nothing."""
    prices = MODELS[model].prices if model in MODELS else {}
    return (prices.get(resolution, Decimal(0)) * duration).quantize(Decimal("0.0001"))


#: The part of a task's time that it spends as ``pending``.
PENDING_SHARE = 0.15


def new_task_id() -> str:
    """An id that no other task has."""
    return f"task-{secrets.token_hex(6)}"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What was asked for, and what has become of it. Times are Unix seconds.

    The state at any instant follows from these and the clock, so nothing has to be written when it changes by itself,
    and a server that was away for a while is right at once.
    """

    model: str
    prompt: str
    resolution: str
    duration: int
    seed: int
    #: When it was accepted, and how many seconds it takes at least.
    created: float
    seconds: float
    id: str = field(default_factory=new_task_id)
    #: Whoever knows it may have the file, as with a signed link.
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    #: Where the first frame is still to be fetched from.
    image_url: str | None = field(default=None, repr=False)
    #: When the rendering ended; it failed where ``error`` says something.
    ended: float | None = None
    error: str = ""
    #: The video's size in pixels.
    width: int = 0
    height: int = 0

    @property
    def finished(self) -> float | None:
        """When the task is over for whoever asks; None while that is not known yet."""
        return None if self.ended is None else max(self.ended, self.created + self.seconds)

    def status(self, now: float) -> str:
        """The API's word for the state at that time."""
        if self.finished is not None and now >= self.finished:
            return "failed" if self.error else "success"
        return "pending" if now < self.created + PENDING_SHARE * self.seconds else "processing"

    def active(self, now: float) -> bool:
        """Whether it counts as running at that time."""
        return self.status(now) in ("pending", "processing")

    def expired(self, now: float, keep: float) -> bool:
        """Whether it is over for longer than ``keep`` seconds."""
        return self.finished is not None and now >= self.finished + keep

    def amount(self) -> Decimal:
        """What it costs in play money, USD; a failed task costs nothing."""
        return Decimal(0) if self.error else price(self.model, self.resolution, self.duration)

    def to_json(self) -> dict[str, Any]:
        """The task as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """The task that such data describes. Raises TypeError when something is missing."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


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
        """The lock for rendering a task, of one server at a time; to acquire it while another has it raises Timeout."""
        return FileLock(self._file(task_id, "lock"), timeout=0, mode=0o600, thread_local=False)

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
