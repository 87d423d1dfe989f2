"""Reads the boxes of an MP4: its tracks, where their pictures and sounds are, and what they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import BinaryIO, NamedTuple

from happyhorse_nb.client.codecs import picture_codec, sound_of
from happyhorse_nb.errors import DownloadError
from happyhorse_nb.models import Sound

#: A larger index than this, in bytes or entries, is not that of a video of some seconds.
_MAX_INDEX = 32 * 1024 * 1024
_MAX_ENTRIES = 1_000_000
#: More boxes than a minute takes with a fragment for each frame and sound.
_MAX_BOXES = 20_000
#: What a file may begin with; QuickTime's older ones have no ``ftyp``.
_FIRST = (b"ftyp", b"styp", b"free", b"skip", b"wide", b"uuid", b"moov", b"mdat", b"sidx", b"pnot")
#: Where a decoder's description says how long the lengths of a picture's parts are: its box, and the byte in it.
_LENGTHS = {b"avc1": (b"avcC", 4), b"avc3": (b"avcC", 4), b"hvc1": (b"hvcC", 21), b"hev1": (b"hvcC", 21)}
_TOO_LARGE = "the download is no video of a few seconds: its index is too large"
_BREAKS_OFF = "the download is not a complete MP4: it ends too early"


class Box(NamedTuple):
    """A box of the file: its kind, and where it, its content and its end are."""

    kind: bytes
    start: int
    content: int
    end: int


@dataclass
class Track:
    """One track: length in seconds and size in pixels (0 where not stated), and its ``pieces``: (offset, size) in bytes
    of each picture, or of some samples of sound.

    ``begins`` and ``lasts`` are when the listed pieces begin and end, in ``scale`` units a second. ``count`` is how
    many samples there are, and ``loose`` how many of them, the last ones, have no length. ``dense``: no long run of
    zeros can be in them. ``prefix`` is the size of the length before each part of a picture, 0 where a picture has no
    such parts. ``codec`` is that of pictures, ``sound`` describes sound.
    """

    number: int
    kind: bytes
    scale: int
    lasts: int
    seconds: float
    width: int = 0
    height: int = 0
    dense: bool = False
    prefix: int = 0
    codec: str = ""
    sound: Sound | None = None
    count: int = 0
    begins: int = 0
    loose: int = 0
    pieces: list[tuple[int, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Samples a second, 0 where that is not known."""
        time = self.lasts - self.begins
        return round((self.count - self.loose) * self.scale / time, 3) if time > 0 else 0.0


def top_level(file: BinaryIO, total: int, *, open_end: bool) -> list[Box]:
    """The boxes of the file. Raises `DownloadError` for what is no MP4 or breaks off.

    Without ``open_end`` they must fill the file exactly. With it the last one may reach to the file's end, and what is
    behind the last one is ignored, as players do.
    """
    boxes: list[Box] = []
    position = 0
    while position < total:
        if len(boxes) >= _MAX_BOXES:
            raise DownloadError(_TOO_LARGE)
        file.seek(position)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8]) if len(head) >= 8 else (0, b"")
        if position == 0 and kind not in _FIRST:
            raise DownloadError("the download is not an MP4" if len(head) >= 8 else _BREAKS_OFF)
        content = position + 8
        if size == 1 and len(head) == 16:
            size, content = struct.unpack(">Q", head[8:])[0], position + 16
        if open_end and kind == b"mdat" and (size == 0 or position + size > total):
            # Whether all pictures are there, the index tells.
            size = total - position
        if position + size > total or position + size < content:
            if open_end and kind not in (b"moov", b"moof") and {b"moov", b"mdat"} <= {box.kind for box in boxes}:
                break
            if not (open_end and kind.isalpha() and size == 0):
                raise DownloadError(_BREAKS_OFF)
            size = total - position
        boxes.append(Box(kind, position, content, position + size))
        position += size
    return boxes


