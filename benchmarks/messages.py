"""Messages on the comm channel per card and second, over the whole life of some cards."""

from __future__ import annotations

import time
from collections import Counter
from queue import Empty

from kernel import kernel
from table import Row, show

_CARDS, _SECONDS = 4, 15.0


def main() -> None:
    with kernel(accept_delay=0.2, seconds=12.0) as run:
        run.seconds("%load_ext happyhorse_nb\n%config HappyHorse.max_concurrent = 4")
        for seed in range(_CARDS):
            run.seconds(f"%%happyhorse photo.jpg --duration 3 --resolution 720P --seed {seed}\nA slow pan")
        started = time.perf_counter()
        heard = len(run.heard)
        while (left := started + _SECONDS - time.perf_counter()) > 0:
            try:
                run.listen(left)
            except Empty:
                break
        seconds: Counter[int] = Counter()
        for at, message in run.heard[heard:]:
            if message["msg_type"] == "comm_msg":
                seconds[int(at - started)] += 1
    busy = [count for second, count in seconds.items() if second < _SECONDS - 1]
    show(
        [
            Row("messages per card and second, mean", sum(busy) / len(busy) / _CARDS, "", "<= 2"),
            Row("messages per card, busiest second", max(busy) / _CARDS, "", "<= 2"),
        ]
    )
