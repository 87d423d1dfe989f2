"""A place in a cell's output that can be filled again later, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Bundle = Mapping[str, Any]


class Place(Protocol):
    """Put once by the cell, then changed from wherever the job's news come."""

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle as an output of the running cell."""

    def change(self, bundle: Bundle) -> None:
        """Show this MIME bundle in the same place instead."""


#: Makes a place; a test passes its own.
Places = Callable[[], Place]


class Output:
    """A place made of IPython's display handle."""

    def __init__(self) -> None:
        from IPython.display import DisplayHandle

        # IPython's display classes have no types.
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle as an output of the running cell."""
        self._handle.display(dict(bundle), raw=True)

    def change(self, bundle: Bundle) -> None:
        """Show this MIME bundle in the same place instead."""
        self._handle.update(dict(bundle), raw=True)
