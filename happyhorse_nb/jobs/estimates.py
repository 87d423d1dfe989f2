"""How long tasks take, from the ledger's history: looked up once for many jobs alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress

from happyhorse_nb import polling
from happyhorse_nb.errors import LedgerError
from happyhorse_nb.ledger import Ledger
from happyhorse_nb.models import Snapshot

#: Seconds for which an estimate is good: meanwhile few tasks more have ended.
_GOOD = 10.0


class Estimates:
    """One estimate for each kind of task: model, parameters, real or sandbox. ``clock`` is any steady clock."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, tuple[float, polling.Forecast]] = {}

    def __call__(self, snapshot: Snapshot) -> polling.Forecast:
        """How long a task like this takes."""
        work = {name: value for name, value in snapshot.params.items() if name != "seed"}
        kind = json.dumps([snapshot.model, snapshot.sandbox, sorted(work.items())], default=str)
        made, found = self._known.get(kind, (float("-inf"), None))
        now = self._clock()
        if found is None or now - made > _GOOD:
            history: list[float] = []
            with suppress(LedgerError):
                history = self._ledger.history(snapshot)
            typical = polling.TYPICAL_SANDBOX if snapshot.sandbox else polling.TYPICAL
            found = polling.forecast(history, typical=typical)
            self._known[kind] = (now, found)
        return found
