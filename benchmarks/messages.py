"""Messages on the comm channel per card and second, over the whole life of some cards."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from kernel import Kernel, kernel
from table import Row, show

_CARDS, _SECONDS = 4, 15.0


def main() -> None:
    with kernel(accept_delay=0.2, seconds=12.0) as run:
        run.seconds("%load_ext happyhorse_nb\n%config HappyHorse.max_concurrent = 4")
        for seed in range(_CARDS):
            run.seconds(f"%%happyhorse photo.jpg --duration 3 --resolution 720P --seed {seed}\nA slow pan")
        run.hear(_SECONDS)
        cards = _by_card(run)
    assert len(cards) == _CARDS
    spans = [times[-1] - times[0] for times in cards]
    means = [(len(times) - 1) / span for times, span in zip(cards, spans, strict=True)]
    show(
        [
            Row("messages per card and second, mean", sum(means) / _CARDS, "", "<= 2"),
            # Whether two messages are a second apart is decided where they are sent; they take some ms to come.
            Row("messages of any card in any second", max(_busiest(times, 0.98) for times in cards), "", "<= 2"),
        ]
    )


def _by_card(run: Kernel) -> list[list[float]]:
    """When each card's widgets were told something, in seconds. A card's widgets are those that one cell has made."""
    cell = {
        message["content"]["comm_id"]: message["parent_header"]["msg_id"]
        for _, message in run.heard
        if message["msg_type"] == "comm_open"
    }
    cards: dict[str, list[float]] = defaultdict(list)
    for at, message in run.heard:
        if message["msg_type"] == "comm_msg":
            cards[cell[message["content"]["comm_id"]]].append(at)
    return list(cards.values())


def _busiest(times: list[float], seconds: float) -> int:
    return max(bisect_left(times, start + seconds) - place for place, start in enumerate(times))
