"""Forks kernels: run as a script by the interpreter of the kernels' environment.

It has imported what takes long and is not ours, and has done nothing with it: no thread, no loop, no kernel. Nothing of
happyhorse_nb is imported, and no ipywidgets, which registers itself with the kernel that it finds when it is imported.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

PRELOADED = (
    *("ipykernel.kernelapp", "ipykernel.zmqshell", "stack_data", "pygments.lexers.python", "aiohttp", "filelock"),
    *("jinja2", "multiprocessing", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "secrets"),
)


class Forked(Exception):
    """Raised in the fork, which leaves everything of the source behind."""


class Source:
    """Forks a kernel for each connection to ``listener``, and writes there what its end was."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        #: By a descriptor of its process: the process, and who has asked for it.
        self._kernels: dict[int, tuple[int, socket.socket]] = {}

    def run(self, life: socket.socket) -> None:
        """Until ``life`` is closed. Raises `Forked` in each kernel."""
        while True:
            watched: list[Any] = [life, self._listener, *self._kernels]
            ready, _, _ = select.select(watched, [], [])
            for one in ready:
                if one is life:
                    return
                if one is self._listener:
                    self._fork(life)
                else:
                    self._ended(one)

    def _fork(self, life: socket.socket) -> None:
        line, _ = self._listener.accept()
        asked, files, _, _ = socket.recv_fds(line, 1 << 20, 3)
        while not asked.endswith(b"\n"):
            asked += line.recv(1 << 20)
        process = os.fork()
        if process == 0:
            for descriptor, (_, other) in self._kernels.items():
                os.close(descriptor)
                other.close()
            for mine in (self._listener, life, line):
                mine.close()
            begin(files, **json.loads(asked))
            raise Forked
        for file in files:
            os.close(file)
        line.sendall(b"%d\n" % process)
        self._kernels[os.pidfd_open(process)] = process, line

    def _ended(self, descriptor: int) -> None:
        process, line = self._kernels.pop(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.close(descriptor)
        # Perhaps nobody waits for it any more.
        with line, suppress(OSError):
            line.sendall(b"%d\n" % code)


def begin(files: list[int], argv: list[str], env: dict[str, str], cwd: str) -> None:
    """Make this process what a new one would be that was started so."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = argv


def main(listener: int, life: int) -> None:
    # As for `python -m ipykernel_launcher`, which has no folder of its own on the path.
    del sys.path[0]
    # ipykernel reads it when it is imported: a kernel ends when its parent does.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    for name in PRELOADED:
        # Not all of them are in every environment.
        with suppress(ModuleNotFoundError):
            import_module(name)
    gc.collect()
    gc.freeze()
    try:
        Source(socket.socket(fileno=listener)).run(socket.socket(fileno=life))
        return
    except Forked:
        pass
    import_module("ipykernel.kernelapp").launch_new_instance()


main(*map(int, sys.argv[1:]))
