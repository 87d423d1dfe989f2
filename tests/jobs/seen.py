"""What a listener of a job sees, and a way to wait for it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition

import happyhorse_nb as hh
from happyhorse_nb import Job, Snapshot

#: Seconds after which something that should have happened has not. It bounds a hang, it measures nothing.
DEADLINE = 180.0


class Seen:
    """Every snapshot of a job from now on, without those in which only the time has moved on."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.snapshots: list[Snapshot] = []
        self._changed = Condition()
        job.subscribe(self._add)

    @property
    def words(self) -> list[str]:
        """The states, each once when it lasts."""
        found: list[str] = []
        for snapshot in self.snapshots:
            if found[-1:] != [str(snapshot.status)]:
                found.append(str(snapshot.status))
        return found

    def wait(self, what: Callable[[Snapshot], object]) -> Snapshot:
        """Wait until that is so, and give the snapshot."""
        with self._changed:
            if not self._changed.wait_for(lambda: what(self.job.snapshot), DEADLINE):
                raise TimeoutError(f"not in {DEADLINE:g} s; it is {self.job.snapshot}")
        return self.job.snapshot

    def until(self, word: str) -> Snapshot:
        """Wait until the job is in that state."""
        return self.wait(lambda snapshot: str(snapshot.status) == word)

    def _add(self, snapshot: Snapshot) -> None:
        with self._changed:
            self.snapshots.append(snapshot)
            self._changed.notify_all()


def ended(job: Job) -> Job:
    """Wait until the job has ended, whatever it ended with."""
    try:
        job.result(timeout=DEADLINE)
    except TimeoutError:
        raise
    except hh.JobError:
        assert job.done()
    return job
