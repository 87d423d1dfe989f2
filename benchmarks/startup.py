"""What a start costs, each in fresh processes, in turn: the import against ``import aiohttp``, the first submit against
the import of exactly those modules that it has used, which nobody who uses them can avoid."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess
from table import Row, show

_RUNS = 15
_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
_SUBMIT = """
import json, sys, threading, time
bare = set(sys.modules)
started = time.perf_counter()
import happyhorse_nb as hh
job = hh.generate(sys.argv[1], "A slow pan", duration=3, resolution="720P")
back = time.perf_counter() - started
accepted = threading.Event()
job.on_change(lambda _: job.task_id and accepted.set())
job.task_id or accepted.wait(60)
there = time.perf_counter() - started
names = [name for name in sys.modules if name not in bare and not name.startswith("happyhorse_nb")]
print(json.dumps({"back": back, "accepted": there, "modules": names}))
"""
_PARTS = """
import json, sys, time
from contextlib import suppress
from importlib import import_module
started = time.perf_counter()
for name in json.load(sys.stdin):
    # Some are there under a name that only their package gives them.
    with suppress(ImportError):
        import_module(name)
print(time.perf_counter() - started)
"""
_CARD = """
import json, time
from happyhorse_nb import render
from happyhorse_nb.models import Snapshot, Status
started = time.perf_counter()
import jinja2
imported = time.perf_counter() - started
render.card(Snapshot(id="a" * 32, status=Status.DONE, prompt="A slow pan"), None, now=0.0)
print(json.dumps([time.perf_counter() - started, imported]))
"""


def main() -> None:
    ours, theirs = [], []
    for _ in range(_RUNS):
        ours.append(float(_run(_IMPORT.format("happyhorse_nb"))))
        theirs.append(float(_run(_IMPORT.format("aiohttp"))))
    back, accepted, parts = _submits()
    cards = [json.loads(_run(_CARD)) for _ in range(_RUNS)]
    drawn, imported = [card for card, _ in cards], [alone for _, alone in cards]
    show(
        [
            _row("import happyhorse_nb", ours, "ratio <= 0.1", theirs, "import aiohttp"),
            _row("import and the first generate, until it returns", back, "", parts, "its modules alone"),
            _row("import and the first generate, until accepted", accepted, "", parts, "its modules alone"),
            _row("the first card of a video, drawn", drawn, "ratio <= 3", imported, "import jinja2"),
        ]
    )


def _submits() -> tuple[list[float], list[float], list[float]]:
    back, accepted, parts = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.new("RGB", (640, 427), "navy").save(photo)
        with SandboxProcess(Path(folder) / "sandbox", SandboxOptions(accept_delay=0.0)) as sandbox:
            for run in range(_RUNS):
                home = {"HAPPYHORSE_HOME": f"{folder}/{run}", "HAPPYHORSE_WAIT": "0"}
                account = {"MODELLIX_BASE_URL": sandbox.origin, "MODELLIX_API_KEY": "sandbox"}
                told: dict[str, Any] = json.loads(_run(_SUBMIT, str(photo), env={**home, **account}))
                back.append(told["back"])
                accepted.append(told["accepted"])
                parts.append(float(_run(_PARTS, given=json.dumps(told["modules"]))))
    return back, accepted, parts


def _row(what: str, ours: list[float], target: str, base: list[float], base_is: str) -> Row:
    return Row(what, 1000 * statistics.median(ours), "ms", target, 1000 * statistics.median(base), base_is)


def _run(code: str, *arguments: str, given: str = "", env: dict[str, str] | None = None) -> str:
    # -I: not from the checkout that this is started in.
    command = [sys.executable, "-I", "-c", code, *arguments]
    done = subprocess.run(
        command, input=given, env={**os.environ, **(env or {})}, capture_output=True, check=True, text=True
    )
    return done.stdout
