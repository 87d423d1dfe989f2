"""When to ask: seconds until an end is noticed and requests for it, of the policy and of fixed clocks, in virtual time.

A, B and C are jobs alone: without a history, with one, and of two kinds with one. D is fifty at once under a hundred
requests a minute. E is A on a server that holds reads open. Each ratio is of mean delays, against the fixed clock that
asks as often; the optimum, by dynamic programming, knows how the tasks are distributed, and is compared by what both
pay at one price: delay plus requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import table
from happyhorse_nb.polling import PATIENCE
from polling_alone import CLOCKS, Found, as_often, at_polls, clock, doubling, look, policy
from polling_crowd import FASTEST, clocked, crowd, shared
from polling_held import HELD, LATE, REQUESTS, TRIP, crowd_held, held
from polling_optimum import optimum
from polling_tasks import Kind, workload

_TASKS, _HISTORIES, _CROWD = 12_000, 12, 3_000
#: Requests for a job, and at most what part of the fixed clock's delay, in each workload.
TARGETS = {"A": ((60, 0.80), (30, 0.92)), "B": ((60, 0.52), (30, 0.65)), "C": ((60, 0.52), (30, 0.65))}
#: At most what the policy may pay of the optimum's cost; and in D, of the delay by the best clock without a 429.
NEAR, CROWDED = 1.15, 0.6
#: Clocks slow enough for fifty jobs. A minute has room for their submits and one look at each, so no clock up to 30 s
#: gets through without a 429; the fastest that does is just above, and the best of these is the best of all.
_SLOW = (25.0, 30.0, FASTEST, 30.1, 30.5, 31.0, 35.0, 40.0)


def main() -> None:
    for name, what in (
        ("A", "8 % fail early (median 4 s, sigma 0.5), the others take 120 s, sigma 0.45; no history"),
        ("B", "the same with sigma 0.2, after 20 jobs"),
        ("C", "60 s and 240 s by kind, sigma 0.2, after 20 jobs of each"),
    ):
        print(f"\n{name}: {what}; {_TASKS:,} tasks.\n")
        _alone(workload(name, tasks=_TASKS, histories=_HISTORIES), TARGETS[name])
    print(f"\nD: fifty jobs at once, tasks as in A, 100 requests a minute; {_CROWD:,} tasks.\n")
    _crowd(workload("A", tasks=_CROWD, histories=1)[0])
    print(
        f"\nE: as A, {_TASKS:,} tasks, on a server that holds ?wait=true for {HELD:g} s; an answer takes {TRIP:g} s.\n"
    )
    _held(workload("A", tasks=_TASKS, histories=1)[0])


def _alone(kinds: Sequence[Kind], targets: Sequence[tuple[int, float]]) -> None:
    rows = [_row(f"every {period:g} s", look(kinds, lambda _, p=period: clock(p))) for period in CLOCKS]  # type: ignore[misc]
    rows.append(_row("1 to 10 s, doubling", look(kinds, lambda _: doubling())))
    usual = look(kinds, lambda kind: policy(kind.estimate, PATIENCE))
    rows.append(_row("the policy, alone in its kernel", usual, *_against(kinds, usual, PATIENCE)))
    for polls, target in targets:
        price, found = at_polls(kinds, polls)
        ratio, near = _against(kinds, found, price)
        rows.append(_row(f"the policy at {polls} polls", found, f"{ratio} (<= {target})", f"{near} (<= {NEAR})"))
    _show("of the clock that asks as often", "of the optimum's cost", rows)


def _against(kinds: Sequence[Kind], found: Found, price: float) -> tuple[str, str]:
    ratio, near = compare(kinds, found, price)
    return f"{ratio:.3f}", f"{near:.3f}"


def compare(kinds: Sequence[Kind], found: Found, price: float) -> tuple[float, float]:
    """The delay over that of the fixed clock which asks as often, and the cost over the optimum's at that price."""
    _, base = as_often(kinds, found.polls)
    best = look(kinds, lambda kind: optimum(kind.truth, price))
    return found.mean / base.mean, (found.mean + price * found.polls) / (best.mean + price * best.polls)


def _crowd(kind: Kind) -> None:
    rules: dict[str, Callable[[], Iterator[float]]] = {
        f"every {period:g} s": lambda period=period: clock(period)  # type: ignore[misc]
        for period in (*CLOCKS, *_SLOW)
    }
    rules["1 to 10 s, doubling"] = doubling
    rows, clean = [], []
    for what, rule in rules.items():
        found, refused = crowd(kind, clocked(rule))
        rows.append(_row(what, found, f"{refused:,}"))
        if not refused:
            clean.append(found.mean)
    found, refused = crowd(kind, shared)
    ratio = f"{found.mean / min(clean):.3f} (<= {CROWDED})"
    rows.append(_row("the policy and its budget", found, f"{refused:,} (0)", ratio))
    _show("429s", "of the best clock without", rows)


def _held(kind: Kind) -> None:
    rows = []
    for what, seconds, targets in (
        ("the policy, reads held open", HELD, (f"<= {LATE:g} s, <= {REQUESTS} requests",)),
        ("the policy, the parameter not known", 0.0, ()),
    ):
        found, _ = held(kind, seconds=seconds)
        rows.append(_row(what, found, *targets))
    many, unseen, _ = crowd_held(Kind(kind.estimate, kind.truth, kind.times[:_CROWD]))
    rows.append(_row("fifty at once as in D, held open", many, "", f"{unseen:.0f} s"))
    _show("target", "longest without a look", rows)


def _row(what: str, found: Found, *more: str) -> tuple[str, ...]:
    cells = (what, f"{found.mean:.2f}", f"{found.late:.2f}", f"{found.polls:.1f}", *more)
    return cells + ("",) * (6 - len(cells))


def _show(first: str, second: str, rows: Sequence[tuple[str, ...]]) -> None:
    table.lines([("asks", "mean delay, s", "95th percentile, s", "polls for a job", first, second), *rows])
