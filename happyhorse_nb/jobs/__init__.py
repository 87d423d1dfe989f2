"""Jobs: submitted once, watched on one thread, remembered on disk."""

import inspect
import sys
from types import ModuleType
from typing import Any

from happyhorse_nb.jobs.api import (
    again,
    balance,
    forget,
    generate,
    jobs,
    price,
    remade,
    remove,
    restore,
    resume,
    running,
    take_up,
    wait,
)
from happyhorse_nb.jobs.catalog import Jobs
from happyhorse_nb.jobs.engine import Engine, engine
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.jobs.named import find
from happyhorse_nb.jobs.nested import run
from happyhorse_nb.jobs.takes import Takes

__all__ = [
    "Engine",
    "Job",
    "Jobs",
    "Takes",
    "again",
    "balance",
    "engine",
    "find",
    "forget",
    "generate",
    "jobs",
    "price",
    "remade",
    "remove",
    "restore",
    "resume",
    "run",
    "running",
    "take_up",
    "wait",
]


class _JobsPackage(ModuleType):
    """Python sets a subpackage as an attribute of its parent, where users look for the function of that name."""

    def __call__(self, *args: Any, **only: Any) -> Jobs:
        return jobs(*args, **only)


sys.modules[__name__].__class__ = _JobsPackage
# What ? and Tab show of the package is what it does when it is called.
_JobsPackage.__call__.__doc__ = jobs.__doc__
sys.modules[__name__].__signature__ = inspect.signature(jobs)  # type: ignore[attr-defined]  # what inspect looks for
