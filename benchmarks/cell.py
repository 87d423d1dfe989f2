"""From running a cell to idle, with a server that takes two seconds to accept; against a cell that does nothing."""

from __future__ import annotations

import statistics

from kernel import ACCEPT_DELAY, kernel
from table import Row, show

_KERNELS, _CELLS = 5, 10
_CELL = "%%happyhorse photo.jpg --duration 3 --resolution 720P --seed {}\nA slow pan"


def main() -> None:
    print(f"The server takes {ACCEPT_DELAY:g} s to accept a task.\n")
    load, first, warm, nothing = [], [], [], []
    for _ in range(_KERNELS):
        with kernel() as run:
            run.seconds("pass")
            load.append(run.seconds("%load_ext happyhorse_nb"))
            first.append(run.seconds(_CELL.format(0)))
            for seed in range(1, _CELLS + 1):
                nothing.append(run.seconds("pass"))
                warm.append(run.seconds(_CELL.format(seed)))
    base = 1000 * statistics.median(nothing)
    show(
        [
            Row("%load_ext", 1000 * statistics.median(load), "ms", "<= 200 ms", base, "an empty cell"),
            Row("a kernel's first cell", 1000 * statistics.median(first), "ms", "<= 800 ms", base, "an empty cell"),
            Row("a cell after that", 1000 * statistics.median(warm), "ms", "<= 100 ms", base, "an empty cell"),
        ]
    )
