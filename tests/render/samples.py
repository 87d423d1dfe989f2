"""Snapshots as the jobs layer makes them, one for every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from happyhorse_nb.models import Cost, Progress, Snapshot, Status

#: Half past four in the afternoon, on the local clock of whoever runs the tests.
NOW = datetime(2026, 11, 22, 16, 30).astimezone().timestamp()

RUNNING = Snapshot(
    status=Status.PROCESSING,
    id="h0192abcdef",
    task_id="task-8f31c2",
    model="happyhorse-1.0-i2v",
    prompt="The rocket lifts off; smoke rolls towards the camera",
    params={"duration": 5, "resolution": "720P", "seed": 7},
    created=NOW - 50,
    submitted=NOW - 48,
    cost=Cost(Decimal("0.70")),
    name="launch",
    progress=Progress(fraction=0.54, elapsed=48, left=40),
)

HOSTILE = "<script>alert(1)</script> \"'>&<img src=x onerror=alert(2)>\n\x1b[31m\u202eevil\r\n" + "a" * 5000


def sample(status: Status, **changes: Any) -> Snapshot:
    """A job in this state, with the fields that such a job has."""
    fields: dict[str, Any] = {"status": status}
    if status in (Status.QUEUED, Status.SUBMITTING, Status.CANCELLED, Status.REFUSED, Status.UNKNOWN):
        fields |= {"task_id": None}
    if status is Status.QUEUED:
        fields |= {"position": 3, "submitted": None, "progress": Progress(left=118)}
    if status is Status.DONE:
        fields |= {"took": 91.0, "cost": Cost(Decimal("0.70"), billed=True), "ended": NOW - 3600}
        fields |= {"width": 1184, "height": 790}
    if status is Status.FAILED:
        fields |= {"took": 6.0, "message": "The server says: prompt violates the content policy"}
    return replace(RUNNING, **(fields | changes))


def every_state() -> list[Snapshot]:
    """One job in each state, in the order in which a job goes through them."""
    return [sample(status) for status in Status]
