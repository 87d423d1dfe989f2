"""The gallery: posters of the ledger's videos in a grid, in pages."""

from happyhorse_nb.widgets.gallery.view import Gallery, gallery

__all__ = [
    "Gallery",
    "gallery",
]
