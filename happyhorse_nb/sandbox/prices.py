"""What a clip costs here: the list prices, charged as play money so that bills and balances can be seen."""

from __future__ import annotations

from decimal import Decimal

#: USD for a second of video.
PRICES = {"720P": Decimal("0.14"), "1080P": Decimal("0.24")}


def price(resolution: str, duration: int) -> Decimal:
    """The price of a clip of that many seconds, in USD."""
    return (PRICES[resolution] * duration).quantize(Decimal("0.0001"))
