"""Keeps the requests of a minute within what the account allows. Pure: the clock is passed in."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from happyhorse_nb.polling import TRIED_AFTER, Hold
from happyhorse_nb.store.leases import LEASED, MINUTE, Lease

#: Seconds in which several refusals count as one, as they were sent before the first came back.
_ONE_REFUSAL = 10.0
#: The lowest rate to which refusals lower it that name no limit.
_FLOOR = 2.0
#: Growth in a minute: up to about where it was refused last, and beyond.
_FAST, _SLOW = 2.0, 1.05
_MOST = 1_000_000


class Rate:
    """How many requests a minute are allowed: starts from a setting, goes down at once and up slowly.

    ``start`` is asked each time; a changed setting is a new start. ``clock`` is any steady clock in seconds.
    """

    def __init__(self, start: Callable[[], int], clock: Callable[[], float]) -> None:
        self._start = start
        self._clock = clock
        self._seen = start()
        self._value = self._goal = float(self._seen)
        #: How many there were in a minute when one was refused last.
        self._wall: float | None = None
        self._at = clock()
        self._refused = float("-inf")

    @property
    def per_minute(self) -> int:
        """Requests that may leave in a minute."""
        now, start = self._clock(), self._start()
        passed, self._at = max(0.0, now - self._at), now
        if start != self._seen:
            self._seen, self._wall = start, None
            self._value = self._goal = float(start)
        if self._value < self._goal:
            self._grow(passed)
        return max(1, int(self._value))

    def told(self, limit: int) -> None:
        """The server has stated its limit."""
        self._goal = float(min(max(limit, 1), _MOST))
        self._value = min(float(self.per_minute), self._goal)

    def refused(self, sent: int) -> None:
        """The server has refused a request after ``sent`` in the last minute."""
        now, value = self._clock(), float(self.per_minute)
        if now - self._refused >= _ONE_REFUSAL:
            lowered = 0.75 * value
            if sent >= value / 2:
                lowered = min(lowered, 0.9 * sent)
            self._value = min(value, max(lowered, _FLOOR))
            self._wall = max(float(sent), _FLOOR)
        self._refused = now

    def _grow(self, passed: float) -> None:
        soft = self._goal if self._wall is None else min(0.9 * self._wall, self._goal)
        if self._value < soft:
            self._value = min(soft, self._value * _FAST ** (passed / 60))
        else:
            self._value = min(self._goal, self._value * _SLOW ** (passed / 60))


#: The part of a minute's requests that is reserved for submits, and the same for reads; at most every second one.
_RESERVED, _ONE_IN = 0.03, 2
#: Reads that may leave at once: this part of a minute's requests or that many, and half of them if there are few.
_BURST, _FEW = 8, 10
#: The same when the minute was used up, and some requests come back.
_SOME = 3
#: Rounding errors of a wait.
_EPSILON = 1e-4
#: Seconds after which a late lease is looked for again; whoever waits for it is told when it comes.
_MOMENT = 0.05
#: Least seconds between two leases, and when a submit wants one.
_BETWEEN, _BETWEEN_FOR_SUBMITS = 1.0, 0.2


#: Gets this kernel's share of what the account allows (`store.Leases.lease`, on a thread). The first argument is called
#: with the new lease, None where none can be had, now or soon; until then no other is asked for.
Lend = Callable[..., None]


class RateLimiter:
    """Counts the requests of the last minute. ``clock`` is any steady clock in seconds; ``lend`` shares the account's
    requests with other kernels, None without them; ``hold`` counts the reads that the server holds open."""

    def __init__(
        self, rate: Rate, clock: Callable[[], float], lend: Lend | None = None, hold: Hold | None = None
    ) -> None:
        self.rate = rate
        #: Requests that wait now, to lease as many.
        self.wanted = 1
        self._clock = clock
        self._lend = lend
        self._hold = hold
        self._sent: deque[tuple[float, bool]] = deque()
        self._submits = 0
        #: How many reads are ahead of an even pace, and when that was counted.
        self._ahead, self._counted = 0.0, clock()
        self._paused = float("-inf")
        #: When one read leaves although the server asked to wait for longer; whether it is on its way.
        self._try, self._trying = float("inf"), False
        #: What the server says is left, and until when.
        self._left, self._until = 0, float("-inf")
        #: What is left of the lease, when it ends, and what was used since the last one was taken.
        self._leased, self._lease_ends = 0, float("-inf")
        self._used, self._last_used = 0, clock()
        self._asked, self._asking = float("-inf"), False
        #: Whether the other kernels know our use; how many of all want requests now, and how many did lately.
        self._others_know, self._hungry_kernels, self._known_kernels = True, 1, 1

    @property
    def sent(self) -> int:
        """Requests in the last minute."""
        self._drop_old()
        return len(self._sent)

    @property
    def free(self) -> float:
        """The part of a minute's requests that is left, 0 to 1."""
        return max(0.0, 1 - self.sent / self.rate.per_minute)

    @property
    def paused(self) -> float:
        """Seconds that the server still asks to wait; 0 for none."""
        return max(0.0, self._paused - self._clock())

    @property
    def share(self) -> float:
        """Requests a minute for this kernel's reads while other kernels want some too."""
        rate = self.rate.per_minute
        return (rate - _reserved(rate)) / self._hungry_kernels

    def wait(self, *, submit: bool) -> float:
        """Seconds until one more may leave, as far as is known; 0: now."""
        now = self._clock()
        if now < self._paused and (submit or now < self._try):
            return (self._paused if submit else min(self._try, self._paused)) - now
        rate = self.rate.per_minute
        reserved = _reserved(rate)
        if now < self._until and self._left <= (0 if submit else reserved):
            return self._until - now
        full = self._full(now, rate, reserved, submit=submit)
        burst = max(rate / _BURST, min(_FEW, rate / 2))
        gap = MINUTE / (rate - reserved)
        ahead = self._ahead_now(now, gap)
        if full > 0:
            if not submit:
                # They were used up, so what comes back is spread over the next minute, and not used at once.
                self._ahead = max(ahead, full / gap + burst - _SOME)
            return full
        if not submit:
            # Evenly but for a few, or the first seconds of a minute would use all of it.
            wait = gap * (ahead - burst - self._early())
            if wait > _EPSILON:
                return wait
        return self._until_leased(now, rate, 0 if submit else reserved, _BETWEEN_FOR_SUBMITS if submit else _BETWEEN)

    def take(self, *, submit: bool) -> None:
        """A request leaves now."""
        now = self._clock()
        self._sent.append((now, submit))
        self._submits += submit
        self._left -= 1
        self._leased -= 1
        self._used += 1
        self._last_used = now
        if not submit:
            if now < self._paused:
                self._try, self._trying = float("inf"), True
            rate = self.rate.per_minute
            self._ahead = self._ahead_now(now, MINUTE / (rate - _reserved(rate))) + 1

    def late(self, seconds: float) -> None:
        """A submit that was counted so many seconds ago leaves only now."""
        now = self._clock()
        for number in range(len(self._sent) - 1, -1, -1):
            at, submit = self._sent[number]
            if submit and at <= now - seconds + _EPSILON:
                del self._sent[number]
                self._sent.append((now, True))
                return

    def told(self, limit: int | None, left: int | None, seconds: float | None, *, in_flight: int = 0) -> None:
        """The server has stated its limit, what is left of it, and in how many seconds it begins anew."""
        if limit is not None:
            self.rate.told(limit)
        if left is not None and seconds is not None:
            # Requests on their way may not have been counted yet.
            self._left, self._until = left - in_flight, self._clock() + min(seconds, MINUTE)

    def refused(self, seconds: float) -> None:
        """The server asks to wait so many seconds."""
        self.rate.refused(self.sent)
        now = self._clock()
        if now >= self._paused:
            # Else it is the same wait, with its one read.
            self._try = now + TRIED_AFTER
        self._trying = False
        self._paused = max(self._paused, now + seconds)

    def answered(self) -> None:
        """The server has answered; if that was the one read in a wait, the wait is over."""
        if self._trying:
            self.resume()

    def resume(self) -> None:
        """Forget for how long the server asked to wait: the machine has slept, or the user will not wait."""
        self._paused = self._until = float("-inf")
        self._trying = False

    def rest(self) -> None:
        """Return what is left of a lease that has run out."""
        now = self._clock()
        if self._lend is not None and self._leased > 0 and now >= self._lease_ends:
            self._lease_again(now, 0, self.rate.per_minute, 0)

    def _ahead_now(self, now: float, gap: float) -> float:
        # In reads, not in seconds, as the rate changes.
        passed, self._counted = max(0.0, now - self._counted), now
        self._ahead = max(0.0, self._ahead - passed / gap)
        return self._ahead

    def _early(self) -> int:
        # One more for each submit of the minute, as tasks that fail do so at once. Not while reads are held open: those
        # that leave together end together, and would leave nothing for the next ones.
        return 0 if self._hold is not None and self._hold.open else self._submits

    def _full(self, now: float, rate: int, reserved: int, *, submit: bool) -> float:
        self._drop_old()
        others = len(self._sent) - self._submits if submit else self._submits
        most = rate - max(0, reserved - others)
        if not self._others_know:
            # The use of the other kernels is not known now.
            most = max(1, most // self._known_kernels)
        if len(self._sent) < most:
            return 0.0
        return max(self._sent[len(self._sent) - most][0] + MINUTE - now, 0.001)

    def _drop_old(self) -> None:
        old = self._clock() - MINUTE + _EPSILON
        while self._sent and self._sent[0][0] <= old:
            self._submits -= self._sent.popleft()[1]

    def _until_leased(self, now: float, rate: int, reserved: int, between: float) -> float:
        if self._lend is None or (self._leased > 0 and now < self._lease_ends):
            return 0.0
        if self._asking or now < self._asked + between:
            return max(self._asked + between - now, _MOMENT)
        self._lease_again(now, min(rate, self.wanted + max(2, math.ceil(LEASED * rate / 60))), rate, reserved)
        return 0.0 if self._leased > 0 else between

    def _lease_again(self, now: float, wants: int, rate: int, reserved: int) -> None:
        if self._lend is None or self._asking:
            return
        used = self._used
        self._asked, self._asking, self._leased = now, True, 0

        def then(found: Lease | None) -> None:
            self._asking, self._lease_ends, self._others_know = False, self._clock() + LEASED, found is not None
            if found is None:
                self._leased = wants
            else:
                self._leased, self._used = found.count, self._used - used
                self._hungry_kernels, self._known_kernels = found.kernels, found.known

        self._lend(then, used=used, ago=now - self._last_used, wants=wants, limit=rate, spare=reserved)


def _reserved(rate: int) -> int:
    return min(rate // _ONE_IN, math.ceil(_RESERVED * rate))
