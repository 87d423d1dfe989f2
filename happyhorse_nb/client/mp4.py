"""Whether a file is a playable MP4: its boxes, where its pictures lie, and with PyAV each picture and sound of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from happyhorse_nb.client.boxes import Track, top_level, tracks
from happyhorse_nb.errors import DownloadError

#: H.264 and H.265 break up every run of zeros inside a picture at its third byte, and AAC has none of more than some
#: tens of bytes, or 269 where it fills up a fixed rate. So more of them are a hole in the file; holes come in sectors
#: and pages. Fewer than this can be padding of a careless writer.
_HOLE = bytes(512)
#: Bytes of a film from which on more than one thread decodes it. To start some costs more than a short one takes.
_LONG = 1024 * 1024
_DAMAGED = "the download is an MP4 whose pictures cannot be decoded"


@dataclass(frozen=True)
class VideoInfo:
    """Length in seconds (0.0 where the file does not say), width and height in pixels (0 where it does not)."""

    seconds: float
    width: int
    height: int


def check_mp4(path: Path, *, open_end: bool = True, decode: bool = True) -> VideoInfo:
    """Read a video's length and size from its boxes. Raises `DownloadError` when it is not a whole, playable MP4.

    It takes as long as decoding it does where PyAV is installed, so it is called beside the loop. ``open_end`` says
    that the file is as long as its server has it: then what lies behind the last box is nothing to worry about.
    Without ``decode`` it is looked at as where PyAV is missing.
    """
    with path.open("rb") as file:
        total = path.stat().st_size
        found = tracks(file, top_level(file, total, open_end=open_end))
        film = next((track for track in found if track.kind == b"vide"), None)
        if film is None or not film.pieces:
            raise DownloadError("the download is an MP4 without a playable video in it")
        seen = [track for track in found if track.kind in (b"vide", b"soun")]
        if any(offset < 0 or offset + size > total for track in seen for offset, size in track.pieces):
            raise DownloadError("the download is not a complete MP4: it ends too early")
        info = VideoInfo(film.seconds, film.width, film.height)
        decoded = _decode(path, info, total) if decode and _decodes() else None
        # A hole is silence to a decoder, and to H.264's at times a picture that stands still.
        if any(_has_holes(file, track) for track in seen if track.dense):
            raise DownloadError(_DAMAGED)
    return decoded or info


def _has_holes(file: BinaryIO, track: Track) -> bool:
    """Whether its pieces have lost what was in them; garbage in the midst of one is not noticed, a decoder would."""
    for offset, size in track.pieces:
        file.seek(offset)
        piece = file.read(size)
        # Zeros up to the end of a picture may be padding; where a hole goes on beyond it, the next one shows it.
        if _HOLE in (piece.rstrip(b"\0") if track.prefix else piece):
            return True
        # Each picture is some parts, a length before each, that fill it.
        at = 0
        while track.prefix and at + track.prefix <= size:
            part = int.from_bytes(piece[at : at + track.prefix], "big")
            at += track.prefix + part
            if not part or at > size:
                return True
    return False


@cache
def _decodes() -> bool:
    return find_spec("av") is not None


def _decode(path: Path, info: VideoInfo, size: int) -> VideoInfo | None:
    """Decode all of it; answers with what the file itself did not say, None where PyAV cannot tell.

    Raises `DownloadError` for pictures or sound that cannot be decoded, or only by making up what is missing.
    """
    import av

    try:
        # A title in another encoding than UTF-8 makes no film unplayable.
        with av.open(str(path), metadata_errors="ignore") as container:
            info = _look_through(container, info, threads=1 if size < _LONG else min(4, os.cpu_count() or 1))
            return info if info.seconds else replace(info, seconds=(container.duration or 0) / av.time_base)
    except av.error.MemoryError:
        return None
    except av.FFmpegError:
        raise DownloadError(_DAMAGED) from None
    except DownloadError:
        raise
    except Exception:  # noqa: BLE001  # PyAV's own trouble says nothing of the film, which is paid for and whole
        return None


def _look_through(container: Any, info: VideoInfo, *, threads: int) -> VideoInfo:
    streams = [one for one in (*container.streams.video, *container.streams.audio) if one.codec_context]
    if not any(one.type == "video" for one in streams):
        raise NotImplementedError("there is no decoder for its pictures")
    for stream in streams:
        stream.codec_context.thread_count = threads
        if stream.type == "video":
            stream.codec_context.thread_type = "AUTO"
            # Smoothing what is decoded shows no damage, and takes its time.
            stream.codec_context.options = {"skip_loop_filter": "all"}
    pictures = 0
    for packet in container.demux(streams):
        for frame in packet.decode():
            # What was missing is made up, which a viewer sees as smears and blocks.
            if frame.is_corrupt:
                raise DownloadError(_DAMAGED)
            if packet.stream.type == "video":
                pictures += 1
                info = info if info.width and info.height else replace(info, width=frame.width, height=frame.height)
    if not pictures:
        raise DownloadError(_DAMAGED)
    return info
