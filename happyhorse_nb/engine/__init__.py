"""Runs every job on one event loop, and remembers it on disk."""

from happyhorse_nb.engine.core import engine

__all__ = ["engine"]
