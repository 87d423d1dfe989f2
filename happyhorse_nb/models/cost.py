"""What a video costs: an estimate before the end, the bill after it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, order=True)
class Cost:
    """An amount in USD, and whether the server has billed it.

    ``float(cost)`` is the amount. ``str(cost)`` says which of the two it is: ``about $0.70`` or ``$0.70``. The API
    names no price before a task is done, so what stands there before is an estimate from list prices.
    """

    amount: Decimal
    billed: bool = False

    def __float__(self) -> float:
        return float(self.amount)

    def __str__(self) -> str:
        return self.dollars if self.billed else f"about {self.dollars}"

    @property
    def dollars(self) -> str:
        """The amount alone, such as ``$0.70``."""
        return f"${self.amount:.2f}"
