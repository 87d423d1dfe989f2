"""What plays is taken, whoever wrote it and however."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from happyhorse_nb.client import check_mp4


def film(file: Path, *, title: str = "", movflags: str = "") -> Path:
    """Two seconds of grey."""
    with av.open(str(file), "w", options={"movflags": movflags} if movflags else {}) as container:
        if title:
            container.metadata["title"] = title
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = 12
        for index in range(48):
            picture = np.full((240, 320, 3), index * 5, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file


def test_a_title_in_another_encoding_is_no_reason_to_refuse(tmp_path: Path) -> None:
    file = film(tmp_path / "x.mp4", title="CafeXYZ")
    file.write_bytes(file.read_bytes().replace(b"CafeXYZ", b"Caf\xe9XYZ"))
    assert check_mp4(file).seconds == 2.0


@pytest.mark.parametrize("said", [False, True], ids=["length unsaid", "length said"])
def test_a_film_in_fragments_is_taken(tmp_path: Path, said: bool) -> None:
    file = film(tmp_path / "x.mp4", movflags="frag_keyframe+empty_moov+default_base_moof")
    if said:
        put_length(file, 5000)
    info = check_mp4(file)
    assert (info.width, info.height) == (320, 240)
    assert info.seconds == (5.0 if said else 2.0)


def put_length(file: Path, length: int) -> None:
    """Let the head of the film in fragments say its length, in thousandths of a second."""
    raw = bytearray(file.read_bytes())
    box = struct.pack(">I4sII", 16, b"mehd", 0, length)
    start = raw.index(b"mvex") - 4
    for at in (start, raw.index(b"moov") - 4):
        struct.pack_into(">I", raw, at, struct.unpack_from(">I", raw, at)[0] + len(box))
    raw[start + 8 : start + 8] = box
    file.write_bytes(raw)
