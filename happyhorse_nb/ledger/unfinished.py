"""What a glance at the ledger tells: whether videos are left that nobody is waiting for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from happyhorse_nb.ledger.ledger import Ledger
from happyhorse_nb.ledger.presence import kernels, lives

#: Seconds after which a result is gone from the server, as its newer documents have it.
_KEPT = 7 * 86400.0


class Left(NamedTuple):
    """What kernels that have ended left behind: jobs on real servers and on the sandbox, and how many of each wait to
    be sent."""

    real: int = 0
    play: int = 0
    real_unsent: int = 0
    play_unsent: int = 0


def orphans(home: Path, *, now: float, alive: Callable[[Path, str | None], bool] = lives) -> Left:
    """How many jobs wait to be taken up. Raises `LedgerError`."""
    ledger = Ledger(home)
    try:
        found = ledger.interrupted(since=now - _KEPT)
        living = {owner: alive(kernels(home), owner) for owner in {record.owner for record in found}}
        left = [record.snapshot for record in found if not living[record.owner]]
    finally:
        ledger.close()
    count = Counter((snapshot.sandbox, snapshot.task_id is None) for snapshot in left)
    real, play = (count[sandbox, False] + count[sandbox, True] for sandbox in (False, True))
    return Left(real, play, count[False, True], count[True, True])
