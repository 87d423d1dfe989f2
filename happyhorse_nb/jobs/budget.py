"""What this process may spend."""

from __future__ import annotations

from decimal import Decimal

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.ledger import Ledger, Record
from happyhorse_nb.models import Cost


def check_budget(budget: float | None, record: Record, ledger: Ledger, *also: Record) -> None:
    """Raises `InvalidRequest` when the request would pass ``budget`` (USD, by the estimates; None: no limit), together
    with those that are sent ``also``."""
    costs = [one.snapshot.cost for one in (record, *also)]
    amounts = [cost.amount for cost in costs if cost is not None]
    next_one = Cost(sum(amounts, Decimal(0))) if amounts else None
    if budget is None or record.snapshot.sandbox or next_one is None or record.owner is None:
        return
    spent = ledger.spent(record.owner)
    # As decimals: of floats, three times $0.70 is more than $2.10.
    if spent + next_one.amount > Decimal(str(budget)):
        raise InvalidRequest(
            f"budget: this kernel has spent about ${spent:.2f}, and {next_one} more would pass the ${budget:.2f} "
            "of %config HappyHorse.budget. Raise it there to go on.",
            param="budget",
        )
