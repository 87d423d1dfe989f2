"""How many tasks an account may run at once, and the jobs that wait for a slot."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds that a job waits until one task more than is known to fit is tried; the same between two such tries at first,
#: and at most.
PATIENCE = 60.0
_SELDOM = 600.0
#: Seconds between tries where the server names none, and fewer tasks run than the setting allows.
_FIRST = 5.0


class Concurrency:
    """How many tasks may run at once: starts from a setting, and learns from what is accepted and refused (for free).

    ``setting`` is asked each time; a changed one counts at once. Tasks that nobody watches may hold slots, so it has to
    be tried. ``clock`` is any steady clock in seconds.
    """

    def __init__(self, setting: Callable[[], int], clock: Callable[[], float]) -> None:
        self._setting = setting
        self._clock = clock
        self._seen = self.known = setting()
        #: Whether one more than is known is on its way.
        self.trying = False
        self._paused_until = self._next_try = float("-inf")
        self._pause, self._long_pause = _FIRST, PATIENCE

    def may(self, taken: int, waited: float) -> bool:
        """Whether to try one more task while ``taken`` run, for a job that has waited so many seconds."""
        now, setting = self._clock(), self._setting()
        if setting != self._seen:
            self._seen = self.known = setting
            self._next_try = float("-inf")
            self._pause, self._long_pause = _FIRST, PATIENCE
        if now < self._paused_until:
            return False
        if taken < self.known:
            return True
        if self.trying or now < self._next_try:
            return False
        return taken < setting or (waited >= PATIENCE and taken >= self.known)

    def accepted(self, taken: int) -> None:
        """A task was accepted; with it ``taken`` run."""
        self.trying = False
        if taken > self.known:
            self.known = taken
            self._pause, self._long_pause = _FIRST, PATIENCE
            self._next_try = self._clock() + (PATIENCE if taken >= self._seen else 0.0)

    def refused(self, taken: int, told: float | None, *, longest: float = 30.0) -> float:
        """A task was refused while ``taken`` others ran; returns the seconds until the next try.

        ``told`` is the server's word on that; without it, and below the setting, ``longest`` is the most.
        """
        self.trying = False
        self.known = min(self.known, taken)
        if self.known < self._seen:
            wait, self._pause = told or min(self._pause, longest), 2 * self._pause
        else:
            wait, self._long_pause = max(told or 0.0, self._long_pause), min(2 * self._long_pause, _SELDOM)
        self._next_try = self._clock() + wait
        if told:
            self.hold(told)
        return wait

    def hold(self, seconds: float) -> None:
        """Try nothing for so many seconds."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def wake(self) -> None:
        """Forget what the server said about when."""
        self._paused_until = self._next_try = float("-inf")


#: Paid requests on their way at once; each has its inputs in memory.
_AT_ONCE = 16
#: Seconds that a free slot is left to another kernel's older job.
_COURTESY = 5.0


@dataclass(frozen=True)
class Others:
    """Other live kernels of this machine with the same account: how many tasks they run, and when (Unix seconds) their
    oldest queued job was created."""

    running: int = 0
    oldest: float | None = None


@dataclass(eq=False)
class Entry:
    """A job that waits. ``send`` is called at its turn, ``moved`` with its position (1 is next) or None."""

    order: tuple[float, int]
    job_id: str
    send: Callable[[], object]
    moved: Callable[[int | None], None]
    since: float
    shown: int | None = None


