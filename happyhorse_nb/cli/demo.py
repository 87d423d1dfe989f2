"""Runs the quickstart notebook on the embedded server, and leaves what a user would have: notebook, page, video."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from happyhorse_nb.cli.notebooks import QUICKSTART, copy_to
from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.sandbox import SandboxProcess
from happyhorse_nb.settings import KEY_VARIABLE, SANDBOX_KEY
from happyhorse_nb.settings.account import ORIGIN_VARIABLE


def own_kernel(python: str = sys.executable) -> KernelSpecManager:
    """What a kernel manager asks for a kernel, and gets that of an interpreter for, of this one if no other is named.

    Without its warnings: that a connection on this machine is not encrypted is nothing that a newcomer can judge.
    """
    command = [python, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]

    class Own(KernelSpecManager):
        def get_kernel_spec(self, _: str) -> KernelSpec:
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return Own()


_TIMEOUT = 300


def demo(output: Path) -> int:
    """Run the demo into a folder, made anew; prints the three paths. Returns the exit status."""
    try:
        import nbclient  # noqa: F401 - only to say early what is missing
        import nbconvert  # noqa: F401
    except ImportError:
        raise HappyHorseError("the demo needs JupyterLab's parts: pip install 'happyhorse-nb[lab]'") from None
    output = output.absolute()
    try:
        if output.exists():
            _check_ours(output)
            shutil.rmtree(output)
        copy_to(output, only=QUICKSTART)
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise HappyHorseError(f"the folder {output} cannot be made: {reason}. Give another --output.") from None
    # A ledger of its own: the demo shows the first run, whoever has run it before.
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxProcess(Path(folder) / "sandbox") as sandbox,
    ):
        own = {"HAPPYHORSE_HOME": folder, ORIGIN_VARIABLE: sandbox.origin, KEY_VARIABLE: SANDBOX_KEY}
        executed = _execute(output / QUICKSTART, env={**os.environ, **own})
    page = _page(output / QUICKSTART, executed)
    videos = sorted(output.glob("happyhorse-videos/*.mp4"))
    if not videos:
        raise HappyHorseError("the notebook made no video; its outputs say why")
    video = output / "quickstart.mp4"
    shutil.copyfile(videos[0], video)
    for name, path in (("notebook", output / QUICKSTART), ("page", page), ("video", video)):
        print(f"{name:9} {path}")
    print(f"To go on: {program(Path(sys.executable))} lab")
    return 0


def program(python: Path) -> str:
    """What runs this program with that interpreter: the script beside it, else the package as a module."""
    # Not from sys.argv: with -m that is a file of the package.
    return shutil.which("happyhorse-nb", path=str(python.parent)) or f"{python} -m happyhorse_nb"


def _check_ours(output: Path) -> None:
    """Never delete a folder that is not one of ours."""
    if any(output.iterdir()) and not (output / QUICKSTART).is_file():
        raise HappyHorseError(f"{output} exists and is no earlier demo's. Give another --output.")


def _execute(path: Path, *, env: dict[str, str]) -> Any:
    """Run the notebook as a user would, cell after cell, saying which; ``env`` is the kernel's environment."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    started = time.monotonic()

    def say(cell: Any, **_: Any) -> None:
        if cell in code:
            first = next(iter(cell.source.splitlines()), "")
            print(f"cell {code.index(cell) + 1} of {len(code)}: {first}", flush=True)

    client = NotebookClient(
        notebook,
        timeout=_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=say,
    )
    manager: Any = client.create_kernel_manager()
    manager.kernel_spec_manager = own_kernel()
    try:
        client.execute(env=env)
    except (CellExecutionError, RuntimeError) as problem:
        lines = str(problem).strip().splitlines() or [type(problem).__name__]
        raise HappyHorseError(f"the notebook {path} did not run to its end: {lines[-1]}") from None
    finally:
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # nbformat has no types
    print(f"done in {time.monotonic() - started:.0f} s", flush=True)
    return notebook


def _page(path: Path, notebook: Any) -> Path:
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]  # nor has nbconvert
    page = path.with_suffix(".html")
    page.write_text(html, encoding="utf-8")
    return page
