"""The console command ``happyhorse-nb demo | lab | sandbox | models | doctor | jobs``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from happyhorse_nb._version import __version__
from happyhorse_nb.errors import HappyHorseError, MissingKey
from happyhorse_nb.sandbox import SandboxProcess
from happyhorse_nb.settings import KEY_VARIABLE, SANDBOX_KEY, current_account, home
from happyhorse_nb.settings.account import ORIGIN_VARIABLE

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpecManager


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="happyhorse-nb", description="Make video from a notebook.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"happyhorse-nb {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="run the quickstart notebook on the embedded server")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="where the results go (%(default)s)")
    commands.add_parser(
        "lab",
        help="open JupyterLab on the notebooks, with the embedded server if there is no key",
        usage="happyhorse-nb lab [-h] [arguments of jupyter lab …]",
    )
    commands.add_parser("sandbox", help="run the embedded server (-h for its options)", add_help=False)
    commands.add_parser("models", help="list the models: what each takes and costs, and how long it took here")
    doctor = commands.add_parser("doctor", help="show what is set up and what is missing")
    doctor.add_argument(
        "--schema",
        action="store_true",
        help="show where the service's public description of the models differs from the tables here",
    )
    commands.add_parser("jobs", help="list the jobs, newest first (-h for its options)", add_help=False)
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help(sys.stderr)
        return 2
    # jobs, sandbox and lab have parsers of their own for the rest.
    args, rest = parser.parse_known_args(argv)
    if rest and args.command not in ("sandbox", "lab", "jobs"):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        return _run(args, rest)
    except HappyHorseError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader, such as head, has closed the pipe. Without this Python complains again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    match args.command:
        case "demo":
            return demo(args.output)
        case "lab":
            return lab(rest)
        case "sandbox":
            from happyhorse_nb.sandbox.run import main as run

            hint = f"Use it with {ORIGIN_VARIABLE}={{}} and {KEY_VARIABLE}={SANDBOX_KEY}; Ctrl-C stops it."
            return run(rest, prog="happyhorse-nb sandbox", folder=str(home() / "sandbox"), hint=hint.format)
        case "doctor":
            from happyhorse_nb.api.account import report
            from happyhorse_nb.api.family import schema_report

            for line in schema_report() if args.schema else report():
                print(line, flush=True)
        case "models":
            from happyhorse_nb.api import list_models

            print(list_models())
        case "jobs":
            from happyhorse_nb.api import jobs
            from happyhorse_nb.api.catalog import add_filters, chosen

            words = "List the jobs, newest first, with what they cost."
            parser = argparse.ArgumentParser(prog="happyhorse-nb jobs", description=words, allow_abbrev=False)
            add_filters(parser, sort=True)
            print(jobs(**chosen(parser.parse_args(rest))))
    return 0


QUICKSTART = "01_quickstart.ipynb"
INSTALL_LAB = "Install it: pip install 'happyhorse-nb[lab]'"


def notebooks() -> Path:
    """The folder of the shipped notebooks. Raises `HappyHorseError` when it is missing."""
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    raise HappyHorseError("the notebooks are missing from this installation", remedy="Install happyhorse-nb again.")


def checkout(start: Path, environment: Path) -> Path | None:
    """The notebooks of the checkout that contains ``start``, else of the one with this ``environment`` (`sys.prefix`),
    where the package may be installed as a wheel; None outside of a checkout."""
    for folder in (start, *start.parents, environment.parent):
        if (folder / "happyhorse_nb" / "_version.py").is_file() and (folder / "notebooks" / QUICKSTART).is_file():
            return folder / "notebooks"
    return None


def copy_to(folder: Path, *, only: str | None = None) -> None:
    """Copy the notebooks (or only one) and their photos into a folder; existing files stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(notebooks().iterdir()):
        wanted = source.suffix != ".ipynb" or only in (None, source.name)
        if source.is_file() and wanted and not (folder / source.name).exists():
            shutil.copyfile(source, folder / source.name)


#: Bytes that the server accepts in one message. A photo chosen in a form is one message, and above Tornado's own limit
#: of 10 MiB the connection is closed. Images are read up to 256 MiB, to be made to fit.
_MOST = 272 * 1024 * 1024
_SERVER = "--ServerApp.tornado_settings"


