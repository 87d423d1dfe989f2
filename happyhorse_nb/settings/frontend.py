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


def _allows_stdin() -> bool:
    """Whether the front end that runs this cell can ask its user something; nbclient and papermill have no user."""
    kernel = shell().kernel
    try:
        parent = kernel.get_parent("shell")
    except (AttributeError, TypeError):
        parent = getattr(kernel, "_parent_header", {})
    content = parent.get("content", {}) if isinstance(parent, dict) else {}
    return bool(content.get("allow_stdin", True))
