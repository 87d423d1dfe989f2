"""What plays is taken, whoever wrote it and however; what has a hole in it is not."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import happyhorse_nb as hh
from happyhorse_nb.client import check_mp4

MATRIX_90 = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 240 << 16, 0, 1 << 30)


def film(
    file: Path,
    *,
    title: str = "",
    movflags: str = "",
    frames: int = 48,
    options: dict[str, str] | None = None,
    codec: str = "libx264",
    sound: str = "",
    silent: bool = False,
    form: str = "mp4",
) -> Path:
    """Two seconds of noise that moves, so that no picture is small, and with ``sound`` two of a tone beside it."""
    noise = np.random.default_rng(7).integers(0, 256, (240 + frames, 320, 3), np.uint8)
    with av.open(str(file), "w", format=form, options={"movflags": movflags} if movflags else {}) as container:
        if title:
            container.metadata["title"] = title
        stream: Any = container.add_stream(codec, rate=24, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = 12
        voice: Any = container.add_stream(sound, rate=44100, layout="stereo") if sound else None
        for index in range(frames):
            picture = np.ascontiguousarray(noise[index : index + 240] // 8 + index * 4)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if voice is not None:
            container.mux(list(itertools.chain.from_iterable(map(voice.encode, tone(frames / 24, silent)))))
            container.mux(voice.encode())
    return file


def tone(seconds: float, silent: bool) -> Iterator[av.AudioFrame]:
    wave = np.sin(np.arange(int(44100 * seconds)) / 16) * (0 if silent else 9000)
    for start in range(0, len(wave), 1024):
        both = np.repeat(wave[start : start + 1024].astype(np.int16), 2)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 44100, start
        yield frame


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Films as encoders and stores make them: index in front, index last, in fragments; all with sound."""
    folder = tmp_path_factory.mktemp("films")
    forms = {"front": "faststart", "last": "", "fragments": "frag_keyframe+empty_moov+default_base_moof"}
    return {
        name: film(folder / f"{name}.mp4", movflags=flags, sound="aac").read_bytes() for name, flags in forms.items()
    }


def put(raw: bytearray, kind: bytes, at: int, data: bytes) -> None:
    """Write into each box of a kind, counted from its kind."""
    start = raw.find(kind)
    assert start > 0
    while start > 0:
        raw[start + at : start + at + len(data)] = data
        start = raw.find(kind, start + 4)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def without_size(raw: bytearray) -> None:
    put(raw, b"tkhd", 4 + 76, bytes(8))


def without_length(raw: bytearray) -> None:
    put(raw, b"mvhd", 4 + 16, bytes(4))


def without_any_length(raw: bytearray) -> None:
    without_length(raw)
    put(raw, b"mdhd", 4 + 16, bytes(4))


def with_unknown_length(raw: bytearray) -> None:
    put(raw, b"mvhd", 4 + 16, b"\xff" * 4)


def rotated(raw: bytearray) -> None:
    put(raw, b"tkhd", 4 + 40, MATRIX_90)


def others_behind(raw: bytearray) -> None:
    raw += box(b"uuid", bytes(range(16)) + b"mine") + box(b"skip", bytes(9)) + box(b"free")


def zeros_behind(raw: bytearray) -> None:
    raw += bytes(4096)


def garbage_behind(raw: bytearray) -> None:
    raw += random.Random(7).randbytes(999)


def a_little_behind(raw: bytearray) -> None:
    raw += b"\r\n"


def a_box_cut_behind(raw: bytearray) -> None:
    raw += box(b"free", bytes(900))[:100]


def a_page_behind(raw: bytearray) -> None:
    raw += b"<!-- served by a very helpful proxy -->"


PLAYABLE: list[Callable[[bytearray], None]] = [
    without_size,
    without_length,
    without_any_length,
    with_unknown_length,
    rotated,
    others_behind,
    zeros_behind,
    garbage_behind,
    a_little_behind,
    a_box_cut_behind,
    a_page_behind,
]


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
@pytest.mark.parametrize("form", ["front", "last", "fragments"])
@pytest.mark.parametrize("change", PLAYABLE, ids=lambda change: change.__name__)
def test_what_players_do_not_mind_is_taken(
    tmp_path: Path, made: dict[str, bytes], form: str, change: Callable[[bytearray], None], decode: bool
) -> None:
    raw = bytearray(made[form])
    change(raw)
    file = tmp_path / "x.mp4"
    file.write_bytes(raw)
    info = check_mp4(file, decode=decode)
    assert (info.width, info.height) == (320, 240)
    # Unsaid, it is that of the pictures; with its sound a film may last a little longer.
    assert info.seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
