"""The front end: a notebook that somebody watches, a headless run, a terminal, or none."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any


def shell() -> Any:
    """The running IPython shell, None outside IPython. Imports nothing."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def in_notebook() -> bool:
    """Whether rich output and widgets can be shown: in a kernel, not in a terminal."""
    return getattr(shell(), "kernel", None) is not None


def changes_are_shown() -> bool:
    """Whether changes of an output are shown: not by text front ends such as ``jupyter console``. Notebooks' front ends
    are known by naming the cell they run."""
    if not in_notebook():
        return False
    told = _request().get("metadata", {})
    return bool(told.get("cellId")) or in_colab() or not watched()


def in_colab() -> bool:
    """Whether this is Colab, which shows no widget update while no cell runs."""
    return "google.colab" in sys.modules


def in_voila(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is Voilà, which serves no files of the notebook's folder."""
    return environ.get("SERVER_SOFTWARE", "").startswith("voila")


def watched() -> bool:
    """Whether somebody looks at the running cell: its front end can ask a user. Not so with nbclient and papermill."""
    return bool(_request().get("content", {}).get("allow_stdin", True))


def saved_elsewhere() -> bool:
    """Whether the notebook may be saved in another folder than its own, as by papermill."""
    return in_notebook() and not watched() and not in_voila()


def waits_by_default(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether cells wait for their videos unless told otherwise: where nobody would see them arrive later."""
    told = environ.get("HAPPYHORSE_WAIT", "").strip().lower()
    if told:
        return told not in ("0", "false", "no", "off")
    if in_voila(environ) or in_colab():
        return True
    return in_notebook() and not watched()


def somebody_watches(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody sees the running cell, and can press a button in it now or later."""
    return in_notebook() and watched() and not waits_by_default(environ)


def _request() -> dict[str, Any]:
    """The message that asked to run the current cell; empty while none runs."""
    kernel = getattr(shell(), "kernel", None)
    try:
        parent = kernel.get_parent("shell")  # type: ignore[union-attr]  # without a kernel, see below
    except (AttributeError, TypeError):
        parent = getattr(kernel, "_parent_header", None)
    return parent if isinstance(parent, dict) else {}


def running_cell() -> tuple[str, str]:
    """What identifies the running cell, also when it is run again, and what identifies this run; empty without one.

    The first is the front end's id of the cell, else the cell's code.
    """
    parent = _request()
    code = str(parent.get("content", {}).get("code", ""))
    told = parent.get("metadata", {}).get("cellId")
    return str(told or code), str(parent.get("header", {}).get("msg_id", ""))


def cells() -> tuple[str, str, list[str]]:
    """The front end's id of the running cell (empty where it gives none), what identifies this run, and the ids of the
    cells that were deleted since the last one."""
    parent = _request()
    told = parent.get("metadata", {})
    gone = told.get("deletedCells")
    run = str(parent.get("header", {}).get("msg_id", ""))
    return str(told.get("cellId") or ""), run, gone if isinstance(gone, list) else []
