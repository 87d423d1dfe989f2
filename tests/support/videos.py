"""Real video for the fake server, and a look into what came out."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import NamedTuple


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


def look_into(source: Path | bytes) -> Clip:
    """Decode the first frame and read the head. Raises av's error for what is no playable video."""
    import av

    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r") as container:
        stream = container.streams.video[0]
        next(container.decode(stream))
        assert container.duration is not None, "an MP4 knows its length"
        return Clip(stream.codec_context.name, stream.width, stream.height, container.duration / 1_000_000)
