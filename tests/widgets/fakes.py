"""A job without a server, and outputs without a notebook."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from happyhorse_nb import widgets
from happyhorse_nb.models import Cost, Progress, Snapshot, Status
from happyhorse_nb.store.record import StoredInput

Listener = Callable[[Snapshot], None]


def running(**changes: Any) -> Snapshot:
    """A job that the server works on."""
    first = Snapshot(
        status=Status.PROCESSING,
        id="h0192abcdef",
        task_id="task-8f31c2",
        prompt="The rocket lifts off",
        params={"duration": 5, "seed": 7},
        created=time.time(),
        submitted=time.time(),
        cost=Cost(Decimal("0.70")),
        progress=Progress(fraction=0.1, elapsed=4, left=40),
    )
    return replace(first, **changes)


def show(shown: Any, **options: Any) -> None:
    """Show a fake job, or several, as real ones are shown."""
    widgets.show(shown, **options)


class FakeJob:
    """A job that goes where the test tells it to, calling its listeners as the real one does."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.snapshot = snapshot or running()
        self.id = self.snapshot.id
        self.thumbnail: bytes | None = None
        self.inputs: tuple[StoredInput, ...] = ()
        self._state = SimpleNamespace(record=self)
        self.starred = False
        self.stopped = 0
        self.listeners: list[Listener] = []

    @property
    def sources(self) -> str:
        return "\n".join(one.source for one in self.inputs)

    def stop(self) -> None:
        self.stopped += 1

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def to(self, **changes: Any) -> None:
        """Change, and tell."""
        self.snapshot = replace(self.snapshot, **changes)
        for listener in list(self.listeners):
            listener(self.snapshot)

    def done(self, path: Path) -> None:
        """Arrive, with a bill."""
        self.to(status=Status.DONE, path=path, took=9.0, ended=time.time(), cost=Cost(Decimal("0.70"), billed=True))

    def live(self, seconds: float, path: Path, *, every: float = 0.1) -> None:
        """Run on a thread with an empty context, far busier than a real job, and end with the video of that path."""

        def work() -> None:
            start = time.monotonic()
            while (elapsed := time.monotonic() - start) < seconds:
                self.to(progress=Progress(fraction=elapsed / seconds, elapsed=round(elapsed, 1) * 10, left=9))
                time.sleep(every)
            self.done(path)

        threading.Thread(target=Context().run, args=(work,), daemon=True).start()


class FakeOutputs:
    """Makes outputs that remember what was put into them, and all of it in order."""

    def __init__(self) -> None:
        self.outputs: list[FakeOutput] = []
        self.events: list[tuple[str, int, Mapping[str, Any]]] = []

    def __call__(self) -> FakeOutput:
        self.outputs.append(FakeOutput(self, len(self.outputs)))
        return self.outputs[-1]

    @property
    def shown(self) -> list[str]:
        """The HTML that each place shows now."""
        return [str(place.bundle.get("text/html", "")) for place in self.outputs]


class FakeOutput:
    def __init__(self, outputs: FakeOutputs, number: int) -> None:
        self.outputs = outputs
        self.number = number
        self.bundle: Mapping[str, Any] = {}
        self.broken = False

    def put(self, bundle: Mapping[str, Any]) -> None:
        self._set("put", bundle)

    def change(self, bundle: Mapping[str, Any]) -> None:
        if self.broken:
            raise OSError("the page is gone")
        self._set("change", bundle)

    def _set(self, what: str, bundle: Mapping[str, Any]) -> None:
        self.bundle = bundle
        self.outputs.events.append((what, self.number, bundle))