def lab(arguments: Sequence[str]) -> int:
    """Open JupyterLab on the quickstart notebook. Without a key its kernels use a sandbox started here."""
    if find_spec("jupyterlab") is None:
        raise HappyHorseError("JupyterLab is not installed", remedy=INSTALL_LAB)
    folder = checkout(Path.cwd(), Path(sys.prefix)) or notebooks()
    if not os.access(folder, os.W_OK) or folder.parent.name == "happyhorse_nb":
        # Installed: the user gets a copy, which an update does not overwrite.
        folder = Path.cwd() / "happyhorse-notebooks"
        copy_to(folder)
    environment = dict(os.environ)
    with ExitStack() as stack:
        print(f"The notebooks are in {folder}.")
        try:
            account = current_account()
        except MissingKey:
            sandbox = stack.enter_context(SandboxProcess(home() / "sandbox"))
            environment.update({ORIGIN_VARIABLE: sandbox.origin, KEY_VARIABLE: SANDBOX_KEY})
            print(f"No key is given: the sandbox at {sandbox.origin} renders the videos here, free of charge.")
        else:
            print(f"The key from {account.source} is used: {account.maker}.")
        sys.stdout.flush()
        # JupyterLab refuses to run as root, which is normal in a container, without this.
        own = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        own += [f"--notebook-dir={folder}", f"--LabApp.default_url=/lab/tree/{QUICKSTART}"]
        if not any(argument.startswith(_SERVER) for argument in arguments):
            own.append(f"{_SERVER}={{'websocket_max_message_size': {_MOST}}}")
        command = [sys.executable, "-m", "jupyterlab", *own, *arguments]
        with subprocess.Popen(command, env=environment) as running:  # noqa: S603 - our own arguments
            # JupyterLab ends with this program.
            signal.signal(signal.SIGTERM, lambda *_: running.terminate())
            return running.wait()


def own_kernel(python: str = sys.executable) -> KernelSpecManager:
    """A kernel spec manager that always gives the kernel of this interpreter. Its warnings are off: newcomers cannot
    judge that a connection on their own machine is not encrypted."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    command = [python, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]

    class Own(KernelSpecManager):
        def get_kernel_spec(self, _: str) -> KernelSpec:
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return Own()


def demo(output: Path) -> int:
    """Run the quickstart notebook in a fresh folder and print the paths of notebook, page and video. Returns the exit
    status."""
    try:
        import nbclient  # noqa: F401 - imported early to say what is missing
        from nbconvert import HTMLExporter
    except ImportError:
        raise HappyHorseError("the demo needs JupyterLab", remedy=INSTALL_LAB) from None
    output = output.absolute()
    try:
        if output.exists():
            _check_ours(output)
            shutil.rmtree(output)
        copy_to(output, only=QUICKSTART)
    except OSError as problem:
        reason = (problem.strerror or type(problem).__name__).lower()
        raise HappyHorseError(
            f"the folder {output} cannot be made: {reason}", remedy="Give another --output."
        ) from None
    # With a ledger of its own, so that the demo always shows a first run.
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(Path(folder) / "sandbox") as sandbox:
        own = {"HAPPYHORSE_HOME": folder, ORIGIN_VARIABLE: sandbox.origin, KEY_VARIABLE: SANDBOX_KEY}
        executed = _execute(output / QUICKSTART, env={**os.environ, **own})
    html, _ = HTMLExporter().from_notebook_node(executed)  # type: ignore[no-untyped-call]  # nbconvert has no types
    page = (output / QUICKSTART).with_suffix(".html")
    page.write_text(html, encoding="utf-8")
    videos = sorted(output.glob("happyhorse-videos/*.mp4"))
    if not videos:
        raise HappyHorseError("the notebook made no video", remedy="Its outputs say why.")
    video = output / "quickstart.mp4"
    shutil.copyfile(videos[0], video)
    for name, path in (("notebook", output / QUICKSTART), ("page", page), ("video", video)):
        print(f"{name:9} {path}")
    print(f"To go on: {program(Path(sys.executable))} lab")
    return 0


def program(python: Path) -> str:
    """The command that runs this program with that interpreter: the script beside it, else the package as a module."""
    return shutil.which("happyhorse-nb", path=str(python.parent)) or f"{python} -m happyhorse_nb"


def _check_ours(output: Path) -> None:
    """Raises where the folder is no earlier demo's: it must not be deleted."""
    if any(output.iterdir()) and not (output / QUICKSTART).is_file():
        raise HappyHorseError(f"{output} exists and is no earlier demo's", remedy="Give another --output.")


def _execute(path: Path, *, env: dict[str, str]) -> Any:
    """Run the notebook and print each cell as it starts; ``env`` is the kernel's environment."""
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
        timeout=300,
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