def tracks(file: BinaryIO, boxes: list[Box], *, most: int = _MAX_INDEX) -> list[Track]:
    """The tracks of a video. Raises `DownloadError` where there is no index to read, or one of over ``most`` bytes."""
    if not {b"moov", b"mdat"} <= {box.kind for box in boxes}:
        raise DownloadError("the download is not a complete MP4: it has no video in it")
    if sum(box.end - box.content for box in boxes if box.kind in (b"moov", b"moof")) > most:
        raise DownloadError(_TOO_LARGE)
    moov = _read(file, next(box for box in boxes if box.kind == b"moov"))
    try:
        mvhd = _inner(moov, b"mvhd")
        scale, length = _duration(mvhd)
        mehd = _inner(moov, b"mvex", b"mehd")
        if not length and mehd:
            # In fragments, as streaming encoders write them, this header is empty and need not state the length.
            (length,) = struct.unpack_from(">4xQ" if mehd[:1] == b"\1" else ">4xI", mehd)
        found = [_track(trak, length / scale if scale else 0.0) for kind, trak in _children(moov) if kind == b"trak"]
        defaults = [data for kind, data in _children(_inner(moov, b"mvex")) if kind == b"trex"]
        _fragments(file, [box for box in boxes if box.kind == b"moof"], found, defaults)
    except (struct.error, IndexError, StopIteration):
        raise DownloadError("the download is an MP4 without a playable video in it") from None
    return found


def _read(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.content)
    return file.read(box.end - box.content)


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if size == 1 and position + 16 <= len(data):
            (size,), head = struct.unpack_from(">Q", data, position + 8), 16
        elif size == 0:
            size = len(data) - position
        if size < head or position + size > len(data):
            return
        yield kind, data[position + head : position + size]
        position += size


def _inner(data: bytes, *path: bytes) -> bytes:
    """The first box at a path, else empty."""
    for name in path:
        data = next((inner for kind, inner in _children(data) if kind == name), b"")
    return data


def _duration(head: bytes) -> tuple[int, int]:
    """Units a second and how many of them, of ``mvhd`` and ``mdhd``; all ones mean unknown."""
    long = head[:1] == b"\1"
    scale, length = struct.unpack_from(">20xIQ" if long else ">12xII", head)
    return scale, 0 if length == (1 << (64 if long else 32)) - 1 else length


