"""One task, as it is kept on disk."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from typing import Any

from happyhorse_nb.sandbox.prices import price

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
        return Decimal(0) if self.error else price(self.resolution, self.duration)

    def to_json(self) -> dict[str, Any]:
        """The task as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """The task that such data describes. Raises TypeError when something is missing."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})
