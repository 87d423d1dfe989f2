"""A request for a video, the job that it becomes, and how that is shown and waited for."""

from happyhorse_nb.job.job import Job
from happyhorse_nb.job.takes import Takes

__all__ = ["Job", "Takes"]
