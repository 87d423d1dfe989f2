"""A video that was made before, under the name that is asked for now."""

from __future__ import annotations

import filecmp
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from happyhorse_nb.client.place import into_place
from happyhorse_nb.errors import InvalidRequest
from happyhorse_nb.jobs.job import Job
from happyhorse_nb.models import Status


def copy_of(job: Job, wished: Path) -> None:
    """Copy a finished job's video to ``wished``; nothing to do when it lies, or will lie, there, or a copy of it does.

    Raises `InvalidRequest` when another file lies there, when the video is not made yet, or when it cannot be written.
    """
    snapshot, made = job.snapshot, job.path
    if job.record.target == wished and (snapshot.status.running or made == wished):
        return
    if snapshot.status != Status.DONE or made is None:
        raise InvalidRequest(
            f"--save: an equal request is {snapshot.status} as {snapshot.short_id}, and its file has another name. "
            "Leave --save out to follow it.",
            param="save",
        )
    # A name of its own: the user may have a file of any name, and another kernel may copy to the same one.
    half = wished.with_name(f"{wished.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        if not wished.exists():
            shutil.copyfile(made, half)
            into_place(half, [wished])
            return
    except FileExistsError:
        # It has come while the video was copied.
        pass
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise InvalidRequest(f"--save {wished} cannot be written: {reason}. Give another name.", param="save") from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    with suppress(OSError):
        # Also a copy: the cell that has asked for it is run again.
        if wished.samefile(made) or filecmp.cmp(wished, made, shallow=False):
            return
    raise InvalidRequest(f"--save {wished} exists and is never overwritten. Give another name.", param="save")
