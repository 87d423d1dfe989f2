"""What a glance at the ledger tells: whether videos are left that nobody is waiting for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from happyhorse_nb.ledger.ledger import Ledger
from happyhorse_nb.ledger.presence import kernels, lives
from happyhorse_nb.ledger.record import Record

#: Seconds after which a result is gone from the server, as its newer documents have it.
_KEPT = 7 * 86400.0


def orphans(home: Path, *, now: float, origin: str = "", key: str | None = None) -> list[Record]:
    """The jobs that kernels which have ended left behind, and that wait to be taken up. Raises `LedgerError`.

    What was made with a key that is joined to this one, of that server, is given as made with this one.
    """
    ledger = Ledger(home)
    try:
        found = ledger.interrupted(since=now - _KEPT)
        if key is not None:
            ours = ledger.keys_of(origin, key)
            found = [replace(r, account=key) if r.origin == origin and r.account in ours else r for r in found]
        living = {owner: lives(kernels(home), owner) for owner in {record.owner for record in found}}
    finally:
        ledger.close()
    return [record for record in found if not living[record.owner]]
