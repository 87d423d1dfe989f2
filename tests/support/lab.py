"""A real JupyterLab, Notebook 7 or Voilà on loopback, and a notebook open in a real browser.

    with Lab("lab", root=tmp_path, env=…) as lab:
        lab.write("story.ipynb", "%load_ext happyhorse_nb", "%%happyhorse rocket.jpg\\nThe rocket lifts off")
        notebook = lab.open(page, "story.ipynb")
        notebook.run(0)

Everything is asked of the application object that the page exposes, not clicked in menus: that was the stable way.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Browser, Locator, Page, sync_playwright

App = Literal["lab", "notebook", "voila"]

#: Seconds after which something that should have happened has not. It bounds a hang, it measures nothing.
DEADLINE = 180.0

_PROGRAMS: dict[App, tuple[str, str, str]] = {
    # module, class of its options, address of a notebook
    # A workspace for each notebook: else Lab opens what an earlier page had open, too.
    "lab": ("jupyterlab", "LabApp", "lab/workspaces/{stem}/tree/{name}"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks/{name}"),
    "voila": ("voila", "Voila", "voila/render/{name}"),
}
_PANEL = "window.jupyterapp.shell.currentWidget"
_OPEN_INSTEAD = f"""async name => {{
    const panel = {_PANEL};
    await panel.context.sessionContext.shutdown();
    // Else it would ask whether to save.
    panel.context.model.dirty = false;
    panel.dispose();
    await window.jupyterapp.commands.execute('docmanager:open', {{path: name}});
}}"""


def find_chromium() -> str | None:
    """Debian's Chromium, which decodes H.264."""
    return shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that asks nothing of any network but loopback."""
    arguments = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
    ]
    if os.getuid() == 0:
        # Chromium's sandbox refuses to run as root.
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Lab:
    """A Jupyter server with its own settings, data and runtime folders; a context manager."""

    def __init__(self, app: App, *, root: Path, env: Mapping[str, str]) -> None:
        self.app = app
        self.root = root
        self._module, self._options, self._address = _PROGRAMS[app]
        self._token = secrets.token_hex(16)
        own = root / ".jupyter-own"
        self.log = own / "server.log"
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHONPATH"))} | {
            "HOME": str(own),
            "IPYTHONDIR": str(own / "ipython"),
            "JUPYTER_CONFIG_DIR": str(own / "config"),
            "JUPYTER_DATA_DIR": str(own / "data"),
            "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
            **env,
        }
        quiet = own / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        # Else the first page asks whether to fetch news.
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')

    def __enter__(self) -> Lab:
        for last in (False, False, True):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._port = probe.getsockname()[1]
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(self._command(), env=self._env, cwd=self.root, stdout=log, stderr=log)
            try:
                self._wait_until_it_answers()
                break
            except AssertionError:
                # Another process may have been given the same port meanwhile.
                if last or "already in use" not in self.log.read_text():
                    raise
        return self

    def _command(self) -> list[str]:
        if self.app == "voila":
            # It asks for no token, and shows the notebooks of the folder it is given.
            own = ("--no-browser", "--Voila.ip=127.0.0.1", f"--port={self._port}", "--Voila.port_retries=0")
            return [sys.executable, "-m", "voila", *own, str(self.root)]
        return [
            *(sys.executable, "-m", self._module),
            *("--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self._port}"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}"),
            *(f"--IdentityProvider.token={self._token}", f"--{self._options}.expose_app_in_browser=True"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]

    def __exit__(self, *_: object) -> None:
        # It ends its kernels with it.
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook of code cells."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.root / name)

    def url(self, name: str, *, alone: bool = False) -> str:
        """Its address; ``alone`` without Lab's side bars."""
        address = self._address.format(stem=Path(name).stem, name=name)
        if alone:
            address = address.replace("lab/", "doc/", 1)
        return f"http://127.0.0.1:{self._port}/{address}?token={self._token}"

    def open(self, page: Page, name: str, *, alone: bool = False) -> Notebook:
        """Open the notebook, ``alone`` on the page or as usual, and wait until its kernel is there and idle.

        A page that shows one of this JupyterLab is not loaded anew, which takes seconds: that one is closed, and its
        kernel shut down.
        """
        url = self.url(name, alone=alone)
        if self.app == "lab" and url.split("/")[:4] == page.url.split("/")[:4]:
            page.evaluate(_OPEN_INSTEAD, name)
        else:
            page.goto(url)
        notebook = Notebook(page, self.root / name)
        notebook.wait_for_kernel()
        return notebook

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + DEADLINE
        status = "" if self.app == "voila" else "api/status"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/{status}", headers={"Authorization": f"token {self._token}"}
        )
        while True:
            try:
                with urllib.request.urlopen(request, timeout=5):
                    return
            except (OSError, HTTPException, OverflowError):
                # (On its port may be the server of another test, which answers as it likes.)
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the server does not answer:\n{self.log.read_text()}") from None
                # Nothing tells when a server of another process listens.
                time.sleep(0.1)


