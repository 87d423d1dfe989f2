"""A file that is whole gets its name: at once, and never in the place of another one."""

from __future__ import annotations

import os
from errno import EEXIST
from pathlib import Path


def into_place(half: Path, target: Path) -> None:
    """Give ``half`` the name ``target``, in the same folder, without ever replacing a file that is there.

    ``half`` may still be there afterwards, as a second name of the same file; who made it takes it away. Raises
    `FileExistsError` where the name is taken, `OSError` where the folder cannot be written.
    """
    try:
        os.link(half, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (some network drives): the check and the rename are then two steps.
        if target.exists():
            raise FileExistsError(EEXIST, os.strerror(EEXIST)) from None
        half.rename(target)
