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


def in_colab() -> bool:
    """Whether this is Colab, which shows no widget update while no cell runs."""
    return "google.colab" in sys.modules


def waits_by_default(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether cells wait for their videos unless told otherwise: where nobody could see them arrive later."""
    told = environ.get("HAPPYHORSE_WAIT", "").strip().lower()
    if told:
        return told not in ("0", "false", "no", "off")
    if environ.get("SERVER_SOFTWARE", "").startswith("voila") or in_colab():
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
