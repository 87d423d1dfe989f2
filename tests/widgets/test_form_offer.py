"""What the form's buttons say they would do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from happyhorse_nb.models import Cost, Status
from happyhorse_nb.widgets.form.values import FIXED, RANDOM, Offer, Values, offered
from widgets.fakes import running

DONE, RUNS, FAILED = running(status=Status.DONE), running(), running(status=Status.FAILED)


@pytest.mark.parametrize(
    ("takes", "before", "how", "offer"),
    [
        (1, [], {}, Offer("Generate, about $0.70")),
        (3, [], {}, Offer("Generate 3, about $2.10")),
        (1, [DONE], {"ready": False}, Offer("Generate, about $0.70")),
        (3, [DONE], {}, Offer("Generate 2 more, about $1.40")),
        (1, [], {"running": True}, Offer("Show the one that is running", pays=False)),
        (2, [RUNS, DONE], {}, Offer("Show those that are running", pays=False)),
        (1, [DONE], {}, Offer("Show it, nothing to pay", pays=False, another="Make another, about $0.70")),
        (1, [FAILED], {}, Offer("Show the earlier one, nothing to pay", False, "Make another, about $0.70")),
        (2, [DONE, DONE], {}, Offer("Show them, nothing to pay", False, "Make 2 others, about $1.40")),
    ],
)
def test_what_is_offered_and_what_it_costs(takes: int, before: list[Any], how: dict[str, bool], offer: Offer) -> None:
    values = Values(takes=takes, seed_mode=RANDOM)
    states = {"ready": True, "running": False, **how}
    assert offered(values, before=before, cost=Cost(Decimal("0.70")), **states) == offer


def test_takes_of_one_seed_are_not_made_twice() -> None:
    values = replace(Values(takes=2), seed_mode=FIXED)
    assert not offered(values, ready=True, before=[DONE, DONE], running=False, cost=None).another
