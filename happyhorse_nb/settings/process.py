"""What belongs to this process, whatever happens to the modules, to its main thread and to its forks.

``%reload_ext``, ``importlib.reload`` and ``%autoreload`` run module code again, and with it every module-level variable
is made anew: a thread kept there would be leaked and a second one started. So the few things that must exist once live
in a module object of our own making. It has no source file, so nothing reloads it, and no name of ours in front, so a
user who throws our modules out of ``sys.modules`` does not throw it out with them.

**No lock of ours is ever taken by the main thread**, for there an interrupt may be raised between any two steps: also
between the one that takes a lock and the one that would see to it that it is given back (``with lock:`` is two). Held
by a thread that has moved on, it would stand in everybody's way until the program is started anew. So whatever takes a
lock, or opens a transaction, goes through `uninterrupted`: it runs on a thread of its own, where Python raises no
interrupt, and the main thread waits for it, with nothing in its hands. An interrupt ends the waiting; what is under way
comes to its end, as a whole. On every other thread such a call is an ordinary one.

**Nothing that is open is carried through a fork**: see `at_fork`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from _thread import start_new_thread
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import RLock, get_ident, main_thread
from types import ModuleType
from typing import Any, TypeGuard, TypeVar, cast
from weakref import WeakValueDictionary

_NAME = "_process_of_happyhorse_nb"
#: Seconds between two chances for an interrupt, where the platform gives none inside a wait.
PAUSE = 0.2
#: Seconds for which all that is open stays closed for a fork that never comes, because its thread was interrupted.
_FORK = 5.0
#: Seconds that a fork waits for whoever has something open: longer than they wait for another kernel that writes.
_LONGEST = 12.0
#: Seconds between two looks whether a fork is over, or may be made; it takes about as long.
_MOMENT = 0.001
T = TypeVar("T")


class Forked:
    """Something that is open, and must not be so in a fork."""

    def before_fork(self) -> None:
        """Close it, and let nobody open it until `after_fork`. Called on another thread than the one that forks."""

    def after_fork(self) -> None:
        """It may be opened again. Called on the thread of `before_fork`, in the process that has forked."""

    def in_fork(self) -> None:
        """Begin anew: a lock of it may be held by a thread that is not here. Called in the fork."""


def uninterrupted(work: Callable[[], T]) -> T:
    """Run what takes a lock, and wait for its outcome; raises what it raises. See above.

    The caller holds no lock that the work may want. An interrupt while it runs leaves it to end by itself.
    """
    if get_ident() != main_thread().ident or sys.is_finalizing():
        return work()
    told: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    # As a call would: what is shown within belongs to the cell that waits for it.
    context = copy_context()

    def run() -> None:
        try:
            told.put((True, context.run(work)))
        except BaseException as problem:  # noqa: BLE001  # it is raised where it is waited for
            told.put((False, problem))

    try:
        # Not threading.Thread: to start one takes locks, which are everybody's.
        start_new_thread(run, ())
    except RuntimeError:
        # On its way out the interpreter gives no more threads.
        return work()
    while True:
        try:
            good, found = told.get(timeout=PAUSE)
        except Empty:
            continue
        if good:
            return cast(T, found)
        try:
            raise found
        finally:
            # The error holds this frame, which would hold the error.
            del found


class Guard(Forked):
    """A lock: ``guard(act)`` acts with it held, where no interrupt comes between, and no fork finds it half done."""

    def __init__(self) -> None:
        self._lock = RLock()
        #: The thread that holds it for a fork.
        self._forking: int | None = None
        at_fork(self)

    def __call__(self, act: Callable[[], T]) -> T:
        """Act, and return what comes of it; raises what is raised there."""

        def held() -> T:
            with self._lock:
                return act()

        return uninterrupted(held)

    def before_fork(self) -> None:
        """Hold it, unless somebody else does for longer than anybody waits."""
        if self._lock.acquire(timeout=_LONGEST):
            self._forking = get_ident()

    def after_fork(self) -> None:
        """Let others have it."""
        if self._forking == get_ident():
            self._forking = None
            self._lock.release()

    def in_fork(self) -> None:
        """Begin anew."""
        self._lock, self._forking = RLock(), None


def is_a(thing: object, *kinds: type[T]) -> TypeGuard[T]:
    """Whether a thing is of one of these classes, or was before they were made anew: then only their names are the
    same."""
    names = {(kind.__module__, kind.__qualname__) for kind in kinds}
    return any((kind.__module__, kind.__qualname__) in names for kind in type(thing).__mro__)


def once(name: str, make: Callable[[], T], *, forks: bool = False) -> T:
    """The process's one thing of that name, made on first use; a fork makes its own unless the thing ``forks``."""
    store = _store()
    things: dict[str, Any] = store.things
    if forks:
        store.forking.add(name)
    # Nothing is ever taken out, so what is there needs no lock.
    return cast(T, things[name]) if name in things else uninterrupted(lambda: _made(name, make))


def put(name: str, thing: object) -> None:
    """Set or replace the process's thing of that name; a fork has it too: what was chosen is chosen there."""
    store = _store()
    store.forking.add(name)
    store.things[name] = thing


def get(name: str) -> Any:
    """The process's thing of that name, None where there is none."""
    return _store().things.get(name)


