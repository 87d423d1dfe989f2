"""A real kernel, driven as a front end drives it.

    with Kernel(python, env=…, cwd=tmp_path) as kernel:
        kernel.run("%load_ext happyhorse_nb")
        cell = kernel.start("…")          # sent, not waited for
        kernel.wait(lambda: "Generating" in kernel.shown(card), "the card moves")
        cell.wait()

All is read on the test's thread, while it waits. Every message on the iopub channel is kept, with the cell that it
names as its parent. Like a front end, the kernel here shows a cell's outputs with all later updates of displays and
widgets in them: `Kernel.shown` is what a user would read under the cell.
"""

from __future__ import annotations

import ast
import json
import os
import queue
import re
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from support import kernel_forks

#: Seconds after which something that should have happened has not. Generous: it bounds a hang, it measures nothing.
DEADLINE = 180.0

Message = dict[str, Any]

_VIEW = "application/vnd.jupyter.widget-view+json"
_TAG = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)


class Cell:
    """A cell that was sent to the kernel."""

    def __init__(self, kernel: Kernel, code: str, msg_id: str) -> None:
        self.kernel = kernel
        self.code = code
        self.id = msg_id

    def __repr__(self) -> str:
        return f"<{self.code[:60]!r} shows {self.kernel.shown(self)[-600:]!r}>"

    def wait(self, timeout: float = DEADLINE) -> Cell:
        """Wait until the cell is answered and the kernel has gone idle after it."""
        self.kernel.wait(lambda: self.answered and self.idle, f"an answer to {self.code!r}", timeout)
        return self

    @property
    def reply(self) -> Message:
        """The content of the answer. Raises KeyError while there is none."""
        return self.kernel.replies[self.id]

    @property
    def answered(self) -> bool:
        return self.id in self.kernel.replies

    @property
    def idle(self) -> bool:
        return any(m["msg_type"] == "status" and m["content"]["execution_state"] == "idle" for m in self.messages)

    @property
    def ok(self) -> bool:
        return bool(self.reply["status"] == "ok")

    @property
    def messages(self) -> list[Message]:
        """Everything on iopub that names this cell as its parent."""
        return [m for m in self.kernel.messages if m["parent_header"].get("msg_id") == self.id]

    @property
    def outputs(self) -> list[Message]:
        """The messages that make outputs of this cell, in order."""
        return [m for m in self.messages if m["msg_type"] in ("stream", "display_data", "execute_result", "error")]

    @property
    def printed(self) -> str:
        """What it wrote to stdout and stderr."""
        return "".join(m["content"]["text"] for m in self.outputs if m["msg_type"] == "stream")

    @property
    def error(self) -> list[str]:
        """The lines of its traceback as a user sees them, without colours; empty when there was no error."""
        errors = [m["content"]["traceback"] for m in self.outputs if m["msg_type"] == "error"]
        return [line for lines in errors for line in _plain("\n".join(lines)).splitlines()]

    @property
    def result(self) -> Any:
        """The value of its last line, which has to be plain data."""
        [value] = [m["content"]["data"]["text/plain"] for m in self.outputs if m["msg_type"] == "execute_result"]
        return ast.literal_eval(value)


def kernel_of(python: Path, folder: Path) -> KernelSpecManager:
    """Knows one kernel, by the name "driven": ipykernel under that interpreter, forked (see `kernel_forks`)."""
    spec = {**kernel_forks.spec(python), "display_name": "driven", "language": "python"}
    (folder / "driven").mkdir(parents=True, exist_ok=True)
    (folder / "driven" / "kernel.json").write_text(json.dumps(spec))
    return KernelSpecManager(kernel_dirs=[str(folder)])


@dataclass(frozen=True)
class Ended:
    """How a kernel's process ended: its code, and all that it wrote to its own stdout and stderr."""

    code: int | None
    noise: str