class Slots:
    """The slots of one account and the jobs that wait for one. ``clock`` is any steady clock in seconds.

    ``others`` tells what other kernels do; while it returns None nobody is let in, and whoever finds it out calls
    `fill`.
    """

    def __init__(
        self,
        concurrency: Concurrency,
        *,
        others: Callable[[], Others | None] = Others,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.concurrency = concurrency
        self._others = others
        self._clock = clock
        self._running: set[str] = set()
        self._sending: dict[str, Entry] = {}
        self._waiting: list[Entry] = []
        self._number = 0
        self._courtesy: float | None = None
        self._closed = False
        #: Whether it is being found out what other kernels do; usually all are let in a moment later.
        self._looking = False

    @property
    def running(self) -> frozenset[str]:
        """The ids of the jobs that hold a slot."""
        return frozenset(self._running)

    @property
    def sending(self) -> int:
        """How many hold a slot and await the answer to their request."""
        return len(self._sending)

    @property
    def looking(self) -> bool:
        """Whether a job waits until it is known what other kernels do."""
        return self._looking and bool(self._waiting)

    def enter(
        self, job_id: str, created: float, send: Callable[[], object], moved: Callable[[int | None], None]
    ) -> None:
        """Call ``send`` when the job has a slot; at once where one is free."""
        self._number += 1
        entry = Entry((created, self._number), job_id, send, moved, since=self._clock())
        insort(self._waiting, entry, key=lambda one: one.order)
        self.fill()
        if entry in self._waiting[-1:] and not self._looking:
            self._tell(entry, len(self._waiting))

    def take(self, job_id: str) -> None:
        """Take a slot for a task that the server has already, even beyond the limit."""
        self._running.add(job_id)

    def accepted(self, job_id: str) -> None:
        """The server has accepted the job's task."""
        if self._sending.pop(job_id, None) is not None:
            self.concurrency.accepted(len(self._running) + self._elsewhere)
            self.fill()

    def refused(self, told: float | None, *, longest: float) -> float:
        """The server has refused a task, as too many run; returns the seconds until the next try."""
        return self.concurrency.refused(len(self._running) - 1 + self._elsewhere, told, longest=longest)

    def back(self, job_id: str) -> None:
        """Put a job back into the queue, at its old position."""
        entry = self._sending.pop(job_id)
        self._running.discard(job_id)
        self.concurrency.trying = False
        entry.shown = None
        insort(self._waiting, entry, key=lambda one: one.order)

    def leave(self, job_id: str) -> bool:
        """Give up a slot, or waiting for one; whether the job was waiting."""
        if self._sending.pop(job_id, None) is not None:
            self.concurrency.trying = False
        waiting = [entry for entry in self._waiting if entry.job_id == job_id] if job_id not in self._running else []
        for entry in waiting:
            self._waiting.remove(entry)
        if job_id in self._running:
            self._running.discard(job_id)
            self.fill()
        return bool(waiting)

    def fill(self) -> None:
        """Let in all who may run now."""
        while not self._closed and self._waiting and len(self._sending) < _AT_ONCE and self._may(self._waiting[0]):
            entry = self._waiting.pop(0)
            self._courtesy = None
            self._running.add(entry.job_id)
            self._sending[entry.job_id] = entry
            if entry.shown is not None:
                entry.shown = None
                entry.moved(None)
            entry.send()

    def close(self) -> None:
        """Let nobody in any more; other kernels send what waits."""
        self._closed = True

    def tell(self, part: int = 0, parts: int = 1) -> None:
        """Tell jobs their new positions, for one of ``parts`` of the queue. Called seldom: each change moves all."""
        waiting = list(self._waiting)
        for index in range(part, len(waiting), parts):
            self._tell(waiting[index], index + 1)

    @property
    def _elsewhere(self) -> int:
        others = self._others()
        return 0 if others is None else others.running

    def _tell(self, entry: Entry, position: int) -> None:
        if entry.shown != position:
            entry.shown = position
            entry.moved(position)

    def _may(self, head: Entry) -> bool:
        now, others = self._clock(), self._others()
        self._looking = others is None
        if others is None:
            return False
        taken = len(self._running) + others.running
        if not self.concurrency.may(taken, now - head.since):
            self._courtesy = None
            return False
        if others.oldest is not None and others.oldest < head.order[0]:
            # The other kernel sees the free slot within a second.
            if self._courtesy is None:
                self._courtesy = now
            if now - self._courtesy < _COURTESY:
                return False
        self.concurrency.trying |= taken >= self.concurrency.known
        return True
