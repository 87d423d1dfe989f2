"""The async client: requests, answers and downloads over aiohttp. Usable alone, in any program."""

from happyhorse_nb.client.client import Client
from happyhorse_nb.client.mp4 import VideoInfo, check_mp4

__all__ = ["Client", "VideoInfo", "check_mp4"]
