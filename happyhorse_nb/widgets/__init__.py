"""What is seen of a job in a notebook: snapshots in, what the user wants out. Nothing here polls or sees JSON.

ipywidgets is imported on first use.
"""

from happyhorse_nb.widgets.card import Card, show

__all__ = [
    "Card",
    "show",
]
