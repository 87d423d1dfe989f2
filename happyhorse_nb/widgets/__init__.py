"""What a notebook shows of jobs. The widgets show snapshots and report clicks; ipywidgets is imported on first use."""

from happyhorse_nb.widgets.card import Card, show

__all__ = ["Card", "show"]