def test_a_length_of_64_bits_is_read(tmp_path: Path, made: dict[str, bytes], decode: bool) -> None:
    raw = bytearray(made["last"])
    # Its writer leaves an empty box in front of the film, for just this.
    start = raw.index(b"mdat") - 4
    size = struct.unpack_from(">I", raw, start)[0]
    assert raw[start - 8 : start] == box(b"free")
    raw[start - 8 : start + 8] = struct.pack(">I4sQ", 1, b"mdat", size + 8)
    file = tmp_path / "x.mp4"
    file.write_bytes(raw)
    assert check_mp4(file, open_end=False, decode=decode).width == 320


WRITTEN: dict[str, dict[str, Any]] = {
    "one picture": {"frames": 1},
    "no sound": {"movflags": "faststart"},
    "open GOPs": {"options": {"x264-params": "open-gop=1:bframes=3:keyint=12"}, "sound": "aac"},
    "intra refresh": {"options": {"x264-params": "intra-refresh=1:keyint=12"}},
    "slices": {"options": {"x264-params": "slices=4"}},
    "baseline": {"options": {"profile": "baseline"}},
    "filler": {"options": {"x264-params": "nal-hrd=cbr:vbv-maxrate=4000:vbv-bufsize=4000:bitrate=4000"}},
    "MPEG-4": {"codec": "mpeg4"},
    "silence": {"sound": "aac", "silent": True},
    "uncompressed silence": {"sound": "pcm_s16le", "silent": True, "form": "mov"},
    "a fragment a picture": {"movflags": "frag_every_frame+empty_moov", "sound": "aac"},
    "fragments with an index": {"movflags": "dash+global_sidx+frag_keyframe", "sound": "aac"},
}


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_whatever_an_encoder_does_is_taken(tmp_path: Path, kind: str, decode: bool) -> None:
    file = film(tmp_path / "x.mp4", **WRITTEN[kind])
    assert check_mp4(file, open_end=False, decode=decode).height == 240


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
def test_sound_alone_is_no_film(tmp_path: Path, decode: bool) -> None:
    file = tmp_path / "x.mp4"
    with av.open(str(file), "w") as container:
        voice: Any = container.add_stream("aac", rate=44100, layout="stereo")
        container.mux(list(itertools.chain.from_iterable(map(voice.encode, tone(1.0, silent=False)))))
        container.mux(voice.encode())
    with pytest.raises(hh.DownloadError, match="without a playable video"):
        check_mp4(file, decode=decode)


def zeros_from_a_quarter(raw: bytearray, start: int, end: int) -> None:
    at = start + (end - start) // 4
    raw[at:end] = bytes(end - at)


def a_hole(raw: bytearray, start: int, end: int) -> None:
    middle = (start + end) // 2
    raw[middle : middle + 4096] = bytes(4096)


def a_hole_at_the_end(raw: bytearray, start: int, end: int) -> None:
    raw[end - 16384 : end] = bytes(16384)


def garbage_in_the_middle(raw: bytearray, start: int, end: int) -> None:
    middle = (start + end) // 2
    raw[middle : middle + 8192] = random.Random(7).randbytes(8192)


def cut_short(raw: bytearray, start: int, end: int) -> None:
    del raw[end - 5000 :]


def cut_out(raw: bytearray, start: int, end: int) -> None:
    middle = (start + end) // 2
    del raw[middle : middle + 3001]


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
@pytest.mark.parametrize("form", ["front", "last", "fragments"])
@pytest.mark.parametrize(
    "harm",
    [zeros_from_a_quarter, a_hole, a_hole_at_the_end, garbage_in_the_middle, cut_short, cut_out],
    ids=lambda harm: harm.__name__,
)
def test_a_film_with_damage_in_it_is_not_taken(
    tmp_path: Path,
    made: dict[str, bytes],
    form: str,
    harm: Callable[[bytearray, int, int], None],
    decode: bool,
) -> None:
    raw = bytearray(made[form])
    first = raw.index(b"mdat") + 4
    end = len(raw) if form == "fragments" else first - 8 + struct.unpack_from(">I", raw, first - 8)[0]
    if form == "fragments":
        # The last box of all lists the fragments: no picture is in it.
        end -= struct.unpack_from(">I", raw, end - 4)[0]
    harm(raw, first, end)
    file = tmp_path / "x.mp4"
    file.write_bytes(raw)
    with pytest.raises(hh.DownloadError, match=r"cannot be decoded|ends too early|no video in it"):
        check_mp4(file, decode=decode)


