"""The gallery with 1,000 jobs in the ledger: time to the first poster and bytes sent, against a ledger of 20."""

from __future__ import annotations

import json
import statistics
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.store import Ledger, Record, StoredInput
from kernel import kernel
from table import Row, show

_KERNELS, _FEW, _MANY = 5, 20, 1000
_PHOTO = Path(__file__).parent.parent / "notebooks" / "rocket.jpg"


def main() -> None:
    few, many = _opened(_FEW), _opened(_MANY)
    print(f"Medians of {_KERNELS} fresh kernels; {_FEW} jobs fill most of a page of 24.\n")
    words = (
        ("to the first poster", "ms"),
        ("to the whole page, idle", "ms"),
        ("sent to the page", "kB"),
        ("messages", ""),
    )
    turned = Row("to the next page, idle", statistics.median(found[-1] for found in many), "ms", "<= 100 ms")
    rows = [
        Row(what, statistics.median(value), unit, "ratio <= 1.5", statistics.median(base), f"{_FEW} jobs")
        for (what, unit), value, base in zip(words, zip(*many, strict=True), zip(*few, strict=True), strict=False)
    ]
    show([*rows, turned])


def _opened(count: int) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    for _ in range(_KERNELS):
        with kernel() as run:
            _fill(run.folder, count)
            # What any first use of the package brings is measured by the benchmark of the cell.
            run.seconds("import happyhorse_nb as hh, ipywidgets\nlen(hh.jobs())")
            heard, started = len(run.heard), time.perf_counter()
            whole = run.seconds("shown = hh.gallery()\nshown")
            messages = run.heard[heard:]
            first = next(at for at, message in messages if "hh-poster" in str(_state(message).get("value")))
            size = sum(len(json.dumps(message["content"], default=str)) for _, message in messages)
            turned = run.seconds("shown._turn(1)")
            found.append((1000 * (first - started), 1000 * whole, size / 1000, float(len(messages)), 1000 * turned))
    return found


def _state(message: dict[str, Any]) -> dict[str, Any]:
    data = message["content"].get("data") if message["msg_type"].startswith("comm_") else None
    return dict(data.get("state", {})) if isinstance(data, dict) else {}


def _fill(home: Path, count: int) -> None:
    picture = thumbnail(_PHOTO.read_bytes())
    ledger = Ledger(home)
    for number in range(count):
        snapshot = Snapshot(
            status=Status.DONE,
            id=f"{number:012x}",
            task_id=f"task-{number:06x}",
            model="happyhorse-1.0-i2v",
            prompt=f"The rocket lifts off; smoke rolls towards the camera, take {number}",
            params={"duration": 5, "resolution": "720P", "seed": number},
            created=time.time() - 60 * (count - number),
            took=90.0,
            cost=Cost(Decimal("0.70"), billed=True),
            path=home / "happyhorse-videos" / f"{number}.mp4",
        )
        row = Record(
            snapshot=snapshot,
            origin="https://api.example.com",
            account="",
            request=str(number),
            inputs=(StoredInput("first_frame", "f" * 64, "rocket.jpg", picture),),
            target=home,
        )
        ledger.add(row, reuse=False)
    ledger.close()
