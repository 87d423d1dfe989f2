"""What is known of a running task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """A task that has not ended as far as is known; ``age`` is the seconds since it was accepted.

    ``queued`` is its age when it was last seen `pending`, 0 when it never was; ``pending`` whether that was also the
    last that was heard of it.
    """

    age: float
    queued: float = 0.0
    pending: bool = False