def rewritten(file: Path, change: Callable[[int, bytearray], bytes]) -> Path:
    """The same film with its pictures changed; each is parts with their lengths of four bytes before them."""
    with av.open(str(file)) as old, av.open(str(file.with_name("new.mp4")), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(old.streams.video[0])):
            if packet.dts is None:
                continue
            other = av.Packet(change(number, bytearray(bytes(packet))))
            other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
            other.is_keyframe, other.stream = packet.is_keyframe, stream
            new.mux(other)
    return file.with_name("new.mp4")


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
def test_zeros_behind_a_picture_are_padding_and_within_it_a_hole(tmp_path: Path, decode: bool) -> None:
    def padded(number: int, raw: bytearray) -> bytes:
        at = 0
        while (end := at + 4 + int.from_bytes(raw[at : at + 4], "big")) < len(raw):
            at = end
        raw[at : at + 4] = (end - at - 4 + 900).to_bytes(4, "big")
        return bytes(raw) + bytes(900)

    def with_a_hole(number: int, raw: bytearray) -> bytes:
        if number == 0:
            assert len(raw) > 4000
            raw[-2000:-1200] = bytes(800)
        return bytes(raw)

    file = film(tmp_path / "x.mp4")
    assert check_mp4(rewritten(file, padded), decode=decode).width == 320
    with pytest.raises(hh.DownloadError, match="cannot be decoded"):
        check_mp4(rewritten(file, with_a_hole), decode=decode)


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
def test_a_hole_in_the_sound_alone_is_noticed(tmp_path: Path, decode: bool) -> None:
    # The sound lies behind the pictures, in some chunks of its own.
    raw = bytearray(film(tmp_path / "x.mp4", sound="aac", frames=6).read_bytes())
    end = raw.index(b"moov") - 4
    raw[end - 1500 : end - 300] = bytes(1200)
    file = tmp_path / "y.mp4"
    file.write_bytes(raw)
    with pytest.raises(hh.DownloadError, match="cannot be decoded"):
        check_mp4(file, decode=decode)


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
@pytest.mark.parametrize("movflags", ["frag_keyframe", "frag_every_frame+empty_moov"])
def test_a_film_in_fragments_is_as_long_as_all_of_them(tmp_path: Path, movflags: str, decode: bool) -> None:
    info = check_mp4(film(tmp_path / "x.mp4", movflags=movflags), decode=decode)
    assert info.seconds == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("behind", [b"\r\n", bytes(100), b"garbage of some kind"])
def test_what_may_be_cut_must_end_with_its_last_box(tmp_path: Path, made: dict[str, bytes], behind: bytes) -> None:
    file = tmp_path / "x.mp4"
    file.write_bytes(made["front"] + behind)
    with pytest.raises(hh.DownloadError, match="ends too early"):
        check_mp4(file, open_end=False)


def test_a_title_in_another_encoding_is_no_reason_to_refuse(tmp_path: Path) -> None:
    file = film(tmp_path / "x.mp4", title="CafeXYZ")
    file.write_bytes(file.read_bytes().replace(b"CafeXYZ", b"Caf\xe9XYZ"))
    assert check_mp4(file).seconds == 2.0


@pytest.mark.parametrize("decode", [True, False], ids=["PyAV", "no PyAV"])
@pytest.mark.parametrize("said", [False, True], ids=["length unsaid", "length said"])
def test_a_film_in_fragments_is_taken(tmp_path: Path, said: bool, decode: bool) -> None:
    file = film(tmp_path / "x.mp4", movflags="frag_keyframe+empty_moov+default_base_moof")
    if said:
        put_length(file, 5000)
    info = check_mp4(file, decode=decode)
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
