"""A real kernel on a sandbox that takes its time to accept, timed from outside as a front end would."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager
from PIL import Image

from happyhorse_nb.cli import own_kernel
from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess

#: Seconds for which the sandbox holds a submit: what the cell must not wait for.
ACCEPT_DELAY = 2.0


class Kernel:
    """Runs cells and times them. ``heard`` keeps every message of the iopub channel with its time of arrival."""

    def __init__(self, client: Any, folder: Path) -> None:
        self._client = client
        #: Where it runs, and keeps its ledger.
        self.folder = folder
        self.heard: list[tuple[float, dict[str, Any]]] = []

    def seconds(self, code: str) -> float:
        """From sending the cell to hearing that the kernel is idle again. Raises RuntimeError when the cell fails."""
        started = time.perf_counter()
        asked = self._client.execute(code)
        while True:
            message = self.listen(60)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return time.perf_counter() - started

    def hear(self, seconds: float) -> None:
        """Take what comes within so many seconds."""
        until = time.perf_counter() + seconds
        with suppress(Empty):
            while (left := until - time.perf_counter()) > 0:
                self.listen(left)

    def listen(self, timeout: float) -> dict[str, Any]:
        """The next message. Raises queue.Empty after ``timeout`` seconds."""
        message: dict[str, Any] = self._client.get_iopub_msg(timeout=timeout)
        self.heard.append((time.perf_counter(), message))
        return message


@contextmanager
def kernel(**options: float) -> Iterator[Kernel]:
    """A fresh kernel with its own ledger, beside a photo, on a sandbox of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (640, 427), "navy").save(Path(folder) / "photo.jpg")
        settings = SandboxOptions(**{"accept_delay": ACCEPT_DELAY, **options})  # type: ignore[arg-type]
        with SandboxProcess(Path(folder) / "sandbox", settings) as sandbox, kernel_on(sandbox.origin, folder) as run:
            yield run


@contextmanager
def kernel_on(origin: str, folder: str, python: Path | str = sys.executable) -> Iterator[Kernel]:
    """A fresh kernel of an interpreter, in a folder, with its ledger there, on a server that is there already."""
    manager = KernelManager(kernel_spec_manager=own_kernel(str(python)))
    environment = {
        **os.environ,
        "HAPPYHORSE_HOME": folder,
        "HAPPYHORSE_WAIT": "0",
        "MODELLIX_BASE_URL": origin,
        "MODELLIX_API_KEY": "sandbox",
    }
    manager.start_kernel(env=environment, cwd=folder)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(client, Path(folder))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
