"""A place inside a form: what a callback displays shows nowhere, but an Output widget can be given its outputs."""

from __future__ import annotations

from typing import Any

from happyhorse_nb.widgets.place import Bundle


class Slot:
    """A `Place` made of an Output widget; its outputs outlive a reload of the page, and reach one in Voilà."""

    def __init__(self) -> None:
        import ipywidgets as widgets

        self.widget: Any = widgets.Output()

    def put(self, bundle: Bundle) -> None:
        """Show this MIME bundle."""
        self.widget.outputs = ({"output_type": "display_data", "data": dict(bundle), "metadata": {}},)

    change = put
