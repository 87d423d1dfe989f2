"""Real images, made with Pillow. Each is noise over a ramp, so that a change of its pixels shows."""

from __future__ import annotations

import io
import random
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


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    """What a camera writes when it is held that way."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


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
