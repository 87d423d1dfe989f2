"""The parts of the machine that decide: the queue, the nap detector, the callbacks' thread."""

from __future__ import annotations

import asyncio
import threading

from happyhorse_nb.jobs.callbacks import Callbacks
from happyhorse_nb.jobs.naps import Naps
from happyhorse_nb.jobs.queue import Queue


def test_a_nap_is_seen_once_and_a_corrected_clock_is_none() -> None:
    wall, steady = 1000.0, 50.0
    naps = Naps(lambda: wall, lambda: steady)
    assert not naps.over()
    # A busy minute.
    wall, steady = wall + 60, steady + 60
    assert not naps.over()
    # An hour of sleep, in which only the wall's clock ran on.
    wall, steady = wall + 3600, steady + 1
    assert naps.over()
    assert not naps.over()
    # Set back, and forward by a little.
    wall -= 7200
    assert not naps.over()
    wall += 3
    assert not naps.over()


async def test_a_place_is_never_given_to_one_that_has_just_left() -> None:
    queue = Queue(lambda: 1)
    await queue.enter("a", lambda place: None)
    waiting = [asyncio.ensure_future(queue.enter(name, lambda place: None)) for name in "bc"]
    await asyncio.sleep(0)
    # In one breath: the next in line gives up, and the place becomes free.
    waiting[0].cancel()
    queue.leave("a")
    await asyncio.wait(waiting)
    assert waiting[0].cancelled()
    assert queue.running == {"c"}
    queue.leave("c")
    assert queue.running == frozenset()


async def test_a_place_given_to_one_that_leaves_at_that_instant_goes_to_the_next() -> None:
    queue = Queue(lambda: 1)
    await queue.enter("a", lambda place: None)
    waiting = [asyncio.ensure_future(queue.enter(name, lambda place: None)) for name in "bc"]
    await asyncio.sleep(0)
    queue.leave("a")
    waiting[0].cancel()
    await asyncio.wait(waiting)
    assert queue.running == {"c"}


async def test_the_places_are_told_as_they_change() -> None:
    queue, told = Queue(lambda: 1), []
    await queue.enter("a", lambda place: told.append(("a", place)))
    waiting = [
        asyncio.ensure_future(queue.enter(name, lambda place, name=name: told.append((name, place))))  # type: ignore[misc]  # mypy cannot type a lambda with a default
        for name in "bc"
    ]
    await asyncio.sleep(0)
    queue.leave("a")
    await waiting[0]
    queue.leave("b")
    await waiting[1]
    assert told == [("b", 1), ("c", 2), ("c", 1), ("b", None), ("c", None)]


def test_callbacks_are_called_in_order_on_a_thread_that_does_not_hold_up_the_end() -> None:
    callbacks, heard = Callbacks(), []
    for number in range(5):
        callbacks.call(lambda number=number: heard.append(number))  # type: ignore[misc]  # likewise
    assert callbacks.drain(30)
    assert heard == list(range(5))
    stuck = threading.Event()
    callbacks.call(lambda: (stuck.wait(30), None)[1])
    assert not callbacks.drain(0.01)
    assert callbacks._thread.daemon
    stuck.set()
