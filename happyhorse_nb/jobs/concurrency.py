"""How many tasks an account may run at once, as far as is known. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds that a job has waited when one more than is known is tried for it; between two such tries at first, at most.
PATIENCE = 60.0
_SELDOM = 600.0
#: Seconds before a refused one is tried again where the server does not say, and fewer run than the setting has.
_FIRST = 5.0


class Concurrency:
    """Starts from a setting, and learns: a refused task costs nothing and tells, an accepted one too.

    ``setting`` is asked each time: a changed one counts at once. Of a place that may still be held by a task that
    nobody watches nothing is known, so it is tried. ``clock`` is any steady clock in seconds.
    """

    def __init__(self, setting: Callable[[], int], clock: Callable[[], float]) -> None:
        self._setting = setting
        self._clock = clock
        self._seen = self.known = setting()
        #: Whether one more than is known is on its way.
        self.trying = False
        self._told = self._next_try = float("-inf")
        self._pause, self._long_pause = _FIRST, PATIENCE

    def may(self, taken: int, waited: float) -> bool:
        """Whether a task more may be tried while ``taken`` run, for a job that has waited so many seconds."""
        now, setting = self._clock(), self._setting()
        if setting != self._seen:
            self._seen = self.known = setting
            self._next_try = float("-inf")
            self._pause, self._long_pause = _FIRST, PATIENCE
        if now < self._told:
            return False
        if taken < self.known:
            return True
        if self.trying or now < self._next_try:
            return False
        return taken < setting or (waited >= PATIENCE and taken >= self.known)

    def accepted(self, taken: int) -> None:
        """A task was accepted, with which ``taken`` run."""
        self.trying = False
        if taken > self.known:
            self.known = taken
            self._pause, self._long_pause = _FIRST, PATIENCE
            self._next_try = self._clock() + (PATIENCE if taken >= self._seen else 0.0)

    def refused(self, taken: int, told: float | None, *, longest: float = 30.0) -> float:
        """A task was refused while ``taken`` others ran. ``told`` is the server's word on how long to wait.

        Returns the seconds until the next try. ``longest`` is what they may be where the server is silent and fewer
        tasks run than the setting has.
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
        self._told = max(self._told, self._clock() + seconds)

    def wake(self) -> None:
        """Forget what the server said about when."""
        self._told = self._next_try = float("-inf")
