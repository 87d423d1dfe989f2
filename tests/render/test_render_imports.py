from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import happyhorse_nb


def test_rendering_costs_nothing_until_something_is_rendered() -> None:
    code = (
        "import sys, happyhorse_nb.render; print([m for m in ('jinja2', 'IPython', 'ipywidgets') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(happyhorse_nb.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
