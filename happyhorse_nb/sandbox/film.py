"""Writes pictures and sound into an MP4 with the traits of the service's files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from happyhorse_nb.sandbox.lettering import Stamp
from happyhorse_nb.sandbox.picture import Planes
from happyhorse_nb.sandbox.sound import Sound

FPS = 24
#: Of the service's files: one key frame, at the start, and nothing that says how colours were made of pixels.
_ENCODER = {"preset": "veryfast", "profile": "high", "crf": "22", "g": "9999", "sc_threshold": "0"}
#: Samples in a packet of AAC, which is also how many an encoder puts before the first one.
_PACKET = 1024


@dataclass(frozen=True)
class Film:
    """What is to be written: its size in pixels, how many pictures, these in order, and the sound."""

    width: int
    height: int
    frames: int
    pictures: Iterable[Planes]
    sound: Sound


class Interrupted(Exception):
    """The rendering was stopped; no file was made."""


def write(
    film: Film, path: Path, *, label: str, rate: int, fragmented: bool = False, stop: Callable[[], bool] = lambda: False
) -> None:
    """Make the clip at ``path``, with sound of ``rate`` samples a second. It takes seconds: run it on a thread.

    ``label`` names it in the note that it is generated. The file appears when it is complete. Raises `Interrupted` soon
    after ``stop()`` is true, OSError when the file cannot be written, and what the pictures raise.
    """
    making = path.with_name(f".{path.name}-making")
    # Made private first, since the library keeps the mode of a file that exists.
    making.touch(mode=0o600)
    try:
        _encode(film, making, label=label, rate=rate, fragmented=fragmented, stop=stop)
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)


def _encode(film: Film, path: Path, *, label: str, rate: int, fragmented: bool, stop: Callable[[], bool]) -> None:
    stamp = Stamp(film.width, film.height)
    # The index stays at the end; in a fragmented file the head waits for the first packets, to have edit lists.
    flags = "use_metadata_tags" + "+frag_keyframe+delay_moov" * fragmented
    with av.open(str(path), "w", format="mp4", options={"movflags": flags}) as container:
        container.metadata["AIGC"] = _label(label)
        stream = container.add_stream("libx264", rate=FPS, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, "yuv420p"
        voice = container.add_stream("aac", rate=rate, layout="stereo")
        voice.bit_rate = 128_000
        sound, lead = film.sound, 0
        if fragmented:
            # There it begins one packet earlier still.
            lead = _PACKET
            sound = np.pad(sound, ((0, 0), (lead, 0)))
        said = 0
        for number, planes in enumerate(film.pictures):
            if stop():
                raise Interrupted
            stamp.press(planes)
            frame = av.VideoFrame.from_ndarray(planes.array(), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
            # The sound goes along with the picture, or the file would hold one after the other.
            whole = (
                sound.shape[1] if number == film.frames - 1 else round((number + 1) * rate / FPS) // _PACKET * _PACKET
            )
            for start in range(said, whole, _PACKET):
                piece = np.ascontiguousarray(sound[:, start : min(start + _PACKET, whole)], np.float32)
                samples = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
                samples.sample_rate, samples.time_base, samples.pts = rate, Fraction(1, rate), start - lead
                container.mux(voice.encode(samples))
            said = max(said, whole)
        container.mux(stream.encode(None))
        container.mux(voice.encode(None))


def _label(label: str) -> str:
    """The note that a film is generated, in the form that China's rules ask for (GB 45438)."""
    maker = "happyhorse-nb sandbox"
    return json.dumps({"Label": "1", "ContentProducer": maker, "ProduceID": label, "ContentPropagator": maker})