def _track(trak: bytes, seconds: float) -> Track:
    media = _inner(trak, b"mdia")
    mdhd, table = _inner(media, b"mdhd"), _inner(media, b"minf", b"stbl")
    scale, length = _duration(mdhd)
    tkhd = _inner(trak, b"tkhd")
    (number,) = struct.unpack_from(">20xI" if tkhd[:1] == b"\1" else ">12xI", tkhd)
    kind = _inner(media, b"hdlr")[8:12]
    stts = _inner(table, b"stts")[8:]
    lasts = sum(count * step for count, step in struct.iter_unpack(">II", stts[: len(stts) // 8 * 8]))
    track = Track(number, kind, scale, lasts, seconds or (length or lasts) / max(scale, 1))
    track.pieces = list(_pieces(table, each=kind == b"vide"))
    name, entry = next(_children(_inner(table, b"stsd")[8:]), (b"", b""))
    track.count = _sizes(table)[1]
    if kind == b"soun":
        track.sound = sound_of(name, entry)
    # (MP3 has runs of zeros in silence.)
    track.dense = name in _LENGTHS or (track.sound is not None and track.sound.codec == "AAC")
    if kind == b"vide":
        track.codec = picture_codec(name, entry)
        width, height = struct.unpack(">II", tkhd[-8:])
        # Some writers leave the track's size open: players then use that of its pictures.
        coded = struct.unpack_from(">24xHH", entry) if len(entry) >= 28 else (0, 0)
        track.width, track.height = (width >> 16, height >> 16) if width >> 16 and height >> 16 else coded
        box, at = _LENGTHS.get(name, (b"", 0))
        if box and (decoder := _inner(entry[78:], box)):
            track.prefix = (decoder[at] & 3) + 1
    return track


def _pieces(table: bytes, *, each: bool) -> Iterator[tuple[int, int]]:
    """Where the samples are: each, or chunk by chunk."""
    size, count, sizes = _sizes(table)
    wide, stsc = _inner(table, b"co64"), _inner(table, b"stsc")
    table_of_chunks = wide or _inner(table, b"stco")
    if not count or not table_of_chunks:
        return
    (chunks,) = struct.unpack_from(">4xI", table_of_chunks)
    if chunks > _MAX_ENTRIES or (each and count > _MAX_ENTRIES):
        raise DownloadError(_TOO_LARGE)
    offsets = struct.unpack_from(f">{chunks}{'Q' if wide else 'I'}", table_of_chunks, 8)
    (runs,) = struct.unpack_from(">4xI", stsc)
    table_of_runs = list(struct.iter_unpack(">III", stsc[8 : 8 + 12 * runs]))
    ends = [first - 1 for first, *_ in table_of_runs[1:]] + [chunks]
    done = 0
    for (first, many, _), end in zip(table_of_runs, ends, strict=False):
        for offset in offsets[max(first, 1) - 1 : end]:
            here = min(many, count - done)
            if here <= 0:
                return
            if size or not each:
                yield offset, size * here if size else sum(sizes[done : done + here])
            else:
                part = sizes[done : done + here]
                yield from zip(accumulate(part, initial=offset), part, strict=False)
            done += here


def _sizes(table: bytes) -> tuple[int, int, Sequence[int]]:
    """The size that all samples have (else 0), how many there are, and otherwise the size of each."""
    if stsz := _inner(table, b"stsz"):
        size, count = struct.unpack_from(">4xII", stsz)
        return size, count, () if size else struct.unpack_from(f">{count}I", stsz, 12)
    stz2 = _inner(table, b"stz2")
    if not stz2:
        return 0, 0, ()
    bits, count = struct.unpack_from(">7xBI", stz2)
    if bits == 16:
        return 0, count, struct.unpack_from(f">{count}H", stz2, 12)
    return 0, count, stz2[12:] if bits == 8 else [half for both in stz2[12:] for half in (both >> 4, both & 15)]


def _fragments(file: BinaryIO, moofs: list[Box], found: list[Track], trex: list[bytes]) -> None:
    """Add the pieces in fragments to the tracks."""
    by_number = {track.number: track for track in found}
    usual = {number: (step, size) for number, step, size in (struct.unpack_from(">4xI4xII", one) for one in trex)}
    for box in moofs:
        end = box.start
        for kind, traf in _children(_read(file, box)):
            if kind == b"traf":
                number, end, step, size = _defaults(_inner(traf, b"tfhd"), box.start, end, usual)
                track, base = by_number.get(number), end
                if track and (tfdt := _inner(traf, b"tfdt")):
                    # When it begins; some writers state only that, and no lengths of pictures.
                    (track.lasts,) = struct.unpack_from(">4xQ" if tfdt[:1] == b"\1" else ">4xI", tfdt)
                    track.begins = track.begins if track.count else track.lasts
                    track.loose = 0
                for trun in (data for name, data in _children(traf) if name == b"trun"):
                    run, count, took, end = _run(trun, base, end, step, size)
                    if track:
                        track.pieces += run
                        track.count += count
                        track.loose = 0 if took else track.loose + count
                        track.lasts += took
    for track in found if moofs else ():
        # The header may state the length of the first fragment alone.
        track.seconds = max(track.seconds, track.lasts / max(track.scale, 1))


def _defaults(tfhd: bytes, moof: int, end: int, usual: dict[int, tuple[int, int]]) -> tuple[int, int, int, int]:
    """Of a track in a fragment: its number, where its offsets count from, and its samples' usual length and size."""
    flags, number = struct.unpack_from(">II", tfhd)
    told = iter(struct.unpack(f">{len(tfhd[8:]) // 4}I", tfhd[8 : len(tfhd) // 4 * 4]))
    base = moof if flags & 0x20000 else end
    if flags & 1:
        base = next(told) << 32 | next(told)
    if flags & 2:
        next(told)
    step, size = usual.get(number, (0, 0))
    step = next(told) if flags & 8 else step
    return number, base, step, next(told) if flags & 16 else size


def _run(trun: bytes, base: int, end: int, step: int, size: int) -> tuple[list[tuple[int, int]], int, int, int]:
    """The pieces of one run, how many samples these are, how long they last, and where they end."""
    flags, count = struct.unpack_from(">II", trun)
    if count > _MAX_ENTRIES:
        raise DownloadError(_TOO_LARGE)
    at = 8
    if flags & 1:
        end = base + struct.unpack_from(">i", trun, at)[0]
        at += 4
    if flags & 4:
        at += 4
    columns = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    if not columns:
        return [(end, count * size)], count, count * step, end + count * size
    rows = list(struct.iter_unpack(f">{len(columns)}I", trun[at : at + 4 * len(columns) * count]))
    if len(rows) < count:
        raise IndexError("the run is longer than its box")
    sizes = [row[columns.index(0x200)] for row in rows] if flags & 0x200 else [size] * count
    took = sum(row[columns.index(0x100)] for row in rows) if flags & 0x100 else count * step
    return list(zip(accumulate(sizes, initial=end), sizes, strict=False)), count, took, end + sum(sizes)
