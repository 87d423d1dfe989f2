"""Whether a file is a playable MP4: its boxes, and with PyAV its first picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from happyhorse_nb.errors import DownloadError

#: The head of a file is looked through, not its pictures; a larger ``moov`` than this is no video of some seconds.
_MAX_MOOV = 64 * 1024 * 1024


@dataclass(frozen=True)
class VideoInfo:
    """Length in seconds (0.0 where the file does not say), width and height in pixels."""

    seconds: float
    width: int
    height: int


def check_mp4(path: Path, *, open_end: bool = True) -> VideoInfo:
    """Read a video's length and size from its boxes. Raises `DownloadError` when it is not a whole, playable MP4.

    ``open_end`` allows the last box to reach to wherever the file ends; of a file that may be cut, that proves nothing.
    """
    with path.open("rb") as file:
        boxes = _top_level(file, path.stat().st_size, open_end=open_end)
        if "moov" not in boxes or "mdat" not in boxes:
            raise DownloadError("what came is not a whole MP4: it has no film in it")
        start, size = boxes["moov"]
        if size > _MAX_MOOV:
            raise DownloadError("what came is not a video of some seconds: its index is too large")
        file.seek(start)
        info = _movie(file.read(size))
    if _decodes():
        seconds = _decode_one(path)
        info = info if info.seconds else replace(info, seconds=seconds)
    return info


@cache
def _decodes() -> bool:
    return find_spec("av") is not None


def _top_level(file: BinaryIO, total: int, *, open_end: bool) -> dict[str, tuple[int, int]]:
    """Where each top-level box's content starts and how long it is; the boxes must fill the file exactly."""
    boxes: dict[str, tuple[int, int]] = {}
    position = 0
    while position < total:
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            raise DownloadError("what came is not a whole MP4: it breaks off")
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack(">Q", head[8:])[0], 16
        elif size == 0 and open_end:
            size = total - position
        if position == 0 and kind not in (b"ftyp", b"styp"):
            raise DownloadError("what came is not an MP4")
        if size < header or position + size > total:
            raise DownloadError("what came is not a whole MP4: it breaks off")
        boxes.setdefault(kind.decode("latin-1"), (position + header, size - header))
        position += size
    return boxes


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        if size < 8 or position + size > len(data):
            return
        yield kind, data[position + 8 : position + size]
        position += size


def _movie(moov: bytes) -> VideoInfo:
    try:
        boxes = dict(_children(moov))
        mvhd = boxes.get(b"mvhd", b"")
        form = ">20xIQ" if mvhd[:1] == b"\x01" else ">12xII"
        scale, length = struct.unpack_from(form, mvhd)
        # In fragments, as streaming encoders write them, the head is empty and need not say how long the film gets.
        fragments = dict(_children(boxes[b"mvex"])) if b"mvex" in boxes else None
        if not length and fragments is not None and (mehd := fragments.get(b"mehd")):
            (length,) = struct.unpack_from(">4xQ" if mehd[:1] == b"\x01" else ">4xI", mehd)
        for kind, track in _children(moov):
            inner = dict(_children(track)) if kind == b"trak" else {}
            media = dict(_children(inner.get(b"mdia", b"")))
            if media.get(b"hdlr", b"")[8:12] == b"vide":
                width, height = struct.unpack(">II", inner[b"tkhd"][-8:])
                if scale and (length or fragments is not None) and width >> 16 and height >> 16:
                    return VideoInfo(length / scale, width >> 16, height >> 16)
    except (struct.error, KeyError):
        pass
    raise DownloadError("what came is an MP4 without a playable video in it")


def _decode_one(path: Path) -> float:
    """Decode the first picture, where PyAV is installed; answers with the film's length in seconds, 0.0 if unknown."""
    import av

    try:
        # A title in another encoding than UTF-8 makes no film unplayable.
        with av.open(str(path), metadata_errors="ignore") as container:
            # One picture wants no threads: to start some costs more than the picture.
            container.streams.video[0].codec_context.thread_count = 1
            next(container.decode(video=0))
            return (container.duration or 0) / av.time_base
    except (av.FFmpegError, StopIteration, IndexError):
        raise DownloadError("what came is an MP4 whose pictures cannot be decoded") from None
    except Exception:  # noqa: BLE001  # PyAV's own trouble says nothing of the film, which is paid for and whole
        return 0.0
