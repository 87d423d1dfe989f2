"""The first frame of a job that was begun in another kernel: on disk, by its digest, or at its address."""

from __future__ import annotations

from dataclasses import replace

from happyhorse_nb.images import FirstFrame, inspect
from happyhorse_nb.ledger import Frames, Record


def resting(record: Record, frames: Frames) -> FirstFrame:
    """A row's first frame as far as the row says; nothing is read."""
    if record.frame.partition(":")[0].lower() in ("http", "https"):
        return FirstFrame(record.frame_label, url=record.frame)
    return FirstFrame(record.frame_label, file=frames.path(record.frame), known=record.frame)


def complete(frame: FirstFrame) -> FirstFrame:
    """The same with what it is, as it is sent. Slow: it may read the disk. Raises `InvalidRequest` when it is gone."""
    return frame if frame.url is not None or frame.info is not None else replace(frame, info=inspect(frame.read()))
