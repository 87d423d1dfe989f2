"""What a job is shown with: the small pictures of its inputs, and what its video's file holds."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from happyhorse_nb.errors import DownloadError
from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.job.state import state_of
from happyhorse_nb.models import REFERENCES, VIDEO, Snapshot, Status
from happyhorse_nb.render import Picture, Small

if TYPE_CHECKING:
    from happyhorse_nb.job.job import Job

#: Pixels of a picture in a strip: it is shown half as wide and high, also on a page with two pixels for each.
_IN_STRIP = (176, 176)


class Shown(Protocol):
    """An input as it is shown, of a request or of a stored job."""

    @property
    def role(self) -> str:
        """The name of its role."""

    @property
    def label(self) -> str:
        """Its own name, such as that of a file."""

    @property
    def thumbnail(self) -> bytes | None:
        """A small JPEG, None where there is none."""


def pictures(job: Job) -> Small:
    """What a job's card shows of its inputs: the one picture, or all of them with what the prompt calls them."""
    return strip(state_of(job).record.inputs) or job.thumbnail


def strip(inputs: Iterable[Shown]) -> Small:
    """The same of these inputs. A single picture stands for itself, but for a reference, which the prompt names."""
    some = list(inputs)
    names = iter(range(1, len(some) + 1))
    if not any(one.role == REFERENCES.name for one in some):
        return next((one.thumbnail for one in some if one.thumbnail is not None), None)
    return tuple(
        Picture(
            f"character{next(names)}" if one.role == REFERENCES.name else "video" if one.role == VIDEO.name else "",
            _smaller(one.thumbnail) if one.thumbnail else None,
            one.label,
        )
        for one in some
    )


@lru_cache(maxsize=64)
def _smaller(picture: bytes) -> bytes | None:
    # (A running card asks for the same ones every second.)
    return thumbnail(picture, _IN_STRIP)


def seen(snapshot: Snapshot) -> Snapshot:
    """A finished job with what its file holds, as far as that can be read; any other as it is.

    From the file each time it is shown, which takes about a millisecond: so that holds for videos of earlier versions
    too, and for a file that was replaced.
    """
    if snapshot.status != Status.DONE or snapshot.path is None:
        return snapshot
    from happyhorse_nb.client import read_mp4

    with suppress(OSError, DownloadError):
        return replace(snapshot, video=read_mp4(snapshot.path))
    return snapshot
