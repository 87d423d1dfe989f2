"""Starts a sandbox in a process of its own, which ends with the one that started it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.sandbox.options import SandboxOptions

_STOP_WITHIN = 5.0
#: The variable of the API's key, which is nothing to the sandbox; and those by which a keyring is opened.
_KEY, _KEYRING = "MODELLIX_API_KEY", "KEYRING_PROPERTY_"


class SandboxProcess:
    """A running sandbox process. Starting it waits until it answers, ``timeout`` seconds at most.

    It ends with `stop`, at the end of a ``with`` block, and with this process, even when that is killed. Raises
    `HappyHorseError` with what the process said when it does not come up.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        options: SandboxOptions | None = None,
        *,
        port: int = 0,
        timeout: float = 30.0,
    ) -> None:
        command = [sys.executable, "-m", "happyhorse_nb.sandbox.run", "--with-parent", f"--port={port}"]
        command += [f"--folder={Path(folder).expanduser().absolute()}", *(options or SandboxOptions()).arguments()]
        # A file, not a pipe: nobody reads along, and a full pipe would hold the sandbox up.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(  # noqa: S603 - our own module, run by the same Python
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # From there the same package is imported as here, and no stray file of the user's instead of a library.
            cwd=Path(__file__).parents[2],
            env=_without_keys(),
            **_apart(),
        )
        self._origin = self._wait_for_origin(timeout)

    @property
    def origin(self) -> str:
        """Where it answers, such as ``http://127.0.0.1:40123``."""
        return self._origin

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and wait until it has ended, a few seconds at most. Does nothing when it has ended already."""
        process = self._process
        for end in (_close_input, subprocess.Popen.terminate, subprocess.Popen.kill):
            end(process)
            try:
                process.wait(_STOP_WITHIN)
                break
            except subprocess.TimeoutExpired:
                continue
        if process.stdout is not None:
            process.stdout.close()
        self._said.close()

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _wait_for_origin(self, timeout: float) -> str:
        lines: list[bytes] = []
        output = self._process.stdout
        assert output is not None
        # On a thread: a pipe cannot be read with a time limit on every system.
        reader = threading.Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        reader.join(timeout)
        origin = lines[0].decode().strip() if lines else ""
        if origin:
            return origin
        if reader.is_alive():
            self._process.kill()
            reader.join()
            why = f"it did not answer within {timeout:g} s"
        else:
            self._process.wait()
            why = self._last_words() or f"it ended with status {self._process.returncode}"
        self.stop()
        raise HappyHorseError(f"the sandbox did not start: {why}")

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _without_keys() -> dict[str, str]:
    """This process's environment without the key, under whatever names it has it there."""
    key = os.environ.get(_KEY) or None
    return {
        name: value
        for name, value in os.environ.items()
        if _KEY not in name.upper() and not name.upper().startswith(_KEYRING) and value != key
    }


def _apart() -> dict[str, Any]:
    """Out of this process's group: an interrupt of the notebook's cell is not meant for the sandbox."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