class Kernel:
    """A kernel's process and a client of it; a context manager. ``python`` is the interpreter of its environment."""

    def __init__(self, python: Path, *, env: Mapping[str, str], cwd: Path) -> None:
        self.python = python
        self.cwd = cwd
        #: Whether its user can be asked something: nbclient and papermill have none.
        self.allow_stdin = True
        self.env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COLAB_GPU")} | dict(env)
        #: Everything on iopub, in order.
        self.messages: list[Message] = []
        #: The content of each answer on the shell channel, by the request's id.
        self.replies: dict[str, Message] = {}
        #: The state of each widget, as a front end holds it.
        self.widgets: dict[str, dict[str, Any]] = {}
        self._displays: dict[str, Message] = {}

    # Its life

    def __enter__(self) -> Kernel:
        self.noise = self.cwd / "kernel-noise.txt"
        # A socket's path has to be short, which a test's folder is not.
        self._sockets = tempfile.TemporaryDirectory(prefix="hh-")
        self.manager = KernelManager(
            kernel_name="driven",
            connection_file=str(Path(self._sockets.name) / "kernel.json"),
            kernel_spec_manager=kernel_of(self.python, self.cwd / "kernelspecs"),
            # Over TCP, ipykernel 7 warns that it is not encrypted, which is not our noise.
            transport="ipc",
        )
        # Open as long as the manager: a restart starts a process with the same arguments.
        self._noise = self.noise.open("ab")
        self.manager.start_kernel(env=self.env, cwd=str(self.cwd), stdout=self._noise, stderr=self._noise)
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()
        if self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self._noise.close()
        self._sockets.cleanup()

    def _connect(self) -> None:
        client = self.manager.client()
        assert isinstance(client, BlockingKernelClient)
        self.client = client
        # Message ids are the session's id and a count that starts anew: with the old id they would come again.
        client.session.session = uuid.uuid4().hex
        client.start_channels()
        client.wait_for_ready(timeout=DEADLINE)
        self._poller = zmq.Poller()
        for channel in (client.iopub_channel, client.shell_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def _disconnect(self) -> None:
        self.client.stop_channels()

    def restart(self) -> None:
        """As the user's Restart does."""
        self._disconnect()
        self.manager.restart_kernel()
        self._connect()

    def shutdown(self) -> Ended:
        """As the user's Shut Down does: ask politely, wait for the process to end by itself."""
        process = self.manager.provisioner.process  # type: ignore[union-attr]  # ours is a local process
        self.manager.request_shutdown()
        return self._ended(process)

    def kill(self) -> Ended:
        """End it at this instant."""
        process = self.manager.provisioner.process  # type: ignore[union-attr]  # ours is a local process
        process.send_signal(signal.SIGKILL)
        return self._ended(process)

    def _ended(self, process: Any) -> Ended:
        return Ended(process.wait(DEADLINE), self.noise.read_text())

    # What a user does

    def start(self, code: str, *, cell_id: str = "") -> Cell:
        """Send a cell and come back at once; ``cell_id`` is the name that JupyterLab gives it."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        message = self.client.session.msg(
            "execute_request",
            {**content, "allow_stdin": self.allow_stdin, "stop_on_error": False},
            metadata={"cellId": cell_id} if cell_id else {},
        )
        self.client.shell_channel.send(message)
        return Cell(self, code, message["header"]["msg_id"])

    def run(self, code: str, timeout: float = DEADLINE, *, cell_id: str = "") -> Cell:
        """Run a cell to its end."""
        return self.start(code, cell_id=cell_id).wait(timeout)

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def answer(self, text: str) -> Message:
        """Wait until a cell asks for input, and type this. Returns what it asked."""
        request: Message = self.client.get_stdin_msg(timeout=DEADLINE)["content"]
        self.client.input(text)
        return request

    def complete(self, code: str, position: int | None = None) -> list[str]:
        """What Tab offers at the end of the code, or at the position."""
        reply = self._ask(self.client.complete(code, len(code) if position is None else position))
        return list(reply["matches"])

    def inspect(self, code: str) -> str:
        """What Shift+Tab shows."""
        reply = self._ask(self.client.inspect(code, len(code)))
        return _plain(reply["data"].get("text/plain", "")) if reply["found"] else ""

    def click(self, widget_id: str) -> None:
        """Click a button."""
        content = {"comm_id": widget_id, "data": {"method": "custom", "content": {"event": "click"}}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def update(self, widget_id: str, **state: Any) -> None:
        """Change a widget as its page does: type into it, or choose."""
        content = {"comm_id": widget_id, "data": {"method": "update", "state": state, "buffer_paths": []}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def ask_for_all_widgets(self) -> None:
        """Ask for the state of all widgets, as a page does that is loaded, or connected anew."""
        session, control = self.client.session, uuid.uuid4().hex
        opened = {"comm_id": control, "target_name": "jupyter.widget.control", "data": {}}
        asked = {"comm_id": control, "data": {"method": "request_states"}}
        self.client.shell_channel.send(session.msg("comm_open", opened, metadata={"version": "1.0.0"}))
        self.client.shell_channel.send(session.msg("comm_msg", asked))

    def _ask(self, msg_id: str) -> Message:
        self.wait(lambda: msg_id in self.replies, "an answer")
        return self.replies[msg_id]

    # What a user sees

    def wait(self, condition: Callable[[], Any], what: str, timeout: float = DEADLINE) -> None:
        """Read the kernel's messages until the condition holds. Fails with what was said last."""
        deadline = time.monotonic() + timeout
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                last = [f"{m['msg_type']}: {str(m['content'])[:300]}" for m in self.messages[-12:]]
                raise AssertionError("\n".join([f"waited {timeout:g} s in vain for: {what}", *last]))
            # Not longer than a moment: a condition may also look at the server or at a file.
            if self._poller.poll(int(min(left, 0.2) * 1000)):
                self._read(self.client.iopub_channel, self._on_iopub)
                self._read(self.client.shell_channel, self._on_reply)

    def shown(self, cell: Cell, *, outputs: int | None = None) -> str:
        """The words under the cell now, in all of its outputs or the first ones: streams, results, static HTML and live
        widgets, without tags."""
        return " ".join(self._words(m) for m in cell.outputs[:outputs])

    def data(self, cell: Cell) -> list[dict[str, Any]]:
        """The MIME bundles under the cell now, each with all its updates."""
        return [self._current(m)["data"] for m in cell.outputs if "data" in m["content"]]

    def live_widgets(self, cell: Cell) -> dict[str, dict[str, Any]]:
        """The widgets under the cell now, by id, children included."""
        found: dict[str, dict[str, Any]] = {}
        for bundle in self.data(cell):
            if _VIEW in bundle:
                self._collect(bundle[_VIEW]["model_id"], found)
        return found

    def everything(self) -> str:
        """All that the kernel has said in this session, answers included."""
        return json.dumps([self.messages, self.replies], default=str)

    def _words(self, message: Message) -> str:
        content = message["content"]
        if message["msg_type"] == "stream":
            return str(content["text"])
        if message["msg_type"] == "error":
            return _plain("\n".join(content["traceback"]))
        bundle = self._current(message)["data"]
        if _VIEW in bundle:
            found: dict[str, dict[str, Any]] = {}
            self._collect(bundle[_VIEW]["model_id"], found)
            values = [str(w.get(key, "")) for w in found.values() for key in ("value", "description")]
            shown = [output.get("data", {}) for w in found.values() for output in w.get("outputs") or ()]
            values += [str(data.get("text/html", "")) for data in shown if _VIEW not in data]
            return _text(" ".join(v for v in values if v))
        return _text(bundle.get("text/html") or bundle.get("text/plain", ""))

    def _current(self, message: Message) -> Message:
        content: Message = message["content"]
        return self._displays.get(content.get("transient", {}).get("display_id"), content)

    def _collect(self, widget_id: str, found: dict[str, dict[str, Any]]) -> None:
        state = self.widgets.get(widget_id)
        if state is None or widget_id in found:
            return
        found[widget_id] = state
        for child in re.findall(r"IPY_MODEL_([0-9a-f]+)", json.dumps(state.get("children", []))):
            self._collect(child, found)
        for output in state.get("outputs") or ():
            view = output.get("data", {}).get(_VIEW)
            if view:
                self._collect(view["model_id"], found)

    # What the kernel sends

    def _read(self, channel: Any, handle: Callable[[Message], None]) -> None:
        with suppress(queue.Empty):
            while True:
                handle(channel.get_msg(timeout=0))

    def _on_reply(self, message: Message) -> None:
        self.replies[message["parent_header"]["msg_id"]] = message["content"]

    def _on_iopub(self, message: Message) -> None:
        content = message["content"]
        match message["msg_type"]:
            case "display_data" | "update_display_data" | "execute_result":
                if display_id := content.get("transient", {}).get("display_id"):
                    self._displays[display_id] = content
            case "comm_open":
                self.widgets[content["comm_id"]] = dict(content["data"].get("state", {}))
            case "comm_msg" if content["data"].get("method") == "update":
                self.widgets.setdefault(content["comm_id"], {}).update(content["data"]["state"])
            case "comm_close":
                self.widgets.pop(content["comm_id"], None)
        self.messages.append(message)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _text(html: str) -> str:
    return " ".join(_TAG.sub(" ", html).split())