def at_fork(thing: Forked) -> None:
    """Close it before this process forks, as long as it lives.

    SQLite knows what it has open by process, and a fork has that knowledge but not the locks (https://sqlite.org/
    howtocorrupt.html, "Carrying an open database connection across a fork"); and a lock on a file is the fork's too,
    which then outlives its process.
    """
    _store().forked[id(thing)] = thing


def wait_for_forks() -> None:
    """Wait until no thread is in the midst of a fork: for whoever was told to `at_fork`, before it opens anything.

    What was told there in time is closed for that fork; what was told later would be open in it.
    """
    # Not a lock: the thread that forks may be the main one.
    _wait_while(lambda: _store().shut, _LONGEST)


def carry(name: str, thing: object) -> None:
    """Keep a thing for ever, here and in the forks of this process: what must never be used, nor collected."""
    _store().carried.setdefault(name, []).append(thing)


def carried(name: str) -> bool:
    """Whether something of that name is kept for ever."""
    return name in _store().carried


def _made(name: str, make: Callable[[], T]) -> T:
    store = _store()
    things: dict[str, Any] = store.things
    with store.lock:
        if name not in things:
            things[name] = make()
        return cast(T, things[name])


def _store() -> ModuleType:
    store = sys.modules.get(_NAME)
    if store is None:
        made = ModuleType(_NAME)
        made.__dict__.update(lock=RLock(), things={}, forked=WeakValueDictionary(), forking=set(), carried={})
        #: The threads that fork; and those forks, for as long as nobody may open anything new.
        made.__dict__.update(forks={}, shut=set())
        # setdefault is one step under the GIL, so two threads that come first together get the same store.
        store = sys.modules.setdefault(_NAME, made)
        if store is made:
            os.register_at_fork(
                before=lambda: _before_fork(made),
                after_in_parent=lambda: _after_fork(made),
                after_in_child=lambda: _in_fork(made),
            )
    return store


def _open(store: ModuleType) -> list[Forked]:
    return [thing for found in store.forked.valuerefs() if (thing := found()) is not None]


def _before_fork(store: ModuleType) -> None:
    closed: SimpleQueue[None] = SimpleQueue()
    over: SimpleQueue[None] = SimpleQueue()

    def hold() -> None:
        held: list[Forked] = []
        while some := [thing for thing in _open(store) if thing not in held]:
            # Whoever has one of them may need another one, which nobody has yet.
            store.shut.discard(over)
            for thing in some:
                thing.before_fork()
            held += some
            store.shut.add(over)
        closed.put(None)
        with suppress(Empty):
            over.get(timeout=_FORK)
        store.shut.discard(over)
        for thing in held:
            thing.after_fork()

    _wait_while(_loading, _LONGEST)
    store.forks[get_ident()] = over
    # Before it is looked who is there: whoever comes later waits.
    store.shut.add(over)
    if not _open(store):
        return
    start_new_thread(hold, ())
    waits = True
    while waits:
        with suppress(Empty):
            closed.get(timeout=PAUSE)
            waits = False
    # Somebody may have begun to meanwhile.
    _wait_while(_loading, _FORK / 2)


def _loading() -> bool:
    """Whether another thread loads a module: in the fork nobody would end that, and whoever wants the module would wait
    for ever. (Python does not say so in public; where it has other names for it, this says no.)"""
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    owners = [getattr(lock(), "owner", None) for lock in list(locks.values())]
    return any(owner not in (None, get_ident()) for owner in owners)


def _wait_while(so: Callable[[], object], longest: float) -> None:
    until = time.monotonic() + longest
    while so() and time.monotonic() < until:
        time.sleep(_MOMENT)


def _after_fork(store: ModuleType) -> None:
    over = store.forks.pop(get_ident(), None)
    if over is not None:
        store.shut.discard(over)
        over.put(None)


def _in_fork(store: ModuleType) -> None:
    # It has our objects but not our threads: of what works it starts with nothing.
    things = {name: thing for name, thing in store.things.items() if name in store.forking}
    store.__dict__.update(lock=RLock(), things=things, forks={}, shut=set())
    for thing in _open(store):
        thing.in_fork()


#: Threads that write videos. A disk that takes its time keeps these busy, and none that a look at a task needs.
_WRITERS = 2
#: Threads that look through videos. Each keeps a core busy, and the user's cell wants one too.
_VIEWERS = 1


async def at_disk(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on one of the threads that only wait for the disk."""
    pool = once("disk", lambda: ThreadPoolExecutor(_WRITERS, thread_name_prefix="happyhorse_nb disk"))
    return await in_thread(function, *arguments, on=pool)


async def at_decoder(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on a thread that decodes. Many videos that come at once take turns there, and no write waits."""
    pool = once("decoder", lambda: ThreadPoolExecutor(_VIEWERS, thread_name_prefix="happyhorse_nb decoder"))
    return await in_thread(function, *arguments, on=pool)


async def in_thread(function: Callable[..., T], *arguments: object, on: Executor | None = None) -> T:
    """Call a function on a thread, so that the loop goes on meanwhile.

    While the interpreter shuts down it gives no more threads. Then the function is called here: what is left to do is
    to end well, which must not fail for want of a thread.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(on, function, *arguments)
    except RuntimeError:
        return function(*arguments)
    return await running
