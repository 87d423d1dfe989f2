"""The command ``happyhorse-nb``."""

from happyhorse_nb.cli.main import main

__all__ = [
    "main",
]
