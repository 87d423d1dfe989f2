"""Where the notebooks are, in a checkout or installed, and JupyterLab on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from happyhorse_nb.errors import HappyHorseError, MissingKey
from happyhorse_nb.settings import KEY_VARIABLE, SANDBOX_KEY, current_account, home
from happyhorse_nb.settings.account import ORIGIN_VARIABLE

QUICKSTART = "01_quickstart.ipynb"


def notebooks() -> Path:
    """The folder of the shipped notebooks. Raises `HappyHorseError` when it is missing."""
    package = Path(__file__).parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    raise HappyHorseError("the notebooks are missing from this installation. Install happyhorse-nb again.")


def checkout(start: Path, environment: Path) -> Path | None:
    """The notebooks of the checkout that ``start`` lies in, else of the one whose environment (`sys.prefix`) this is.

    There the package itself may be an installed one, as `make demo` leaves it. None outside of a checkout.
    """
    for folder in (start, *start.parents, environment.parent):
        if (folder / "happyhorse_nb" / "_version.py").is_file() and (folder / "notebooks" / QUICKSTART).is_file():
            return folder / "notebooks"
    return None


def copy_to(folder: Path, *, only: str | None = None) -> None:
    """Copy the notebooks (or one of them) with their photos into a folder; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(notebooks().iterdir()):
        wanted = source.suffix != ".ipynb" or only in (None, source.name)
        if source.is_file() and wanted and not (folder / source.name).exists():
            shutil.copyfile(source, folder / source.name)


#: What a server takes in one message, in bytes: a photograph that is chosen in a form comes in one. At Tornado's own
#: limit, 10 MiB, it closes the connection instead. Images of up to 256 MiB are read, to be made to fit; the rest is for
#: what is around them.
_MOST = 272 * 1024 * 1024
_SERVER = "--ServerApp.tornado_settings"


def lab(arguments: Sequence[str]) -> int:
    """Open JupyterLab on the quickstart notebook. Without a key its kernels use a sandbox that runs along."""
    if find_spec("jupyterlab") is None:
        raise HappyHorseError("JupyterLab is not installed: pip install 'happyhorse-nb[lab]'")
    folder = checkout(Path.cwd(), Path(sys.prefix)) or notebooks()
    if not os.access(folder, os.W_OK) or folder.parent.name == "happyhorse_nb":
        # Installed: the user's own copy, which an update does not take away.
        folder = Path.cwd() / "happyhorse-notebooks"
        copy_to(folder)
    environment = dict(os.environ)
    with ExitStack() as stack:
        print(f"The notebooks are in {folder}.")
        try:
            account = current_account()
        except MissingKey:
            from happyhorse_nb.sandbox import SandboxProcess

            sandbox = stack.enter_context(SandboxProcess(home() / "sandbox"))
            environment.update({ORIGIN_VARIABLE: sandbox.origin, KEY_VARIABLE: SANDBOX_KEY})
            print(f"No key is given: the sandbox at {sandbox.origin} renders the videos here, free of charge.")
        else:
            print(f"The key from {account.source} is used: {account.maker}.")
        sys.stdout.flush()
        # JupyterLab refuses to run as root unless told to; who is root in a container has no choice.
        own = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        own += [f"--notebook-dir={folder}", f"--LabApp.default_url=/lab/tree/{QUICKSTART}"]
        if not any(argument.startswith(_SERVER) for argument in arguments):
            own.append(f"{_SERVER}={{'websocket_max_message_size': {_MOST}}}")
        command = [sys.executable, "-m", "jupyterlab", *own, *arguments]
        with subprocess.Popen(command, env=environment) as running:  # noqa: S603 - our own arguments
            # Whoever ends this ends JupyterLab with it.
            signal.signal(signal.SIGTERM, lambda *_: running.terminate())
            return running.wait()
