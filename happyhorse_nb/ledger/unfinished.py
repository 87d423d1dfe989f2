"""What a glance at the ledger tells: whether videos are left that nobody is waiting for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from happyhorse_nb.ledger.ledger import Ledger
from happyhorse_nb.ledger.presence import kernels, lives

#: Seconds after which a result is gone from the server, as its newer documents have it.
_KEPT = 7 * 86400.0


def orphans(home: Path, *, now: float, alive: Callable[[Path, str | None], bool] = lives) -> tuple[int, int]:
    """How many tasks wait to be taken up: on real servers, and on the sandbox. Raises `LedgerError`."""
    ledger = Ledger(home)
    try:
        left = [record for record in ledger.interrupted(since=now - _KEPT) if not alive(kernels(home), record.owner)]
    finally:
        ledger.close()
    play = sum(record.snapshot.sandbox for record in left)
    return len(left) - play, play
