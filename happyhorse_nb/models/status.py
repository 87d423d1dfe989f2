"""The states a job goes through, in the order in which it does."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a job stands. ``str(status)`` is the plain word, the same in Python, the ledger and the tables."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    PENDING = "pending"
    PROCESSING = "processing"
    DOWNLOADING = "downloading"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        """True when nothing more happens by itself. A stopped or unknown job may still have a task on the server."""
        return self in _ENDED

    @property
    def running(self) -> bool:
        """True while this job is on its way to a video."""
        return not self.ended

    @property
    def on_server(self) -> bool:
        """True while the server holds the task and has not finished it, as far as is known."""
        return self in (Status.PENDING, Status.PROCESSING)


_ENDED = frozenset({Status.DONE, Status.REFUSED, Status.FAILED, Status.EXPIRED, Status.UNKNOWN, Status.STOPPED})
