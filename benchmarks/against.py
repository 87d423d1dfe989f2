"""Today's code and that of an earlier commit, in turns, in one run: what a job, a cell and a kernel cost.

Only run when it is named: ``python benchmarks against``. Each side has an environment of its own, with the same
releases of whatever both need.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from PIL import Image

from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess
from kernel import ACCEPT_DELAY, kernel_on
from scale import server
from table import Row, show

#: The last commit in which a job passed ten objects.
BEFORE = "e86a42125af482a29a61a5a99486292c9f64c0d9"
_HERE = Path(__file__).resolve().parent
_ROUNDS, _CELLS, _JOBS, _TAKES = 3, 10, 1000, 2.0
_CELL = "%%happyhorse photo.jpg --duration 3 --resolution 720P --seed {}\nA slow pan"
_FIGURES = {
    "CPU for a job": ("ms", "ratio <= 0.6"),
    "jobs a second": ("", "ratio >= 1.6"),
    "a kernel's first cell": ("ms", "ratio <= 0.55"),
    "a cell after that": ("ms", "ratio <= 0.6"),
    "memory of a kernel, one job done": ("MB", "ratio <= 0.8"),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        Image.effect_noise((640, 427), 40).convert("RGB").save(folder / "photo.jpg")
        sides = [
            _environment(folder / "today", _HERE.parent),
            _environment(folder / "before", _checkout(folder, BEFORE)),
        ]
        found: list[dict[str, list[float]]] = [{name: [] for name in _FIGURES} for _ in sides]
        for _ in range(_ROUNDS):
            for python, figures in zip(sides, found, strict=True):
                for measure in (_scale, _kernel):
                    measure(python, folder, figures)
    print(f"Three rounds in turns. Before: {BEFORE[:12]}.\n")
    today, before = ({name: statistics.median(each) for name, each in figures.items()} for figures in found)
    show([Row(name, today[name], unit, target, before[name], "before") for name, (unit, target) in _FIGURES.items()])


def _checkout(folder: Path, commit: str) -> Path:
    """The sources of that commit."""
    sources = folder / "sources"
    sources.mkdir()
    archive = subprocess.run(["git", "-C", str(_HERE.parent), "archive", commit], stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(sources)], input=archive.stdout, check=True)
    return sources


def _environment(place: Path, sources: Path) -> Path:
    """An interpreter that has those sources installed, and a kernel."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = place / "bin" / "python"
    wanted = [f"{sources}[sandbox]", "ipykernel"]
    subprocess.run([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted], check=True)
    return python


def _scale(python: Path, folder: Path, figures: dict[str, list[float]]) -> None:
    with server(str(folder), _TAKES) as origin:
        environment = {
            **os.environ,
            "HAPPYHORSE_HOME": tempfile.mkdtemp(dir=folder),
            "MODELLIX_BASE_URL": origin,
            "MODELLIX_API_KEY": "none",
        }
        environment.pop("PYTHONPATH", None)
        command = [str(python), str(_HERE / "scale_ours.py"), str(folder / "photo.jpg"), str(_JOBS)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    figures["CPU for a job"].append(1000 * told["cpu"] / _JOBS)
    figures["jobs a second"].append(_JOBS / told["seconds"])


def _kernel(python: Path, folder: Path, figures: dict[str, list[float]]) -> None:
    own = Path(tempfile.mkdtemp(dir=folder))
    (own / "photo.jpg").write_bytes((folder / "photo.jpg").read_bytes())
    options = SandboxOptions(accept_delay=ACCEPT_DELAY)
    with SandboxProcess(own / "sandbox", options) as sandbox, kernel_on(sandbox.origin, str(own), python) as run:
        run.seconds("pass")
        run.seconds("%load_ext happyhorse_nb")
        figures["a kernel's first cell"].append(1000 * run.seconds(_CELL.format(0)))
        later = [1000 * run.seconds(_CELL.format(seed)) for seed in range(1, _CELLS + 1)]
        figures["a cell after that"].append(statistics.median(later))
    with SandboxProcess(own / "other", SandboxOptions()) as sandbox, kernel_on(sandbox.origin, str(own), python) as run:
        run.seconds("%load_ext happyhorse_nb")
        run.seconds(_CELL.format(99) + ", again and to its end")
        run.seconds("import happyhorse_nb as hh; hh.wait()")
        run.seconds("import os; print('process', os.getpid())")
        [pid] = [int(text.split()[1]) for text in _printed(run.heard) if text.startswith("process")]
        figures["memory of a kernel, one job done"].append(psutil.Process(pid).memory_info().rss / 1e6)


def _printed(heard: list[tuple[float, dict[str, object]]]) -> list[str]:
    texts: list[str] = []
    for _, message in heard:
        content = message["content"]
        if message["msg_type"] == "stream" and isinstance(content, dict):
            texts.append(str(content["text"]))
    return texts
