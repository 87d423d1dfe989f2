"""Starts a sandbox in a process of its own, which ends with this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from happyhorse_nb.errors import HappyHorseError
from happyhorse_nb.sandbox.options import SandboxOptions

_START_WITHIN, _STOP_WITHIN = 30.0, 5.0
#: Variables that the sandbox does not get: the API's key, and what opens a keyring.
_KEY, _KEYRING = "MODELLIX_API_KEY", "KEYRING_PROPERTY_"


class SandboxProcess:
    """A running sandbox process. Making one waits until it answers, at most half a minute.

    It ends with `stop`, with a ``with`` block, and with this process, even when that is killed. Raises
    `HappyHorseError` with the process's last words when it does not start.
    """

    def __init__(self, folder: str | os.PathLike[str], options: SandboxOptions | None = None, *, port: int = 0) -> None:
        command = [sys.executable, "-m", "happyhorse_nb.sandbox.run", "--with-parent", f"--port={port}"]
        command += [f"--folder={Path(folder).expanduser().absolute()}", *(options or SandboxOptions()).arguments()]
        # A file, not a pipe: nobody reads it meanwhile, and a full pipe would block the sandbox.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._process = subprocess.Popen(  # noqa: S603 - our own module, run by the same Python
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # There this very package is imported, and no file of the user's in place of a library.
            cwd=Path(__file__).parents[2],
            env=_without_keys(),
            **_own_group(),
        )
        #: Where it answers, such as ``http://127.0.0.1:40123``.
        self.origin = self._wait_for_origin()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and wait for that, a few seconds at most. Does nothing when it has ended already."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        for end in (process.stdin.close, process.terminate, process.kill):
            end()
            try:
                process.wait(_STOP_WITHIN)
                break
            except subprocess.TimeoutExpired:
                continue
        process.stdout.close()
        self._said.close()

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_for_origin(self) -> str:
        lines: list[bytes] = []
        output = self._process.stdout
        assert output is not None
        # On a thread, since not every system reads a pipe with a time limit.
        reader = threading.Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        reader.join(_START_WITHIN)
        origin = lines[0].decode().strip() if lines else ""
        if origin:
            return origin
        if reader.is_alive():
            self._process.kill()
            reader.join()
            why = f"it did not answer within {_START_WITHIN:g} s"
        else:
            self._process.wait()
            why = self._last_words() or f"it ended with status {self._process.returncode}"
        self.stop()
        raise HappyHorseError(f"the sandbox did not start: {why}")

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _without_keys() -> dict[str, str]:
    """This process's environment without the key, whatever variables hold it."""
    key = os.environ.get(_KEY) or None
    return {
        name: value
        for name, value in os.environ.items()
        if _KEY not in name.upper() and not name.upper().startswith(_KEYRING) and value != key
    }


def _own_group() -> dict[str, Any]:
    """Options that put it out of this process's group: an interrupt of a cell must not end the sandbox."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
