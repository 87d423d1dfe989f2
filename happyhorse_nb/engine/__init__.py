"""Runs every job on one event loop, and remembers it on disk."""

from happyhorse_nb.engine.core import Engine, engine

__all__ = [
    "Engine",
    "engine",
]
