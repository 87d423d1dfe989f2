"""Kernels started in milliseconds: forks of a process of their environment that has imported what is not ours.

Jupyter's client knows them as it knows every kind of kernel, by a provisioner that the kernel's spec names. They are
sessions of their own, with the environment, folder and files that they were given, as if they had been executed.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

#: Seconds after which something that should have happened has not: it bounds a hang, it measures nothing.
DEADLINE = 180.0
NAME = "forked"


class ForkedKernel(LocalProvisioner):
    """Has the kernel forked instead of executed."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        [python, _, *argv] = cmd
        files = [kwargs.get("stdout"), kwargs.get("stderr")]
        fork = source(python).start(argv, kwargs["env"], kwargs["cwd"], files)
        self.process = fork  # type: ignore[assignment]  # base: declared as None
        # It is the leader of its group.
        self.pid = self.pgid = fork.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def spec(python: Path) -> dict[str, Any]:
    """The part of a kernel's spec that has it forked."""
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:{ForkedKernel.__name__}", factory.GROUP_NAME)
    return {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "metadata": {"kernel_provisioner": {"provisioner_name": NAME}},
    }


class Fork:
    """One kernel's process; as much of `subprocess.Popen` as a provisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._file = line.makefile("rb")
        self.pid = int(self._file.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(TimeoutError):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as soon as there is one."""
        if self.returncode is None:
            self._line.settimeout(None)
            if not select.select([self._line], [], [], timeout)[0]:
                raise TimeoutError(f"the kernel {self.pid} does not end")
            self.returncode = int(self._file.readline() or -signal.SIGKILL)
            self._file.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Source:
    """The process that kernels of one environment are forks of."""

    def __init__(self, python: str) -> None:
        # A socket's path has to be short, which a test's folder is not.
        self._folder = tempfile.TemporaryDirectory(prefix="hh-")
        self._address = str(Path(self._folder.name) / "kernels")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            self._life, its_life = socket.socketpair()
            with its_life:
                handed = (listener.fileno(), its_life.fileno())
                self._process = subprocess.Popen(
                    [python, str(Path(__file__).with_name("kernel_source.py")), *map(str, handed)],
                    # Else the debugger of Python 3.11 complains about frozen modules, which is not our noise.
                    env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
                    | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
                    pass_fds=handed,
                    start_new_session=True,
                )

    def start(self, argv: list[str], env: dict[str, str], cwd: str, files: list[Any]) -> Fork:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(DEADLINE)
        line.connect(self._address)
        asked = json.dumps({"argv": argv, "env": env, "cwd": cwd}).encode() + b"\n"
        with open(os.devnull, "r+b", buffering=0) as nothing:  # noqa: PTH123 - a device, not a file
            given = [nothing, *(nothing if file is None else file for file in files)]
            sent = socket.send_fds(line, [asked], [file.fileno() for file in given])
            line.sendall(asked[sent:])
            return Fork(line)

    def close(self) -> None:
        self._life.close()
        self._process.wait(DEADLINE)
        self._folder.cleanup()


@functools.cache
def source(python: str) -> Source:
    """The one of this environment, until this process ends."""
    made = Source(python)
    atexit.register(made.close)
    return made
