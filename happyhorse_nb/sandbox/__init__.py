"""The sandbox: a server on loopback that speaks the API's wire format and renders real clips, for play money.

`Sandbox` runs in the caller's event loop, `SandboxProcess` in a process of its own. Both are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from happyhorse_nb.sandbox.options import SandboxOptions
    from happyhorse_nb.sandbox.process import SandboxProcess
    from happyhorse_nb.sandbox.server import Sandbox

__all__ = ["Sandbox", "SandboxOptions", "SandboxProcess"]

_HOMES = {"Sandbox": "server", "SandboxOptions": "options", "SandboxProcess": "process"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
