"""Renders the clip: a camera move over the first frame, as H.264 in an MP4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av

from happyhorse_nb.images import inspect, output_size
from happyhorse_nb.sandbox.camera import Move
from happyhorse_nb.sandbox.picture import Planes, prepare, upright
from happyhorse_nb.sandbox.stamp import make_stamp

FPS = 24
_ENCODER = {
    "preset": "veryfast",
    "crf": "22",
    # A key frame every two seconds: players seek to one, and browsers show one at once.
    "g": str(2 * FPS),
    "x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709",
}


class Interrupted(Exception):
    """The rendering was told to stop; no file was made."""


def render(
    first_frame: bytes, path: Path, *, resolution: str, duration: int, move: Move, stop: Callable[[], bool]
) -> tuple[int, int]:
    """Make the clip at ``path`` and return its width and height in pixels. It takes seconds; run it on a thread.

    ``duration`` is seconds. The file appears when it is whole. Raises `Interrupted` soon after ``stop()`` has become
    true, `InvalidRequest` when the first frame cannot be decoded, and OSError when the file cannot be written.
    """
    info = inspect(first_frame)
    width, height = output_size(info.width, info.height, resolution)
    picture = prepare(upright(first_frame), width, height)
    making = path.with_name(f".{path.name}-making")
    # What users' pictures become is theirs alone; a library writes into what is there.
    making.touch(mode=0o600)
    try:
        _encode(making, picture, width, height, frames=duration * FPS, move=move, stop=stop)
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)
    return width, height


def _encode(
    path: Path, picture: Planes, width: int, height: int, *, frames: int, move: Move, stop: Callable[[], bool]
) -> None:
    stamp = make_stamp(width, height)
    # The index at the front: a player shows the first picture before it has the rest.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            if stop():
                raise Interrupted
            view = move.at(number / (frames - 1))
            planes = picture.cut(view.box(*picture.luma.size), width, height)
            stamp.press(planes)
            frame = av.VideoFrame.from_ndarray(planes.array(), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
