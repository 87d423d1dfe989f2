"""The async client: requests, answers and downloads over aiohttp. Usable alone, in any program.

Names are imported on first use, so a cell that submits does not wait for aiohttp; the thread of the event loop does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from happyhorse_nb.client.client import Client
    from happyhorse_nb.client.mp4 import check_mp4, read_mp4
    from happyhorse_nb.models import VideoInfo

__all__ = ["Client", "VideoInfo", "check_mp4", "read_mp4"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{'client' if name == 'Client' else 'mp4'}"), name)
    globals()[name] = found
    return found
