"""Jobs: submitted once, watched on one thread, remembered on disk."""

import sys
from types import ModuleType

from happyhorse_nb.jobs.api import Jobs, again, balance, find, forget, generate, jobs, resume, running, wait
from happyhorse_nb.jobs.engine import Engine, engine
from happyhorse_nb.jobs.job import Job
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
    "resume",
    "run",
    "running",
    "wait",
]


class _JobsPackage(ModuleType):
    """Python sets a subpackage as an attribute of its parent, where users look for the function of that name."""

    def __call__(self) -> Jobs:
        return jobs()


sys.modules[__name__].__class__ = _JobsPackage
