"""A job that another kernel watches, shown here as it goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from happyhorse_nb.errors import LedgerError
from happyhorse_nb.jobs import outcome
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.track import ended
from happyhorse_nb.ledger import Ledger, Presence, Record

#: Seconds between two looks into the ledger.
_LOOK = 1.0


async def follow(job: Job, ledger: Ledger, presence: Presence) -> Record | None:
    """Publish what the kernel that watches a job writes into the ledger, until the job has ended here or there.

    Returns the job's row when that kernel has died and somebody else has to go on with it.
    """
    known = job.record.snapshot
    while not job.done():
        try:
            record = ledger.look_at(job.id)
        except LedgerError as problem:
            job.publish(ended(outcome.stopped(job.snapshot, outcome.sentence(str(problem)))))
            return None
        if record is None:
            job.publish(ended(outcome.stopped(job.snapshot, "It is not in the ledger any more.")))
            return None
        if record.snapshot != known:
            known = record.snapshot
            job.publish(replace(known, progress=job.snapshot.progress))
        elif not presence.alive(record.owner):
            # Only when its last words have been read: a kernel may finish a job and end between two looks.
            return record
        else:
            await asyncio.sleep(_LOOK)
    return None
