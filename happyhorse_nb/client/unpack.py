"""Unpacks a video that comes compressed although it must not, recognised by its first bytes: servers compress without
saying so, or say so and do not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

#: Most bytes unpacked at once, so that the caller can stop at its cap.
_SLICE = 1024 * 1024
#: Bytes that tell what it is: an MP4 has the kind of its first box in bytes 4 to 8.
_HEAD = 8
_BOXES = (b"ftyp", b"styp", b"free", b"skip", b"wide", b"moov", b"mdat", b"moof", b"uuid")
_GZIP, _ZLIB, _DEFLATE = 31, 15, -15
_MAGIC = b"\x1f\x8b\x08"
#: Encodings that Python cannot undo.
_UNKNOWN = ("br", "zstd", "compress")
#: Compressed by a store, and again by what is in front of it.
_LAYERS = 2


class CannotUnpack(Exception):
    """The video is compressed in a way that cannot be undone."""


class Unpacker:
    """Returns a body as it is, or unpacked; ``said`` is the answer's Content-Encoding."""

    def __init__(self, said: str = "", layers: int = _LAYERS) -> None:
        #: Whether it is compressed; False until that is known.
        self.packed = False
        self._said = [word.strip().casefold() for word in said.split(",")]
        self._layers = layers
        #: Bytes before it was recognised, or behind the end of a compressed member.
        self._rest = b""
        self._known = False
        self._form = 0
        self._stream: zlib._Decompress | None = None
        self._inner: Unpacker | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What the next bytes give. Raises `CannotUnpack`."""
        if not self._known:
            self._rest += piece
            # An MP4's first byte is 0, the length of a short box, with which no compressed file begins.
            if len(self._rest) < _HEAD and (self._said != [""] or not self._rest.startswith(b"\0")):
                return
            piece, self._rest = self._rest, b""
            self._look(piece)
        if self._inner is None:
            yield piece
            return
        for part in self._unpacked(piece):
            yield from self._inner.feed(part)

    def end(self) -> Iterator[bytes]:
        """What is left at the body's end. Raises `CannotUnpack` where that came too early."""
        if self._inner is None:
            yield self._rest
            return
        if self._stream is None or not self._stream.eof:
            raise CannotUnpack("its compressed data end too early")
        yield from self._inner.end()

    def _look(self, head: bytes) -> None:
        self._known = True
        if head.startswith(_MAGIC):
            self._form = _GZIP
        elif head[4:8] in _BOXES:
            return
        elif head[0] & 0x8F == 8 and int.from_bytes(head[:2], "big") % 31 == 0:
            self._form = _ZLIB
        elif "deflate" in self._said:
            # Without the usual two bytes at the front, as some servers send it.
            self._form = _DEFLATE
        elif way := next((word for word in self._said if word in _UNKNOWN), None):
            raise CannotUnpack(f"it is compressed in a way that is not supported ({way})")
        if self._form and self._layers:
            self.packed = True
            self._stream = zlib.decompressobj(self._form)
            self._inner = Unpacker(layers=self._layers - 1)

    def _unpacked(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            assert self._stream is not None, "there is one where it is packed"
            if self._stream.eof:
                # Gzip members may follow each other and mean one file; anything else there means nothing.
                piece = self._rest + piece
                self._rest = piece if len(piece) < len(_MAGIC) else b""
                if self._form != _GZIP or not piece.startswith(_MAGIC):
                    return
                self._stream = zlib.decompressobj(self._form)
            yield from self._slices(piece)
            piece = self._stream.unused_data

    def _slices(self, piece: bytes) -> Iterator[bytes]:
        assert self._stream is not None, "there is one where it is packed"
        more = True
        while more:
            try:
                part = self._stream.decompress(piece, _SLICE)
            except zlib.error:
                raise CannotUnpack("its compressed data are damaged") from None
            piece = self._stream.unconsumed_tail
            # A full slice may have more behind it, although all bytes are taken.
            more = bool(piece) or len(part) == _SLICE
            if part:
                yield part
