"""What belongs to this process, whatever happens to the modules.

``%reload_ext``, ``importlib.reload`` and ``%autoreload`` run module code again, and with it every module-level variable
is made anew: a thread kept there would be leaked and a second one started. So the few things that must exist once live
in a module object of our own making. It has no source file, so nothing reloads it, and no name of ours in front, so a
user who throws our modules out of ``sys.modules`` does not throw it out with them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, TypeGuard, TypeVar, cast

_NAME = "_process_of_happyhorse_nb"
T = TypeVar("T")


def _store() -> ModuleType:
    store = sys.modules.get(_NAME)
    if store is None:
        # setdefault is one step under the GIL, so two threads that come first together get the same store.
        store = sys.modules.setdefault(_NAME, ModuleType(_NAME))
    if not hasattr(store, "lock"):
        store.__dict__.setdefault("lock", RLock())
    if getattr(store, "pid", None) != os.getpid():
        # A fork has our objects but not our threads: it starts with nothing but the folders that were read.
        things = {name: thing for name, thing in getattr(store, "things", {}).items() if isinstance(thing, Path)}
        store.__dict__.update(pid=os.getpid(), lock=RLock(), things=things)
    return store


def is_a(thing: object, *kinds: type[T]) -> TypeGuard[T]:
    """Whether a thing is of one of these classes, or was before they were made anew: then only their names are the
    same."""
    names = {(kind.__module__, kind.__qualname__) for kind in kinds}
    return any((kind.__module__, kind.__qualname__) in names for kind in type(thing).__mro__)


def once(name: str, make: Callable[[], T]) -> T:
    """The process's one thing of that name, made on first use."""
    store = _store()
    things: dict[str, Any] = store.things
    if name in things:
        # Nothing is ever taken out, so what is there needs no lock.
        return cast(T, things[name])
    with store.lock:
        if name not in things:
            things[name] = make()
        return cast(T, things[name])


def put(name: str, thing: object) -> None:
    """Set or replace the process's thing of that name."""
    store = _store()
    with store.lock:
        store.things[name] = thing


def get(name: str) -> Any:
    """The process's thing of that name, None where there is none."""
    return _store().things.get(name)
