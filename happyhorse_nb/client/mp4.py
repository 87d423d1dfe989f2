"""Whether a file is a whole, playable MP4, from its boxes and, where PyAV is installed, by decoding it."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from happyhorse_nb.client import decoder
from happyhorse_nb.client.boxes import Track, top_level, tracks
from happyhorse_nb.errors import DownloadError
from happyhorse_nb.models import VideoInfo
from happyhorse_nb.settings import process

#: A longer run of zeros is a hole in the file: H.264 and H.265 allow none inside a picture, and AAC only some tens of
#: bytes, or 269 to fill a fixed rate. Holes come in sectors and pages; fewer zeros may be a writer's padding.
_HOLE = bytes(512)
#: What a program needs of the environment to find system libraries.
_PASSED = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP")
#: Larger videos (bytes) are decoded on several threads; for a short one, starting them takes longer.
_LONG = 1024 * 1024
_DAMAGED = "the download is an MP4 whose pictures cannot be decoded"


#: Bytes of an index that is read in passing, where it must not take long; of a minute of video it has some 100 kB.
_IN_PASSING = 1024 * 1024


def read_mp4(path: Path) -> VideoInfo:
    """What a video's boxes say of it, quickly; pictures and sounds are not read. Raises `DownloadError`, OSError."""
    with path.open("rb") as file:
        boxes = top_level(file, path.stat().st_size, open_end=True)
        return _described(tracks(file, boxes, most=_IN_PASSING))


def check_mp4(path: Path, *, open_end: bool = True, decode: bool = True) -> VideoInfo:
    """What a video is, from its boxes. Raises `DownloadError` when it is not a whole MP4 that can be decoded.

    Where PyAV is installed all of it is decoded, so this is not for the event loop. ``open_end``: the file is as long
    as on its server, so bytes behind the last box do not matter. Without ``decode``: as where PyAV is missing.
    """
    with path.open("rb") as file:
        total = path.stat().st_size
        found = tracks(file, top_level(file, total, open_end=open_end))
        info = _described(found)
        seen = [track for track in found if track.kind in (b"vide", b"soun")]
        if any(offset < 0 or offset + size > total for track in seen for offset, size in track.pieces):
            raise DownloadError("the download is not a complete MP4: it ends too early")
        library = _library() if decode else None
        decoded = _decode(path, info, library, total) if library is not None else None
        # Decoders take a hole for silence, and H.264's at times for a picture that stands still.
        if any(_has_holes(file, track) for track in seen if track.dense):
            raise DownloadError(_DAMAGED)
    return decoded or info


def _described(found: Sequence[Track]) -> VideoInfo:
    film = next((track for track in found if track.kind == b"vide"), None)
    if film is None or not film.pieces:
        raise DownloadError("the download is an MP4 without a playable video in it")
    # A track without a sample is no sound.
    sound = next((track.sound for track in found if track.sound is not None and track.pieces), None)
    return VideoInfo(film.seconds, film.width, film.height, film.codec, film.count, film.rate, sound)


def _has_holes(file: BinaryIO, track: Track) -> bool:
    """Whether pieces were overwritten with zeros. Garbage inside a piece is not noticed; a decoder would."""
    for offset, size in track.pieces:
        file.seek(offset)
        piece = file.read(size)
        # Zeros at the end of a picture may be padding; a larger hole shows in the next one.
        if _HOLE in (piece.rstrip(b"\0") if track.prefix else piece):
            return True
        # A picture consists of parts, each after its length, that fill it exactly.
        at = 0
        while track.prefix and at + track.prefix <= size:
            part = int.from_bytes(piece[at : at + track.prefix], "big")
            at += track.prefix + part
            if not part or at > size:
                return True
    return False


@cache
def _library() -> Path | None:
    """The folder that PyAV is in, None where it is not installed."""
    found = find_spec("av")
    return Path(found.origin).parents[1] if found is not None and found.origin else None


def _decode(path: Path, info: VideoInfo, library: Path, size: int) -> VideoInfo | None:
    """Have all of it decoded; returns the info with what the boxes did not state, None where PyAV cannot tell.

    Raises `DownloadError` for pictures or sound that cannot be decoded, or only by guessing what is missing.
    """
    # A fork has another one: two that read the same pipe would have each other's answers.
    program = process.once("decoder program", Decoder)
    threads = 1 if size < _LONG else min(4, os.cpu_count() or 1)
    found = program.ask(library, path, threads)
    if found is None:
        return None
    if found.get("damaged"):
        raise DownloadError(_DAMAGED)
    if not (info.width and info.height):
        info = replace(info, width=found["width"], height=found["height"])
    return info if info.seconds else replace(info, seconds=found["seconds"])


class Decoder:
    """The program that decodes, `client.decoder`, which is started when there is something to do.

    In a process of its own, so that a file that brings FFmpeg down takes no kernel with it, and so that its memory is
    the user's again some seconds later. Its lock is not for the main thread: see `settings.process`.
    """

    def __init__(self, command: Sequence[str] = (sys.executable or "", "-I", "-S", decoder.__file__)) -> None:
        self._command = command
        self._running: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._lock = Lock()
        atexit.register(self.close)

    def ask(self, library: Path, path: Path, threads: int) -> dict[str, Any] | None:
        """What the program answers for this file; None where it cannot."""
        question = json.dumps([str(path.absolute()), threads]).encode() + b"\n"
        with self._lock:
            # The first may have had nothing to do, and have ended just now.
            for _ in range(2):
                try:
                    return self._answer(library, question)
                except (OSError, ValueError):
                    self.close()
        return None

    def close(self) -> None:
        """End the program."""
        running, self._running = self._running, None
        if running is None:
            return
        if self._owner != os.getpid():
            # In a fork: it is the parent's, and nothing to wait for.
            running.returncode = 0
            return
        # Its input ends, and with it the program.
        with suppress(OSError):
            running.communicate()

    def _answer(self, library: Path, question: bytes) -> dict[str, Any] | None:
        if self._running is None:
            self._running = subprocess.Popen(  # noqa: S603 - our own program, run by the same Python
                [*self._command, str(library)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Not the key, and whatever else is in it.
                env={name: value for name, value in os.environ.items() if name in _PASSED},
                # An interrupt of the cell is not meant for it.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        pipes = self._running
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(question)
        pipes.stdin.flush()
        answer: dict[str, Any] | None = json.loads(pipes.stdout.readline())
        return answer
