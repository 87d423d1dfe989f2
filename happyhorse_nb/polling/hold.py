"""Reads that the server holds open, and how long to wait after one that failed. Pure."""

from __future__ import annotations

import random

#: Seconds for which a server holds a read where nothing happens: about so many, the API's documents say.
USUAL = 30.0
#: Seconds that only a read which is held takes. A server that is merely slow may take them too: it is asked again as
#: soon, which is no more often than here and now.
_HELD = 5.0
#: A read that finds nothing new sooner than this was not held. In between it says nothing.
_AT_ONCE = 1.0
#: So many of these in a row, or reads that fail only with the parameter where it has worked before, and it is left out.
_ENOUGH = 2
#: Rounds of held reads between two tries of one more, at most: at 30 s each, a quarter of an hour.
_MOST_ROUNDS = 32
#: Reads held open at once, all jobs of an account together: each keeps a connection.
MOST = 50


class Hold:
    """What is known of one server. It has no clock: it is told how long reads took (seconds)."""

    def __init__(self) -> None:
        self._holds: bool | None = None
        self._quick = self._failed = 0
        self._most = MOST
        #: Reads that were held since there was one too many, and after how many rounds of them one more is tried.
        self._held, self._rounds = 0, 1
        #: Whether one was held since a refusal: of all those that are refused at once only the first one counts.
        self._calm = True
        #: Reads that are held open now.
        self.open = 0

    @property
    def asks(self) -> bool:
        """Whether the next read is to ask for it."""
        return self._holds is not False and self.open < self._most

    def answered(self, seconds: float, *, news: bool) -> bool:
        """A read that asked for it was answered, with ``news`` or with what was known before.

        Says whether the next one may follow at once: it will be held too, so it costs no more than to wait for it.
        """
        if seconds >= _HELD:
            self._holds, self._quick, self._failed = True, 0, 0
            self._try_one_more()
            return True
        if not news and seconds < _AT_ONCE:
            self._quick += 1
            if self._quick >= _ENOUGH:
                self._holds = False
        return False

    def crowded(self) -> None:
        """A read that asked for it was refused for now, while those that are `open` were not: no more of them.

        One more is tried again when all that may be open have been held twice, and after each further refusal only
        after twice as many.
        """
        self._most = min(self._most, max(1, self.open))
        if self._calm:
            self._rounds = min(2 * self._rounds, _MOST_ROUNDS)
        self._held, self._calm = 0, False

    def _try_one_more(self) -> None:
        self._calm = True
        if self._most < MOST:
            self._held += 1
            if self._held >= self._rounds * self._most:
                self._held = 0
                self._most += 1

    def failed(self) -> None:
        """A read that asked for it failed, and the same one without it did not."""
        self._failed += 1
        if self._holds is None or self._failed >= _ENOUGH:
            self._holds = False


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
