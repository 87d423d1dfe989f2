"""What is known of a job at one moment: status, cost, progress. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from happyhorse_nb.models.video import VideoInfo


class Status(StrEnum):
    """Where a job stands. ``str(status)`` is the plain word, in Python, the ledger and the tables."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    PENDING = "pending"
    PROCESSING = "processing"
    DOWNLOADING = "downloading"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself. A stopped or unknown job may still have a task on the server."""
        return not self.running

    @property
    def running(self) -> bool:
        """Whether this job is on its way to a video."""
        return self in _RUNNING

    @property
    def on_server(self) -> bool:
        """Whether the server has the task and has not finished it, as far as is known."""
        return self in (Status.PENDING, Status.PROCESSING)


_RUNNING = frozenset({Status.QUEUED, Status.SUBMITTING, Status.PENDING, Status.PROCESSING, Status.DOWNLOADING})


@dataclass(frozen=True, order=True)
class Cost:
    """An amount in USD, and whether the server has billed it.

    ``float(cost)`` is the amount; ``str(cost)`` is ``$0.70`` for a bill and ``about $0.70`` for an estimate from list
    prices, as the API names no price before a task is done.
    """

    amount: Decimal
    billed: bool = False

    def __float__(self) -> float:
        return float(self.amount)

    def __str__(self) -> str:
        return self.dollars if self.billed else f"about {self.dollars}"

    @property
    def dollars(self) -> str:
        """The amount alone, such as ``$0.70``."""
        return f"${self.amount:.2f}"


def join_notes(*notes: str) -> str:
    """Several notes as one sentence, without the empty ones."""
    return "; ".join(note for note in notes if note)


@dataclass(frozen=True)
class Progress:
    """An honest guess of how far a running job is.

    ``fraction`` is 0 to 1 and reaches 1 only at the end; ``elapsed`` and ``left`` are seconds, ``left`` is None while
    there is nothing to go by, and when a task takes longer than usual. ``size`` is the bytes of a video that is being
    downloaded, else None.
    """

    fraction: float = 0.0
    elapsed: float = 0.0
    left: float | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Snapshot:
    """A frozen picture of a job; every change makes a new one.

    ``wire.parse`` fills in what a server says. Times are Unix seconds, ``took`` is seconds, ``size`` is bytes,
    ``width`` and ``height`` are pixels.
    """

    status: Status
    id: str = ""
    task_id: str | None = None
    model: str = ""
    prompt: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    #: The server's word for the status, if it is not a documented one.
    said: str = ""
    #: What there is to say about this status, as one sentence of plain text.
    message: str = ""
    #: What the user can do about it, as one sentence of plain text.
    remedy: str = ""
    created: float = 0.0
    submitted: float | None = None
    ended: float | None = None
    took: float | None = None
    cost: Cost | None = None
    expires_at: float | None = None
    width: int | None = None
    height: int | None = None
    #: A secret: whoever has the signed link has the video. It is in no repr, log or ledger.
    video_url: str | None = field(default=None, repr=False)
    path: Path | None = None
    size: int | None = None
    #: The variable the job is bound to, if any.
    name: str | None = None
    #: What was changed so that the request could be sent (an image scaled, a prompt cut), as one sentence.
    note: str = ""
    #: Position in the queue, 1 for the next one; None when not queued.
    position: int | None = None
    #: Made by an earlier, equal request, so nothing was bought.
    reused: bool = False
    #: The server gave this request the task of an earlier one, which counts the cost.
    shared: bool = False
    #: Stopped by the user. Not in the ledger.
    by_user: bool = False
    #: Made on a local sandbox: no real money.
    sandbox: bool = False
    progress: Progress = Progress()
    #: What its file holds: read from it when it is shown, and not in the ledger.
    video: VideoInfo | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        # Short, as users print it in callbacks: most fields are empty most of the time.
        told = {"status": str(self.status)}
        told |= {one.name: value for one in fields(self)[1:] if one.repr and (value := getattr(self, one.name))}
        if self.progress == Progress():
            del told["progress"]
        return f"Snapshot({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def merged(self, read: Snapshot) -> Snapshot:
        """This job with what the server has just said; what it left out stays."""
        return replace(
            self,
            status=read.status,
            said=read.said,
            message=read.message,
            took=read.took if read.took is not None else self.took,
            cost=read.cost or self.cost,
            expires_at=read.expires_at or self.expires_at,
            width=read.width or self.width,
            height=read.height or self.height,
            video_url=read.video_url or self.video_url,
        )

    @property
    def unsent(self) -> bool:
        """Whether it was stopped, and the server never had it."""
        return self.status == Status.STOPPED and self.task_id is None and self.submitted is None

    @property
    def charge(self) -> Cost | None:
        """The cost of this status: $0.00 where nothing is charged, else the bill, else the estimate."""
        return self.cost if self.charged else Cost(Decimal(0), billed=True)

    @property
    def charged(self) -> bool:
        """Whether it costs money, or may: not if cancelled, refused, failed, never sent, or counted elsewhere."""
        if self.shared:
            return False
        free = self.status in (Status.CANCELLED, Status.REFUSED, Status.FAILED) or self.unsent
        # So the documents. If a server bills one all the same, the user must see that.
        return not free or (self.cost is not None and self.cost.billed and self.cost.amount > 0)

    @property
    def short_id(self) -> str:
        """The piece of an id that names this job in commands and file names, and never changes.

        Of our own id, which exists first, as the server's may all begin alike. The client's snapshots have only the
        server's.
        """
        return (self.id or self.task_id or "").removeprefix("task-")[:8]
