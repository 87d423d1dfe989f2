"""What exists once in this process, whatever happens to modules, the main thread and forks.

``%reload_ext``, ``importlib.reload`` and ``%autoreload`` run a module's code again, which makes every module-level
variable anew: a thread kept there would be leaked and a second one started. So what must exist once is kept in a module
object of our own in ``sys.modules``. It has no source file, so nothing reloads it, and its name does not begin with
ours, so it stays when a user removes our modules from ``sys.modules``.

**The main thread never takes a lock of ours.** An interrupt may be raised there between any two steps, also between
taking a lock and making sure that it is released (``with lock:`` is two steps); a lock that stays taken would block
everything until a restart. So whatever takes a lock or opens a transaction goes through `uninterrupted`: it runs on
another thread, where Python raises no interrupt, while the main thread waits and holds nothing. An interrupt ends the
wait; the work itself comes to its end. On every other thread it is an ordinary call.

**Nothing that is open is carried through a fork**: see `Guard`.
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
#: Seconds between two chances for an interrupt, where a wait cannot be interrupted.
PAUSE = 0.2
#: Seconds after which what was closed for a fork opens again, if the fork never comes (its thread was interrupted).
_FORK = 5.0
#: Seconds that a fork waits for users of open things; longer than those wait for another kernel's write.
_LONGEST = 12.0
#: Seconds between two looks whether a fork is over or possible, which takes about as long.
_MOMENT = 0.001
T = TypeVar("T")


def uninterrupted(work: Callable[[], T]) -> T:
    """Run what takes a lock, where no interrupt comes, and wait for its outcome; raises what it raises. See above.

    The caller must hold no lock that the work needs. After an interrupt the work goes on by itself.
    """
    if get_ident() != main_thread().ident or sys.is_finalizing():
        return work()
    told: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
    # As in a direct call: outputs within belong to the waiting cell.
    context = copy_context()

    def run() -> None:
        try:
            told.put((True, context.run(work)))
        except BaseException as problem:  # noqa: BLE001  # raised below, on the waiting thread
            told.put((False, problem))

    try:
        # Not threading.Thread, whose start takes locks that others share.
        start_new_thread(run, ())
    except RuntimeError:
        # Python is ending and gives no more threads.
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
            # The error refers to this frame, which would refer to the error.
            del found


class Guard:
    """A lock: ``guard(act)`` runs ``act`` with it held, uninterrupted; no fork comes in the middle.

    Subclasses are closed while this process forks. In a fork, SQLite believes that it has its parent's locks
    (https://sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork"); and a file's lock
    would live on in the fork after its process has died.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        #: The thread that holds it during a fork.
        self._forking: int | None = None
        _store().forked[id(self)] = self

    def __call__(self, act: Callable[[], T]) -> T:
        """Call ``act`` with the lock held; returns what it returns and raises what it raises."""

        def held() -> T:
            with self._lock:
                return act()

        return uninterrupted(held)

    def before_fork(self) -> None:
        """Hold it, unless somebody else does for longer than anybody should. Called on another thread than the one that
        forks."""
        if self._lock.acquire(timeout=_LONGEST):
            self._forking = get_ident()

    def after_fork(self) -> None:
        """Release it. Called on the thread of `before_fork`, in the parent."""
        if self._forking == get_ident():
            self._forking = None
            self._lock.release()

    def in_fork(self) -> None:
        """Begin anew, as a thread that is missing in the fork may hold it."""
        self._lock, self._forking = RLock(), None


def is_a(thing: object, *kinds: type[T]) -> TypeGuard[T]:
    """Whether a thing is of one of these classes, or of an earlier version of one, before a reload: known by name."""
    names = {(kind.__module__, kind.__qualname__) for kind in kinds}
    return any((kind.__module__, kind.__qualname__) in names for kind in type(thing).__mro__)


def once(name: str, make: Callable[[], T], *, forks: bool = False) -> T:
    """The process's one thing of that name, made on first use; a fork makes its own unless the thing ``forks``."""
    store = _store()
    things: dict[str, Any] = store.things
    if forks:
        store.forking.add(name)
    # Nothing is ever removed, so looking needs no lock.
    return cast(T, things[name]) if name in things else uninterrupted(lambda: _made(name, make))


def put(name: str, thing: object) -> None:
    """Set or replace the thing of that name; forks have it too."""
    store = _store()
    store.forking.add(name)
    store.things[name] = thing


def get(name: str) -> Any:
    """The thing of that name, None if there is none."""
    return _store().things.get(name)


def wait_for_forks() -> None:
    """Wait until no thread is forking. Called after a `Guard` is made and before it opens anything: one that is made
    during a fork would be open in it."""
    # Not a lock, as the main thread may be forking.
    _wait_while(lambda: _store().shut, _LONGEST)


def carry(name: str, thing: object) -> None:
    """Keep a thing for ever, here and in forks: it must be neither used nor collected."""
    _store().carried.setdefault(name, []).append(thing)


def carried(name: str) -> bool:
    """Whether a thing of that name is kept for ever."""
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
        #: The threads that fork; and the forks during which nothing may be opened.
        made.__dict__.update(forks={}, shut=set())
        # setdefault is atomic, so two threads that come first get the same store.
        store = sys.modules.setdefault(_NAME, made)
        if store is made:
            os.register_at_fork(
                before=lambda: _before_fork(made),
                after_in_parent=lambda: _after_fork(made),
                after_in_child=lambda: _in_fork(made),
            )
    return store


def _open(store: ModuleType) -> list[Guard]:
    return [thing for found in store.forked.valuerefs() if (thing := found()) is not None]


def _before_fork(store: ModuleType) -> None:
    closed: SimpleQueue[None] = SimpleQueue()
    over: SimpleQueue[None] = SimpleQueue()

    def hold() -> None:
        held: list[Guard] = []
        while some := [thing for thing in _open(store) if thing not in held]:
            # While one is held, its users may open others, so look again.
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
    # Before looking at what is open, so that whoever comes later waits.
    store.shut.add(over)
    if not _open(store):
        return
    start_new_thread(hold, ())
    waits = True
    while waits:
        with suppress(Empty):
            closed.get(timeout=PAUSE)
            waits = False
    # Another import may have begun meanwhile.
    _wait_while(_loading, _FORK / 2)


def _loading() -> bool:
    """Whether another thread is importing a module: in the fork that would never end, and all who need the module would
    wait for ever. (A private detail of Python; where it is missing, the answer is no.)"""
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
    # A fork has our objects but not our threads, so what works is made anew.
    things = {name: thing for name, thing in store.things.items() if name in store.forking}
    store.__dict__.update(lock=RLock(), things=things, forks={}, shut=set())
    for thing in _open(store):
        thing.in_fork()


#: Threads that write videos. A slow disk keeps these busy, not those that polls need.
_WRITERS = 2
#: Threads that decode videos. Each keeps a core busy, and the user's cell needs one too.
_VIEWERS = 1


async def at_disk(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on a thread for writing to the disk."""
    pool = once("disk", lambda: ThreadPoolExecutor(_WRITERS, thread_name_prefix="happyhorse_nb disk"))
    return await in_thread(function, *arguments, on=pool)


async def at_decoder(function: Callable[..., T], *arguments: object) -> T:
    """Call a function on the thread for decoding. Videos take turns there, and no write waits for them."""
    pool = once("decoder", lambda: ThreadPoolExecutor(_VIEWERS, thread_name_prefix="happyhorse_nb decoder"))
    return await in_thread(function, *arguments, on=pool)


async def in_thread(function: Callable[..., T], *arguments: object, on: Executor | None = None) -> T:
    """Call a function on a thread, so that the loop goes on.

    While Python ends it gives no more threads; then the function is called here, so that jobs can still end well.
    """
    try:
        running = asyncio.get_running_loop().run_in_executor(on, function, *arguments)
    except RuntimeError:
        return function(*arguments)
    return await running
