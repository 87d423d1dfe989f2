"""Real images, made with Pillow. Each is noise over a ramp, so that a change of its pixels shows."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from happyhorse_nb.models import ImageLimits

LIMITS = ImageLimits()


def picture(width: int = 640, height: int = 400, mode: str = "RGB") -> Image.Image:
    """Dark at its top, bright at its bottom, with a red left half where there is colour."""
    ramp = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (ramp, ramp, ramp))
    image.paste((200, 30, 30), (0, 0, width // 2, height))
    return image.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    """What no format makes small."""
    return Image.frombytes("RGB", (width, height), random.Random(width).randbytes(3 * width * height))


def deep(width: int, height: int) -> Image.Image:
    """The ramp in 16 bits a pixel."""
    return picture(width, height, "L").convert("I").point(lambda value: value * 257).convert("I;16")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    """What a camera writes when it is held that way."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def with_thumbnail() -> bytes:
    """What a camera writes: a small JPEG inside of what it says about the large one."""
    small = encoded(picture(160, 100), "JPEG")
    head = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    first = struct.pack("<HHHII", 1, 0x0112, 3, 1, 1) + struct.pack("<I", 8 + 18)
    tags = ((0x0103, 3, 6), (0x0201, 4, 8 + 18 + 42), (0x0202, 4, len(small)))
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return head + first + second + struct.pack("<I", 0) + small


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def mean(image: Image.Image) -> float:
    """How bright it is, 0 to 255."""
    return float(np.asarray(image.convert("L")).mean())
