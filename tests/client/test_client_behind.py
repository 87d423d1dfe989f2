"""A film stays where the file system cannot be asked to bring it to the disk; a disk that fails is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from happyhorse_nb.client.transfer import BatchWriter


def failing(number: int):
    def sync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    return sync


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
async def test_a_file_system_that_cannot_be_asked_keeps_the_film(tmp_path: Path, number: int) -> None:
    with (tmp_path / "film").open("wb") as file:
        writer = BatchWriter(file, sync=failing(number))
        await writer.put(b"film")
        await writer.end(sync=True)
    assert (tmp_path / "film").read_bytes() == b"film"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_fails_is_no_place_for_a_film(tmp_path: Path, number: int) -> None:
    with (tmp_path / "film").open("wb") as file:
        writer = BatchWriter(file, sync=failing(number))
        await writer.put(b"film")
        with pytest.raises(OSError, match=os.strerror(number)):
            await writer.end(sync=True)
