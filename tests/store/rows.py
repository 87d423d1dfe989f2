"""Rows for a ledger, and several processes that use one at the same instant."""

from __future__ import annotations

import itertools
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.store import Record, StoredInput

_numbers = itertools.count(1)


def record(request: str = "", *, owner: str | None = "0a", **changes: Any) -> Record:
    """A job as it is written down before its request leaves."""
    number = next(_numbers)
    snapshot = Snapshot(
        **{
            "status": Status.QUEUED,
            "id": f"{number:012x}",
            "model": "happyhorse-1.0-i2v",
            "prompt": "the rocket lifts off",
            "params": {"resolution": "720P", "duration": 5},
            "created": 1_700_000_000.0 + number,
            "cost": Cost(Decimal("0.7000")),
            **changes,
        }
    )
    return Record(
        snapshot=snapshot,
        origin="https://api.example.com",
        account="fingerprint",
        request=request or f"request {number}",
        inputs=(StoredInput("first_frame", "f" * 64, "rocket.jpg", b"\xff\xd8 a small picture"),),
        target=Path("/videos"),
        owner=owner,
    )


def framed(row: Record, frame: str = "f" * 64, thumbnail: bytes | None = None) -> Record:
    """The same of another first frame."""
    return replace(row, inputs=(StoredInput("first_frame", frame, "rocket.jpg", thumbnail),) if frame else ())


def at_once(count: int, prepare: str, act: str, *arguments: object) -> list[str]:
    """What so many processes print that run ``act`` at the same instant; ``prepare`` is done when they are let go.

    In the code ``me`` is the process's number and ``args`` are the arguments, as text.
    """
    code = f"""
import sys
me, args = int(sys.argv[1]), sys.argv[2:]
{prepare}
print("ready", flush=True)
sys.stdin.readline()
{act}
"""
    with ExitStack() as stack:
        some = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", code, str(me), *map(str, arguments)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for me in range(count)
        ]
        for process in some:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "ready\n", process.communicate()[1]
        for process in some:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=180) for process in some]
    for process, (_, noise) in zip(some, said, strict=True):
        assert process.returncode == 0, noise
    return [out.strip() for out, _ in said]
