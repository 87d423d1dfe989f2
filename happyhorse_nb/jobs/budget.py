"""What this process may spend."""

from __future__ import annotations

from decimal import Decimal

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.ledger import Ledger, Record
from happyhorse_nb.models import MODELS, Cost, Snapshot


def check_budget(budget: float | None, record: Record, ledger: Ledger, *also: Record) -> None:
    """Raises `InvalidRequest` when the request would pass ``budget`` (USD, by the estimates; None: no limit), together
    with those that are sent ``also``, and when the price of one of them is not known."""
    if budget is None or record.snapshot.sandbox or record.owner is None:
        return
    amounts = []
    for one in (record, *also):
        if one.snapshot.cost is None:
            # It may cost anything, and would not be seen in what is spent either.
            raise InvalidRequest(
                f"budget: {_named(one.snapshot)} has no price in %config HappyHorse.prices, so it cannot be held "
                f"against the ${budget:.2f} of HappyHorse.budget. Set its price there, or the budget to None.",
                param="budget",
            )
        amounts.append(one.snapshot.cost.amount)
    next_one = Cost(sum(amounts, Decimal(0)))
    spent = ledger.spent(record.owner)
    # As decimals: of floats, three times $0.70 is more than $2.10.
    if spent + next_one.amount > Decimal(str(budget)):
        raise InvalidRequest(
            f"budget: this kernel has spent about ${spent:.2f}, and {next_one} more would pass the ${budget:.2f} "
            "of %config HappyHorse.budget. Raise it there to go on.",
            param="budget",
        )


def _named(snapshot: Snapshot) -> str:
    """What a price is for: the resolution, also where it is the one that the server takes."""
    table = MODELS.get(snapshot.model)
    defaults = {param.name: param.default for param in table.options} if table is not None else {}
    return str({**defaults, **snapshot.params}.get("resolution") or f"a request of {snapshot.model}")
