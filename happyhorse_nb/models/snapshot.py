"""What is known of a job at one moment: its status, its cost, its progress. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any


class Status(StrEnum):
    """Where a job stands. ``str(status)`` is the plain word, the same in Python, the ledger and the tables."""

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
        """True when nothing more happens by itself. A stopped or unknown job may still have a task on the server."""
        return not self.running

    @property
    def running(self) -> bool:
        """True while this job is on its way to a video."""
        return self in _RUNNING

    @property
    def on_server(self) -> bool:
        """True while the server holds the task and has not finished it, as far as is known."""
        return self in (Status.PENDING, Status.PROCESSING)


_RUNNING = frozenset({Status.QUEUED, Status.SUBMITTING, Status.PENDING, Status.PROCESSING, Status.DOWNLOADING})


@dataclass(frozen=True, order=True)
class Cost:
    """An amount in USD, and whether the server has billed it.

    ``float(cost)`` is the amount. ``str(cost)`` says which of the two it is: ``about $0.70`` or ``$0.70``. The API
    names no price before a task is done, so what stands there before is an estimate from list prices.
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
    """What was done to a request, as one sentence; those that are empty say nothing."""
    return "; ".join(note for note in notes if note)


@dataclass(frozen=True)
class Progress:
    """An honest guess of how far a running job is.

    ``fraction`` is 0 to 1 and reaches 1 only at the end; ``elapsed`` and ``left`` are seconds, ``left`` is None while
    there is nothing to go by, and once a task takes longer than such tasks do.
    ``size`` is the bytes of the video that comes now, None while none does.
    """

    fraction: float = 0.0
    elapsed: float = 0.0
    left: float | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Snapshot:
    """A frozen picture of a job; every change of a job is a new one.

    ``wire.parse`` fills in what a server says; the jobs layer adds the rest. Times are Unix seconds, ``took`` is
    seconds, ``size`` is bytes, ``width`` and ``height`` are pixels.
    """

    status: Status
    id: str = ""
    task_id: str | None = None
    model: str = ""
    prompt: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    #: The server's own word, where it is not one of those the API documents.
    said: str = ""
    #: What the server or we have to say about this state, one sentence of plain text.
    message: str = ""
    #: What the user can do about it, one sentence of plain text.
    remedy: str = ""
    created: float = 0.0
    submitted: float | None = None
    ended: float | None = None
    took: float | None = None
    cost: Cost | None = None
    expires_at: float | None = None
    width: int | None = None
    height: int | None = None
    #: A signed link is a secret: whoever has it has the video. So it is in no repr, log or ledger.
    video_url: str | None = field(default=None, repr=False)
    path: Path | None = None
    size: int | None = None
    #: The variable the job is bound to, if any.
    name: str | None = None
    #: What was done so that the request could be sent (an image scaled, a prompt cut), one sentence of plain text.
    note: str = ""
    #: Place in the queue, 1 for the next one; None when not queued.
    position: int | None = None
    #: Made by an earlier request that equals this one, so nothing was bought now.
    reused: bool = False
    #: The server gave this request the task of an earlier one, so its cost is counted there.
    shared: bool = False
    #: Stopped because the user asked for it. Not in the ledger.
    by_user: bool = False
    #: Made on a local sandbox: no real money.
    sandbox: bool = False
    progress: Progress = Progress()

    def __repr__(self) -> str:
        # A user's callback prints it at every change: most fields are empty most of the time.
        told = {"status": str(self.status)}
        told |= {one.name: value for one in fields(self)[1:] if one.repr and (value := getattr(self, one.name))}
        if self.progress == Progress():
            del told["progress"]
        return f"Snapshot({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def merged(self, read: Snapshot) -> Snapshot:
        """This job with what the server has just said; what it left out stays as it was known."""
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
        """Whether it is not watched any more, and the server never had it."""
        return self.status == Status.STOPPED and self.task_id is None and self.submitted is None

    @property
    def charge(self) -> Cost | None:
        """What this state costs: $0.00 where nothing is charged, else the bill, before that the estimate."""
        return self.cost if self.charged else Cost(Decimal(0), billed=True)

    @property
    def charged(self) -> bool:
        """Whether this state costs money, or may: what was cancelled, refused, failed, never sent, or is counted with
        another job does not."""
        if self.shared:
            return False
        free = self.status in (Status.CANCELLED, Status.REFUSED, Status.FAILED) or self.unsent
        # Documented so. If a server bills one all the same, that is what must be seen.
        return not free or (self.cost is not None and self.cost.billed and self.cost.amount > 0)

    @property
    def short_id(self) -> str:
        """The piece of an id that names this job in commands and file names, from its first to its last day.

        Our own id's: it is there before the server gives one, and the server's may all begin alike. A snapshot that no
        job is behind, as the client's, has the server's only.
        """
        return (self.id or self.task_id or "").removeprefix("task-")[:8]
