"""How long to leave a server alone that is in trouble, and for how long not to believe that a task is gone."""

from __future__ import annotations

import random

#: Seconds for which a server must say that it does not know a task before that is believed: longer than a replica lags
#: behind or a deploy takes.
MISSING = 60.0
#: Seconds after which one read is tried although the server wants none for longer; after that it is waited as told.
TRIED_AFTER = 60.0


def backoff(tries: int, *, longest: float, first: float = 1.0) -> float:
    """Seconds after so many failures in a row: 1, 2, 4 … up to ``longest``, each a little shorter by chance.

    By chance, so that many who wait do not march in step.
    """
    return float(min(longest, first * 2.0 ** min(tries - 1, 16)) * random.uniform(0.7, 1.0))  # noqa: S311  # no secret


class Missing:
    """Whether a task is gone of which the server says that it does not know it (404).

    One such answer may come in passing, of a task that goes on and is paid for. It has no clock: it is told when
    (seconds of any steady clock).
    """

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether that was last said."""
        return self._since is not None

    def gone(self, now: float, patience: float = MISSING) -> bool:
        """It was said again just now; whether it has been said for ``patience`` seconds, more than once."""
        if self._since is None:
            self._since = now
            return False
        return now - self._since >= patience

    def known(self) -> None:
        """The server knows the task after all."""
        self._since = None
