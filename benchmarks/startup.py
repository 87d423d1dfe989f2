"""How long ``import happyhorse_nb`` takes, against ``import aiohttp``, each in fresh processes, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys

from table import Row, show

_RUNS = 15
_TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def main() -> None:
    ours, theirs = [], []
    for _ in range(_RUNS):
        ours.append(_import("happyhorse_nb"))
        theirs.append(_import("aiohttp"))
    value, baseline = statistics.median(ours), statistics.median(theirs)
    show([Row("import happyhorse_nb", 1000 * value, "ms", "ratio <= 0.1", 1000 * baseline, "import aiohttp")])


def _import(module: str) -> float:
    # -I: not from the checkout that this is started in.
    done = subprocess.run([sys.executable, "-I", "-c", _TIMED.format(module)], capture_output=True, check=True)
    return float(done.stdout)
