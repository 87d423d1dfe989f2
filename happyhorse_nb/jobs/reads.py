"""One read of a task: held open by a server that does so, and plain wherever that fails."""

from __future__ import annotations

import math
import time

from happyhorse_nb.client.held import held
from happyhorse_nb.jobs.track import Track
from happyhorse_nb.models import Snapshot


class Reads:
    """The reads of one task. Each is a request whose turn has come."""

    def __init__(self, track: Track, task_id: str) -> None:
        self._track = track
        self._task_id = task_id
        # Nothing is answered now, with the parameter or without: one request a look is enough.
        self._troubled = False
        #: Whether the next one may follow at once.
        self.at_once = False

    async def read(self) -> Snapshot:
        """What the server says. Raises what `Client.read` raises, and `Stopped`."""
        self.at_once = False
        hold = self._track.office.hold
        # Who sets the longest gap between two looks wants looks, not a promise.
        if self._troubled or not hold.asks or self._track.settings.max_poll_gap is not None:
            return await self._plain()
        began = time.monotonic()
        self._track.held = True
        try:
            work = self._track.until_woken(self._track.client.read(self._task_id, hold=True))
            found, failed = await held(hold, work)
        finally:
            self._track.held = False
        if found is not None:
            news = found.status != self._track.now.status
            self.at_once = hold.answered(time.monotonic() - began, news=news)
            return found
        self._troubled = failed
        await self._track.turn(lambda: math.inf)
        found = await self._plain()
        if failed:
            hold.failed()
        return found

    async def _plain(self) -> Snapshot:
        found = await self._track.unless_stopped(self._track.client.read(self._task_id))
        self._troubled = False
        return found
