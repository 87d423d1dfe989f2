"""The best instants to look, by dynamic programming, for who knows how tasks are distributed."""

from __future__ import annotations

from collections.abc import Iterator

from happyhorse_nb.polling import Forecast

#: Seconds between two ages that are considered, and the rarest tasks that are (of all).
_STEP, _NOBODY = 0.25, 1e-7
#: The rule of early looks, and the longest gap, in seconds: as the policy has them.
_FIRST, _LONGEST = 1.0, 60.0


def optimum(truth: Forecast, price: float) -> Iterator[float]:
    """The ages at which mean delay + ``price`` x looks is least, under the rule that no gap is longer than half the
    task's age or one second, whichever is more.

    From the last age backwards: of each age the cost of the best next one, which is a look by all tasks that still
    run, the waiting that gathers until then, and what follows.
    """
    rest = [truth.rest(0.0)]
    while rest[-1][0] > _NOBODY:
        rest.append(truth.rest(len(rest) * _STEP))
    alive, beyond = zip(*rest, strict=True)
    last = len(alive) - 1
    cost, following = [0.0] * (last + 1), [last] * (last + 1)
    for place in range(last - 1, -1, -1):
        longest = min(max(_FIRST, place * _STEP / 2), _LONGEST)
        best, chosen = float("inf"), last
        for then in range(place + 1, min(place + int(longest / _STEP), last) + 1):
            unseen = (then - place) * _STEP * alive[place] - (beyond[place] - beyond[then])
            if unseen >= best:
                # It only grows from here.
                break
            if unseen + cost[then] < best:
                best, chosen = unseen + cost[then], then
        cost[place], following[place] = price * alive[place] + best, chosen
    place = 0
    while place < last:
        place = following[place]
        yield place * _STEP
    while True:
        # The one in millions.
        place += int(_LONGEST / _STEP)
        yield place * _STEP
