"""How often the page may be sent something: the server limits messages, not bytes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: Messages that one card may send in any second.
MOST = 2


class MessageRate:
    """Counts messages over the last second. ``clock`` is any steady clock in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=MOST)

    def take(self) -> bool:
        """True, and counted, when one more message may go out now."""
        now = self._clock()
        if len(self._sent) == MOST and now - self._sent[0] < 1.0:
            return False
        self._sent.append(now)
        return True

    def left(self) -> float:
        """Seconds until one more message may go out, 0 when it may now."""
        return max(0.0, 1.0 - (self._clock() - self._sent[0])) if len(self._sent) == MOST else 0.0
