"""Real video for the fake server, and a look into what came out."""

from __future__ import annotations

import io
import itertools
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Clip(NamedTuple):
    """What a video file holds: codec name, size in pixels, length in seconds."""

    codec: str
    width: int
    height: int
    seconds: float


def make_mp4(*, width: int = 320, height: int = 214, seconds: int = 2, fps: int = 24) -> bytes:
    """A small H.264 MP4: a grey that grows lighter, with its index at the front, as a server would send it."""
    import av
    import numpy as np

    # A real file: the index is moved to the front by reading it again.
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            frames = seconds * fps
            for index in range(frames):
                picture = np.full((height, width, 3), 255 * index // frames, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return Path(file.name).read_bytes()


def make_video(
    file: Path,
    *,
    codec: str = "libx264",
    sound: str = "",
    layout: str = "stereo",
    rate: int = 44100,
    movflags: str = "",
    frames: int = 27,
    form: str = "mp4",
) -> Path:
    """A video of 192 x 128 pixels that gets lighter, 24 frames a second, with ``sound`` and a tone as long.

    ``codec`` and ``sound`` are encoders; the test is skipped where this PyAV does not have them. ``rate`` is samples a
    second.
    """
    import av
    import numpy as np

    for name in filter(None, (codec, sound)):
        try:
            av.Codec(name, "w")
        except ValueError:
            pytest.skip(f"this PyAV has no encoder {name}")
    with av.open(str(file), "w", format=form, options={"movflags": movflags} if movflags else {}) as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height = 192, 128
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        voice: Any = container.add_stream(sound, rate=rate, layout=layout) if sound else None
        for index in range(frames):
            picture = np.full((128, 192, 3), 255 * index // frames, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if voice is not None:
            wave = (np.sin(np.arange(rate * frames // 24) / 16) * 9000).astype(np.int16)[np.newaxis]
            tone = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            tone.sample_rate, tone.pts = rate, 0
            fifo = av.AudioFifo()
            for piece in av.AudioResampler(format=voice.codec_context.format, layout=layout, rate=rate).resample(tone):
                fifo.write(piece)
            pieces = fifo.read_many(voice.codec_context.frame_size or 1024)
            container.mux(list(itertools.chain.from_iterable(map(voice.encode, pieces))))
            container.mux(voice.encode())
    return file


def look_into(source: Path | bytes) -> Clip:
    """Decode the first frame and read the head. Raises av's error for what is no playable video."""
    import av

    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r") as container:
        stream = container.streams.video[0]
        next(container.decode(stream))
        assert container.duration is not None, "an MP4 knows its length"
        return Clip(stream.codec_context.name, stream.width, stream.height, container.duration / 1_000_000)
