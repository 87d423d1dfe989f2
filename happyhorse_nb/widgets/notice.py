"""A notice by the browser that a video is done, for somebody who has turned to another window.

Only a script can give one. It runs where the front end runs scripts at all and the user allows notices, and elsewhere
does nothing. It stands in the cell's output for as long as it takes: a saved notebook has none of it, and what was
saved in mid-way does nothing when it is opened later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from happyhorse_nb.job.notices import took_long
from happyhorse_nb.models import Snapshot
from happyhorse_nb.render.words import duration, plain
from happyhorse_nb.widgets.output import EMPTY, CellOutput, MimeBundle, NewOutput
from happyhorse_nb.widgets.work import after

#: Seconds after which a script that is run again, with the page or the notebook, does nothing; and for which it stands.
_FRESH, _STANDS = 120, 5.0
_SCRIPT = """\
(() => {
  if (Math.abs(Date.now() / 1000 - %d) > %d || !("Notification" in window)) return;
  try { %s } catch (problem) { }
})();"""
_ASK = 'if (Notification.permission === "default") Notification.requestPermission();'
_TELL = 'if (Notification.permission === "granted") new Notification(%s, %s);'


def notice(
    *,
    outputs: NewOutput = CellOutput,
    clock: Callable[[], float] = time.time,
    later: Callable[[float, Callable[[], None]], None] = after,
) -> Callable[[Snapshot], None]:
    """Ask for leave to give notice, in the running cell; call the answer with how the job has ended.

    ``clock`` is Unix seconds.
    """
    output = outputs()
    output.put(_script(_ASK, clock()))

    def tell(snapshot: Snapshot) -> None:
        if not took_long(snapshot):
            output.change(EMPTY)
            return
        name = plain(snapshot.name or snapshot.short_id, 40)
        took = duration((snapshot.ended or clock()) - snapshot.created)
        about = {"body": plain(snapshot.prompt, 120), "tag": f"happyhorse-{plain(snapshot.id, 40)}"}
        said = _TELL % (_quoted(f"Video {name} is done, after {took}"), _quoted(about))
        output.change(_script(said, clock()))
        later(_STANDS, lambda: output.change(EMPTY))

    return tell


def _script(code: str, now: float) -> MimeBundle:
    return {"application/javascript": _SCRIPT % (now, _FRESH, code), "text/plain": ""}


def _quoted(value: object) -> str:
    # In an exported page it stands in a script element, which a prompt must not end.
    return json.dumps(value).replace("<", "\\u003c")
