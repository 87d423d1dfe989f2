"""Which jobs a user means: one, several, or a piece of an id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.jobs.engine import engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.question import settled


def find(piece: str) -> Job:
    """The job with that piece of an id. Raises `JobNotFound`."""
    run = engine()
    return run.known(run.ledger.find(piece))


def jobs_of(verb: str, named: Any) -> list[Job]:
    """The jobs that are named by a `Job`, `Takes`, any unambiguous piece of an id, or several of these.

    ``verb`` is what is to be done with them, for the error. Raises `JobNotFound`, and `InvalidRequest` for what names
    no job, or one that is not bought yet.
    """
    named = settled(named)
    if isinstance(named, str):
        return [find(named)]
    # Not by its class: after a user's importlib.reload there are two of them.
    if hasattr(named, "snapshot"):
        return [named]
    if isinstance(named, Iterable):
        return [job for one in named for job in jobs_of(verb, one)]
    raise no_job(verb, named)


def no_job(verb: str, named: Any) -> InvalidRequest:
    """The error for what names no job."""
    kind = type(named).__name__
    message = f"{verb} takes a job, takes or a piece of an id, not a {kind}. Give one of them."
    return InvalidRequest(message, param="job")
