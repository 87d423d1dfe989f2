"""The video that is edited: its limits, its pictures and sound, and the look that an edit gives it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np
from PIL import Image

from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.models import EDITED, LONGEST, REFERENCES
from happyhorse_nb.sandbox.film import FPS
from happyhorse_nb.sandbox.picture import Planes, prepare, upright
from happyhorse_nb.sandbox.sound import Sound, cut

#: The limits of the API's page. Sides in pixels, the file in bytes.
MAX_BYTES = 100 * 1024 * 1024
_SHORT, _LONG, _ASPECT, _SLOWEST = 320, 2160, 2.5, 8
#: The longest side on Alibaba's pages.
_UNLISTED_LONG = 4096


@dataclass(frozen=True)
class Footage:
    """A video as it was given: length in seconds, size in pixels, pictures a second, and the name of its codec."""

    path: Path
    seconds: float
    width: int
    height: int
    rate: float
    codec: str

    @property
    def frames(self) -> int:
        """How many pictures an edit of it has, as the service makes them."""
        return FPS * round(min(self.seconds, LONGEST)) + 1


def read(path: Path) -> Footage:
    """What a file is. Raises `InvalidRequest` where it is no video in an MP4 or MOV."""
    try:
        with _open(path) as container:
            stream = container.streams.video[0]
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            seconds = length or (container.duration or 0) / 1_000_000
            rate = float(stream.average_rate or 0)
            return Footage(path, seconds, stream.width, stream.height, rate, stream.codec_context.name)
    except (av.error.FFmpegError, IndexError, ValueError):
        raise _unfit("cannot be read", "it must be an MP4 or MOV") from None


def check(footage: Footage, *, unlisted: bool = False) -> None:
    """Raise `InvalidRequest` for the first limit that the video breaks; with ``unlisted`` of Alibaba's pages."""
    most = _UNLISTED_LONG if unlisted else _LONG
    short, long = sorted((footage.width, footage.height))
    size = f"is {footage.width} x {footage.height} pixels"
    if footage.codec != "h264":
        raise _unfit(f"is {footage.codec}", "the server takes H.264")
    if not EDITED[0] <= footage.seconds <= EDITED[1]:
        raise _unfit(f"lasts {footage.seconds:.3g} s", f"it must last {EDITED[0]} to {EDITED[1]} s")
    if short < _SHORT:
        raise _unfit(size, f"the short side must be at least {_SHORT}")
    if long > most:
        raise _unfit(size, f"the long side must be at most {most}")
    if long > _ASPECT * short:
        raise _unfit(size, f"its aspect must be within 1:{_ASPECT:g} to {_ASPECT:g}:1")
    if footage.rate <= _SLOWEST:
        raise _unfit(f"has {footage.rate:.3g} pictures a second", f"it must have more than {_SLOWEST}")


def sound_of(footage: Footage, samples: int, rate: int) -> Sound:
    """The video's own sound at that length; silence where it has none. Raises `InvalidRequest` for damaged data."""
    pieces: list[np.ndarray] = [np.zeros((2, 0), np.float32)]
    had = 0
    try:
        with _open(footage.path) as container:
            voices = container.streams.audio
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
            # (None: what the resampler still holds at the end.)
            for frame in chain(container.decode(voices[0]), (None,)) if voices else ():
                if frame is not None and not had and frame.time is not None:
                    # What lies before zero is not heard; what begins late begins with silence.
                    had = round(frame.time * rate)
                    pieces.append(np.zeros((2, max(0, had)), np.float32))
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray()[:, max(0, -had) :])
                    had += piece.samples
                if had >= samples:
                    break
    except (av.error.FFmpegError, ValueError):
        raise _unfit("is damaged", "its sound cannot be decoded") from None
    return cut(np.concatenate(pieces, axis=1), samples)


def edited(
    footage: Footage, references: Sequence[bytes], dice: random.Random, width: int, height: int
) -> Iterator[Planes]:
    """The video's pictures at that size with another look, the references in a row at their upper left."""
    look = Look(dice)
    side = 2 * round(min(width, height) / 12)
    row = [prepare(upright(data, REFERENCES), side, side).scaled(side, side) for data in references]
    for planes in pictures(footage, width, height):
        changed = look.on(planes)
        for number, picture in enumerate(row):
            changed.put(picture, side // 4 // 2 * 2 + number * (side + side // 8 * 2), side // 4 // 2 * 2)
        yield changed


def pictures(footage: Footage, width: int, height: int) -> Iterator[Planes]:
    """The pictures that are seen at each time of the edit, the last one longer where there are no more."""
    number, last = 0, None
    try:
        with _open(footage.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                while last is not None and number < footage.frames and number / FPS < (frame.time or 0.0) - 0.001:
                    yield _planes(last, width, height)
                    number += 1
                last = frame
                if number >= footage.frames:
                    return
    except (av.error.FFmpegError, ValueError):
        raise _unfit("is damaged", "its pictures cannot be decoded") from None
    if last is None:
        raise _unfit("has no pictures", "it must be an MP4 or MOV")
    for _ in range(number, footage.frames):
        yield _planes(last, width, height)


def _planes(frame: av.VideoFrame, width: int, height: int) -> Planes:
    # From YUV to YUV: whatever matrix made the pixels, they keep it.
    planes = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC").to_ndarray()
    parts = np.split(planes.reshape(-1), [width * height, width * height * 5 // 4])
    luma, blue, red = (
        Image.frombuffer("L", size, np.ascontiguousarray(part), "raw", "L", 0, 1).copy()
        for part, size in zip(parts, ((width, height), *((width // 2, height // 2),) * 2), strict=True)
    )
    return Planes(luma, blue, red)


class Look:
    """Other colours, another contrast, and drawn edges or flat tones."""

    def __init__(self, dice: random.Random) -> None:
        turn = math.radians(dice.uniform(70, 290))
        strength = dice.uniform(0.9, 1.3)
        self._cosine, self._sine = strength * math.cos(turn), strength * math.sin(turn)
        tones = np.arange(256, dtype=np.float32)
        bent = tones + dice.uniform(8, 22) * np.sin((tones - 128) / 128 * math.pi)
        self._drawn = dice.random() < 0.5
        if not self._drawn:
            step = dice.choice((28, 36, 44))
            bent = np.round(bent / step) * step
        self._tones = np.clip(bent, 16, 235).astype(np.uint8)

    def on(self, planes: Planes) -> Planes:
        """The picture with this look."""
        luma = np.asarray(planes.luma)
        toned = self._tones[luma]
        if self._drawn:
            grey = luma.astype(np.int16)
            edges = np.zeros_like(grey)
            edges[:-1, :-1] = np.abs(grey[1:, :-1] - grey[:-1, :-1]) + np.abs(grey[:-1, 1:] - grey[:-1, :-1])
            toned = np.clip(toned.astype(np.int16) - 3 * edges, 16, 235).astype(np.uint8)
        blue = np.asarray(planes.blue, dtype=np.float32) - 128
        red = np.asarray(planes.red, dtype=np.float32) - 128
        turned = (self._cosine * blue - self._sine * red, self._sine * blue + self._cosine * red)
        colours = (Image.fromarray(np.clip(128.5 + plane, 16, 240).astype(np.uint8)) for plane in turned)
        return Planes(Image.fromarray(toned), *colours)


def _open(path: Path) -> av.container.InputContainer:
    # As that format alone: a playlist or a script would make the library open other files and addresses.
    return av.open(str(path), format="mov", metadata_errors="ignore")


def _unfit(words: str, limit: str) -> InvalidRequest:
    return InvalidRequest(f"the video {words}", limit=limit, param="video")
