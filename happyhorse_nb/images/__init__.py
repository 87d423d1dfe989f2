"""First frames: from whatever a notebook holds to bytes within the limits. Pillow does the work, on first use."""

from happyhorse_nb.images.address import check_address
from happyhorse_nb.images.check import ImageInfo, check, inspect
from happyhorse_nb.images.fit import fit_into, thumbnail
from happyhorse_nb.images.frame import FirstFrame, output_size
from happyhorse_nb.images.load import decode_data_uri, load

__all__ = [
    "FirstFrame",
    "ImageInfo",
    "check",
    "check_address",
    "decode_data_uri",
    "fit_into",
    "inspect",
    "load",
    "output_size",
    "thumbnail",
]
