"""A request's inputs: from whatever a notebook holds to bytes within the limits. Pillow is imported on first use."""

from happyhorse_nb.inputs.check import ImageInfo, check, fit_into, inspect, thumbnail
from happyhorse_nb.inputs.input import Input, output_size
from happyhorse_nb.inputs.load import check_address, decode_data_uri, gather, load

__all__ = [
    "ImageInfo",
    "Input",
    "check",
    "check_address",
    "decode_data_uri",
    "fit_into",
    "gather",
    "inspect",
    "load",
    "output_size",
    "thumbnail",
]
