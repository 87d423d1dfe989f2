"""The JOB of a command: a variable of the notebook, or a piece of an id."""

from __future__ import annotations

import re
from typing import Any

from happyhorse_nb.errors import JobNotFound
from happyhorse_nb.settings import process

#: As a take is named on its card.
_ELEMENT = re.compile(r"(\w+)\[(\d{1,3})\]")


def job_named(shell: Any, piece: str) -> Any:
    """The job or the takes of that variable (``launch[0]`` is the first take), else the job of that piece of an id.

    Raises `JobNotFound`.
    """
    from happyhorse_nb.jobs import find

    bound = bound_to(shell, piece)
    return find(piece) if bound is None else bound


def bound_to(shell: Any, piece: str) -> Any:
    """The job or the takes of that variable, None where there is no such one.

    Raises `JobNotFound` for no such take, `InvalidRequest` for what is not bought yet.
    """
    from happyhorse_nb.jobs import Job, Takes
    from happyhorse_nb.jobs.question import settled

    element = _ELEMENT.fullmatch(piece)
    if element is None:
        bound = settled(shell.user_ns.get(piece))
        return bound if process.is_a(bound, Job, Takes) else None
    bound, place = settled(shell.user_ns.get(element[1])), int(element[2])
    if process.is_a(bound, Takes):
        if place >= len(bound):
            raise JobNotFound(
                f"{element[1]} has {len(bound)} takes: {element[1]}[0] to {element[1]}[{len(bound) - 1}]."
            )
        return bound[place]
    if process.is_a(bound, Job):
        raise JobNotFound(f"{element[1]} is one job, not takes: it is named without [{place}].")
    return None
