"""Where this runs: a notebook somebody watches, a headless run, a terminal, or a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any


def shell() -> Any:
    """The running IPython shell, None outside of IPython. Imports nothing."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def in_notebook() -> bool:
    """Whether rich output and widgets can be shown: a kernel, not a terminal."""
    return getattr(shell(), "kernel", None) is not None


def changes_are_shown() -> bool:
    """Whether what stands in a cell's output is seen to change. Front ends of text, such as ``jupyter console``, show
    what is put, and never what becomes of it; those of notebooks name the cell they run."""
    if not in_notebook():
        return False
    told = _request().get("metadata", {})
    return bool(told.get("cellId")) or in_colab() or not _allows_stdin()


def in_colab() -> bool:
    """Whether this is Colab, which shows no widget update while no cell runs."""
    return "google.colab" in sys.modules


def in_voila(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is Voilà, which serves no files of the notebook's folder."""
    return environ.get("SERVER_SOFTWARE", "").startswith("voila")


def watched() -> bool:
    """Whether somebody looks at the running cell: not where nbclient or papermill run the notebook."""
    return _allows_stdin()


def saved_elsewhere() -> bool:
    """Whether the notebook may be saved in another folder than it was opened from, as papermill does."""
    return in_notebook() and not watched() and not in_voila()


def waits_by_default(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether cells wait for their videos unless told otherwise: where nobody could see them arrive later."""
    told = environ.get("HAPPYHORSE_WAIT", "").strip().lower()
    if told:
        return told not in ("0", "false", "no", "off")
    if in_voila(environ) or in_colab():
        return True
    return in_notebook() and not _allows_stdin()


def somebody_watches(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody sees the running cell, and can press a button in it now or later."""
    return in_notebook() and _allows_stdin() and not waits_by_default(environ)


def _allows_stdin() -> bool:
    """Whether the front end that runs this cell can ask its user something; nbclient and papermill have no user."""
    return bool(_request().get("content", {}).get("allow_stdin", True))


def _request() -> dict[str, Any]:
    """The message that asked for the running cell; empty where none runs."""
    kernel = getattr(shell(), "kernel", None)
    try:
        parent = kernel.get_parent("shell")  # type: ignore[union-attr]  # where there is no kernel, see below
    except (AttributeError, TypeError):
        parent = getattr(kernel, "_parent_header", None)
    return parent if isinstance(parent, dict) else {}


def running_cell() -> tuple[str, str]:
    """What tells the running cell from others, the same when it is run again, and what tells this run from others.

    The first is the front end's own id of the cell, else the code in it; both are empty where no cell runs.
    """
    parent = _request()
    code = str(parent.get("content", {}).get("code", ""))
    told = parent.get("metadata", {}).get("cellId")
    return str(told or code), str(parent.get("header", {}).get("msg_id", ""))


def cells() -> tuple[str, str, list[str]]:
    """The front end's own id of the running cell, what tells this run from others, and the ids of the cells that were
    deleted since the last one; the first is empty where a front end names none."""
    parent = _request()
    told = parent.get("metadata", {})
    gone = told.get("deletedCells")
    run = str(parent.get("header", {}).get("msg_id", ""))
    return str(told.get("cellId") or ""), run, gone if isinstance(gone, list) else []
