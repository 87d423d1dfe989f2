"""Which reads to have the server hold open, and how long to wait after one that failed. Pure."""

from __future__ import annotations

import random

#: Seconds for which a server usually holds a read without news (the API's documents).
USUAL = 30.0
#: A read that takes so many seconds was held. (A slow server is then asked again at once, no more often than that.)
_HELD = 5.0
#: A read without news in less than so many seconds was not held; in between nothing is known.
_AT_ONCE = 1.0
#: After so many of these in a row, or of reads that fail only for being held, no read is held any more.
_ENOUGH = 2
#: Most rounds of held reads before one more is tried: at 30 s each, a quarter of an hour.
_MOST_ROUNDS = 32
#: Most reads held open at once, for all jobs of an account: each keeps a connection.
MOST = 50


class Hold:
    """What is known of one server's held reads. It has no clock: it is told how long reads took (seconds)."""

    def __init__(self) -> None:
        self._holds: bool | None = None
        self._quick = self._failed = 0
        self._most = MOST
        #: Reads held since there was one too many, and after how many rounds of them one more is tried.
        self._held, self._rounds = 0, 1
        #: Whether a read was held since a refusal; of those refused at once only the first counts.
        self._calm = True
        #: Reads held open now.
        self.open = 0

    @property
    def asks(self) -> bool:
        """Whether to have the next read held."""
        return self._holds is not False and self.open < self._most

    def answered(self, seconds: float, *, news: bool) -> bool:
        """A held read was answered, with ``news`` or without; whether the next one may follow at once.

        It may if the server holds it too: then it costs no more than waiting.
        """
        if seconds >= _HELD:
            self._holds, self._quick, self._failed = True, 0, 0
            self._calm = True
            if self._most < MOST:
                self._held += 1
                if self._held >= self._rounds * self._most:
                    self._held = 0
                    self._most += 1
            return True
        if not news and seconds < _AT_ONCE:
            self._quick += 1
            if self._quick >= _ENOUGH:
                self._holds = False
        return False

    def crowded(self) -> None:
        """A held read was refused for now, while `open` others were not: hold no more than these.

        One more is tried when all of them have been held twice, and twice as late after each further refusal.
        """
        self._most = min(self._most, max(1, self.open))
        if self._calm:
            self._rounds = min(2 * self._rounds, _MOST_ROUNDS)
        self._held, self._calm = 0, False

    def failed(self) -> None:
        """A held read failed, and the same one without being held did not."""
        self._failed += 1
        if self._holds is None or self._failed >= _ENOUGH:
            self._holds = False


#: Seconds for which a server must say that it does not know a task until that is believed: longer than a replica's
#: lag or a deploy.
MISSING = 60.0
#: Seconds after which one read is tried although the server asks to wait longer.
TRIED_AFTER = 60.0


def backoff(tries: int, *, longest: float, first: float = 1.0) -> float:
    """Seconds after so many failures in a row: 1, 2, 4 … up to ``longest``, each a little shorter at random.

    At random, so that many waiters do not come all at once.
    """
    return float(min(longest, first * 2.0 ** min(tries - 1, 16)) * random.uniform(0.7, 1.0))  # noqa: S311  # no secret
