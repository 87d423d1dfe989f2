"""What a press of the form's buttons would do, in words, and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from happyhorse_nb.api.preview import Preview
from happyhorse_nb.inputs import FirstFrame, output_size
from happyhorse_nb.models import Cost, Snapshot, Status
from happyhorse_nb.render import form as html
from happyhorse_nb.widgets.form.values import RANDOM, Values


@dataclass(frozen=True)
class Offer:
    """What a press of the button would do, in words; whether it pays; and the words of the other button, if any."""

    words: str
    pays: bool = True
    another: str = ""


def offered(values: Values, *, ready: bool, before: Sequence[Snapshot], running: bool, cost: Cost | None) -> Offer:
    """What the buttons would do with these values.

    ``ready``: they can be sent. ``before`` are those of the takes that were asked for before; ``running``: the form
    itself has made them, and they run. ``cost`` is that of one video, in USD.
    """
    price_of_all, new, several = html.price(cost, values.takes), values.takes - len(before), values.takes > 1
    if not ready or (new == values.takes and not running):
        return Offer(f"Generate{f' {new}' if several else ''}{price_of_all}")
    if new and not running:
        return Offer(f"Generate {new} more{html.price(cost, new)}")
    if new or not all(snapshot.status.ended for snapshot in before):
        return Offer("Show those that are running" if several else "Show the one that is running", pays=False)
    done = all(snapshot.status == Status.DONE for snapshot in before)
    what = ("them" if several else "it") if done else ("the earlier ones" if several else "the earlier one")
    another = f"Make {values.takes} others{price_of_all}" if several else f"Make another{price_of_all}"
    # With one seed for all of them they would be the same videos.
    able = not several or values.seed_mode == RANDOM
    return Offer(f"Show {what}, nothing to pay", pays=False, another=another if able else "")


def expected(values: Values, seen: Preview, frame: FirstFrame | None, before: Sequence[Snapshot]) -> str:
    """The HTML that says how large the video becomes, what is still to be paid, and how long that takes."""
    resolution = values.params.get("resolution")
    pixels = None
    if frame is not None and frame.info is not None and resolution is not None:
        pixels = output_size(frame.info.width, frame.info.height, resolution)
    return html.expected(
        pixels=pixels,
        cost=seen.cost,
        seconds=seen.seconds_of(values.takes - len(before)),
        sandbox=seen.sandbox,
        takes=values.takes,
        made=len(before),
        running=not all(snapshot.status.ended for snapshot in before),
    )
