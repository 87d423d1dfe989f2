"""Names the codec of a track from its description: a sample entry of the box ``stsd`` (ISO/IEC 14496-12, -14, -15)."""

from __future__ import annotations

import struct

from happyhorse_nb.models import Sound

#: By the four letters of the entry.
_PICTURES = {
    **dict.fromkeys((b"avc1", b"avc2", b"avc3", b"avc4", b"dva1", b"dvav"), "H.264"),
    **dict.fromkeys((b"hvc1", b"hvc2", b"hev1", b"hev2", b"dvh1", b"dvhe"), "HEVC"),
    **dict.fromkeys((b"vvc1", b"vvi1"), "VVC"),
    **dict.fromkeys((b"av01", b"dav1"), "AV1"),
    **dict.fromkeys((b"s263", b"h263", b"H263"), "H.263"),
    **dict.fromkeys((b"jpeg", b"mjpa", b"mjpb"), "Motion JPEG"),
    **dict.fromkeys((b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"ap4x"), "ProRes"),
    b"vp08": "VP8",
    b"vp09": "VP9",
    b"encv": "encrypted video",
}
_SOUNDS = {
    **dict.fromkeys((b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32", b"raw "), "PCM"),
    b"Opus": "Opus",
    b"fLaC": "FLAC",
    b"alac": "ALAC",
    b"ac-3": "AC-3",
    b"ec-3": "E-AC-3",
    b".mp3": "MP3",
    b"samr": "AMR",
    b"sawb": "AMR",
    b"enca": "encrypted sound",
}
#: By the object type of an MPEG-4 description (the registry of mp4ra.org).
_OBJECTS = {
    0x20: "MPEG-4 part 2",
    **dict.fromkeys(range(0x60, 0x66), "MPEG-2"),
    0x6A: "MPEG-1",
    0x6C: "Motion JPEG",
    0x21: "H.264",
    0x23: "HEVC",
    0xB1: "VP9",
    0x40: "AAC",
    **dict.fromkeys((0x66, 0x67, 0x68), "AAC"),
    **dict.fromkeys((0x69, 0x6B), "MP3"),
    0xA5: "AC-3",
    0xA6: "E-AC-3",
    0xAD: "Opus",
}
#: Samples a second, by their index in AAC's own description.
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
#: A longer description, in bytes, is not read to its end.
_LONGEST = 4096


def picture_codec(name: bytes, entry: bytes) -> str:
    """The codec of pictures; ``entry`` is the content of the box ``name``. Empty where there is none."""
    if name == b"mp4v":
        return _OBJECTS.get(_object(entry)[0], "MPEG-4 video")
    return _PICTURES.get(name) or _letters(name)


def sound_of(name: bytes, entry: bytes) -> Sound:
    """The sound that an entry describes."""
    channels = rate = 0
    if len(entry) >= 28:
        channels, rate = struct.unpack_from(">16xH6xH", entry)
        if entry[9] == 2 and len(entry) >= 44:
            # QuickTime's later form has fixed values there, and the true ones behind them.
            exact, channels = struct.unpack_from(">32xdI", entry)
            rate = round(exact) if 0 < exact < 1e7 else 0
    if name != b"mp4a":
        return Sound(_SOUNDS.get(name) or _letters(name), channels, rate)
    kind, specific = _object(entry)
    codec = _OBJECTS.get(kind, "MPEG-4 sound")
    if codec == "AAC" and kind == 0x40:
        # Its own description counts: the entry's may say two channels for any number.
        own_channels, own_rate = _aac(specific)
        channels, rate = own_channels or channels, own_rate or rate
    return Sound(codec, channels, rate)


def _letters(name: bytes) -> str:
    """The letters of a codec that is not known here."""
    text = "".join(chr(byte) for byte in name if 32 < byte < 127)
    return text or ("unknown" if name else "")


def _object(entry: bytes) -> tuple[int, bytes]:
    """The object type of an MPEG-4 description, and the codec's own part of it; 0 and empty where there is none."""
    at = entry.find(b"esds")
    try:
        stream = _descriptor(entry[at + 8 : at + _LONGEST], 3) if at >= 0 else b""
        flags, start = stream[2], 3
        start += 2 if flags & 0x80 else 0
        start += 1 + stream[start] if flags & 0x40 else 0
        start += 2 if flags & 0x20 else 0
        config = _descriptor(stream[start:], 4)
        return config[0], _descriptor(config[13:], 5) if len(config) > 13 else b""
    except IndexError:
        return 0, b""


def _descriptor(data: bytes, tag: int) -> bytes:
    """The content of the descriptor at the start, if it has this tag. Raises IndexError where there is none."""
    size, at = 0, 1
    for _ in range(4):
        byte = data[at]
        size, at = size << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            break
    return data[at : at + size] if data[0] == tag else b""


def _aac(specific: bytes) -> tuple[int, int]:
    """Channels and rate of AAC; 0 where they are not stated."""
    bits, left = int.from_bytes(specific[:16].ljust(16, b"\0"), "big"), 128

    def take(count: int) -> int:
        nonlocal left
        left -= count
        return bits >> left & (1 << count) - 1

    def rate() -> int:
        index = take(4)
        return take(24) if index == 15 else _RATES[index] if index < len(_RATES) else 0

    if len(specific) < 2:
        return 0, 0
    kind = take(5)
    kind = 32 + take(6) if kind == 31 else kind
    found, channels = rate(), take(4)
    if kind in (5, 29):
        # HE-AAC: decoded, it has this rate; with parametric stereo one channel becomes two.
        found = rate() or found
        channels = 2 if kind == 29 and channels == 1 else channels
    return 8 if channels == 7 else channels, found
