"""What this process may spend, and what the user is asked about first. Play money is counted like real money, but
apart, so that both can be rehearsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import MODELS, Cost, Snapshot
from happyhorse_nb.store import Ledger, Record


def check_budget(budget: float | None, record: Record, ledger: Ledger, *also: Record) -> None:
    """Raise `InvalidRequest` when a request, with those that are sent ``also``, would exceed ``budget`` (USD, by the
    estimates; None: no limit), or when one of them has no known price."""
    if budget is None or record.owner is None:
        return
    amounts = []
    for one in (record, *also):
        if one.snapshot.cost is None:
            # It may cost anything, and would be missing in what is spent.
            raise InvalidRequest(
                f"budget: {_named(one.snapshot)} has no price, so it cannot be checked against the ${budget:.2f}",
                remedy="Set its price in `%config HappyHorse.prices`, or `%config HappyHorse.budget` to None.",
                param="budget",
            )
        amounts.append(one.snapshot.cost.amount)
    next_one = Cost(sum(amounts, Decimal(0)))
    spent = ledger.spent(record.owner, sandbox=record.snapshot.sandbox)
    # As decimals: in floats, three times $0.70 is more than $2.10.
    if spent + next_one.amount > Decimal(str(budget)):
        play = " of play money" if record.snapshot.sandbox else ""
        raise InvalidRequest(
            f"budget: about ${spent:.2f}{play} is spent here, and {next_one} more would exceed the ${budget:.2f}",
            remedy="Raise `%config HappyHorse.budget` to go on.",
            param="budget",
        )


@dataclass(frozen=True)
class Quote:
    """What one cell, press or call would buy: how many videos, their cost together (USD; None where a price is not
    known), and whether in play money."""

    videos: int
    cost: Cost | None
    sandbox: bool

    @property
    def what(self) -> str:
        """How many videos: ``4 videos``."""
        return "1 video" if self.videos == 1 else f"{self.videos} videos"

    @property
    def money(self) -> str:
        """What they cost: ``about $5.12``."""
        if self.cost is None:
            return "at a price that is not known"
        return f"{self.cost} of play money" if self.sandbox else str(self.cost)

    @property
    def action(self) -> str:
        """The words on the button: ``Make 4 videos, about $5.12``."""
        return f"Make {self.what}, {self.cost or 'price not known'}"

    def asks(self, above: float | None) -> bool:
        """Whether to ask first, for what costs more than ``above`` (USD; None: never)."""
        return above is not None and (self.cost is None or self.cost.amount > Decimal(str(above)))

    def within(self, agreed: Quote | None) -> bool:
        """Whether it is no more than what was agreed to, in the same money."""
        if agreed is None or agreed.sandbox != self.sandbox:
            return False
        if self.cost is None or agreed.cost is None:
            return self.cost == agreed.cost and self.videos <= agreed.videos
        return self.cost.amount <= agreed.cost.amount


class AskFirst(InvalidRequest):
    """More than `HappyHorse.ask_above` would be spent without the user's word for it; nothing was sent."""

    def __init__(self, what: str, *, quote: Quote, limit: str = "", remedy: str = "") -> None:
        super().__init__(what, limit=limit, remedy=remedy, param="ask_above")
        self.quote = quote


def check_asked(above: float | None, records: Sequence[Record], *, agreed: Quote | None = None) -> None:
    """Raise `AskFirst` where these requests cost more than ``above`` (USD; None: no limit) and than was ``agreed``."""
    costs = [record.snapshot.cost for record in records]
    known = [cost.amount for cost in costs if cost is not None]
    whole = Cost(sum(known, Decimal(0))) if len(known) == len(costs) else None
    quote = Quote(len(records), whole, any(record.snapshot.sandbox for record in records))
    if quote.asks(above) and not quote.within(agreed):
        verb = "may be" if quote.cost is None else "is" if quote.videos == 1 else "are"
        raise AskFirst(
            f"{quote.what}, {quote.money}, {verb} above the ${above:.2f} of HappyHorse.ask_above, and nothing is sent",
            remedy="Add `--yes` if it is meant, or raise `%config HappyHorse.ask_above`.",
            quote=quote,
        )


def _named(snapshot: Snapshot) -> str:
    """What the missing price is for: the resolution, given or the server's default."""
    table = MODELS.get(snapshot.model)
    defaults = {param.name: param.default for param in table.options} if table is not None else {}
    return str({**defaults, **snapshot.params}.get("resolution") or f"a request of {snapshot.model}")