class Notebook:
    """A notebook open in a page."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        page.set_default_timeout(DEADLINE * 1000)

    # What the user does

    def run(self, index: int) -> None:
        """Run a cell, and do not wait for it."""
        self.page.evaluate(
            f"""index => {{
                const panel = {_PANEL};
                panel.content.activeCellIndex = index;
                panel.content.deselectAll();
                void window.jupyterapp.commands.execute('notebook:run-cell');
            }}""",
            index,
        )

    def run_to_end(self, index: int) -> None:
        """Run a cell, and wait until it is over."""
        before = self.count(index)
        self.run(index)
        self.page.wait_for_function(
            f"([index, before]) => {{ const c = {_PANEL}.content.widgets[index].model.executionCount;"
            " return c !== null && c !== before }",
            arg=[index, before],
        )

    def save(self) -> Any:
        """Save, and give what is in the file."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
        return json.loads(self.path.read_text())

    def reload(self) -> None:
        self.page.reload()
        self.wait_for_kernel()

    def shut_down_kernel(self) -> None:
        self.page.evaluate(f"async () => {{ await {_PANEL}.context.sessionContext.shutdown() }}")

    def wait_for_kernel(self) -> None:
        """Wait until the session is ready, connected and idle."""
        self.page.wait_for_function(
            f"""() => {{
                const context = window.jupyterapp && {_PANEL} && {_PANEL}.context;
                const session = context && context.isReady && context.sessionContext;
                const kernel = session && session.isReady && session.session && session.session.kernel;
                return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
            }}"""
        )

    # What the user sees

    def count(self, index: int) -> int | None:
        """The number in brackets beside the cell; None while there is none."""
        count: int | None = self.page.evaluate(f"index => {_PANEL}.content.widgets[index].model.executionCount", index)
        return count

    def output(self, index: int) -> Locator:
        """All that stands under a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def wait_for_pictures(self, area: Locator) -> None:
        """Wait until all pictures are drawn, and every video shows its first frame."""
        self.page.wait_for_function(
            """area => [...area.querySelectorAll('img')].every(e => e.complete)
                && [...area.querySelectorAll('video')].every(e => e.readyState >= 2)""",
            arg=area.element_handle(),
        )

    def play(self, index: int) -> dict[str, float]:
        """Play the video under a cell: see `play`."""
        return play(self.output(index).locator("video"))


def play(video: Locator) -> dict[str, float]:
    """Wait until a video can play, play it, and say its size in pixels and its length in seconds."""
    video.wait_for()
    handle = video.element_handle()
    video.page.wait_for_function("video => video.readyState === 4", arg=handle)
    video.evaluate("video => { video.muted = true; return video.play() }")
    video.page.wait_for_function("video => video.currentTime > 0.2", arg=handle)
    seen: dict[str, float] = video.evaluate(
        "video => ({width: video.videoWidth, height: video.videoHeight, seconds: video.duration})"
    )
    return seen
