"""`happyhorse-nb lab`: a real JupyterLab, asked over HTTP and a websocket as its page asks it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from happyhorse_nb.cli import QUICKSTART
from support.fake_server import KEY

#: More than a server takes in one message unless it is told otherwise, in bytes.
LARGE = 12 * 1024 * 1024


@pytest.fixture
def address(tmp_path: Path, home: Path) -> Iterator[str]:
    """The address that JupyterLab says when it is there, with its token."""
    own = tmp_path / "own"
    told = {"HAPPYHORSE_HOME": str(home), "MODELLIX_API_KEY": KEY, "HOME": str(own), "JUPYTER_RUNTIME_DIR": str(own)}
    told |= {"JUPYTER_CONFIG_DIR": str(own), "JUPYTER_DATA_DIR": str(own), "IPYTHONDIR": str(own)}
    command = [sys.executable, "-m", "happyhorse_nb", "lab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    with subprocess.Popen(
        command, env={**os.environ, **told}, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\S+token=\w+", line)
            if found:
                break
        else:
            raise AssertionError("".join(said))
        yield found[0]
        running.terminate()
        running.stderr.read()


def test_it_opens_the_quickstart_and_takes_a_large_picture_in_one_message(address: str) -> None:
    assert f"/lab/tree/{QUICKSTART}?" in address
    origin, token = address.split("/lab/", maxsplit=1)[0], address.rpartition("=")[2]
    assert asyncio.run(_echo(origin, token)) == LARGE


async def _echo(origin: str, token: str) -> int:
    """How long a text the kernel says it was sent."""
    headers = {"Authorization": f"token {token}"}
    async with aiohttp.ClientSession(origin, headers=headers) as session:
        kernel = await _start_kernel(session)
        async with session.ws_connect(f"/api/kernels/{kernel}/channels", max_msg_size=0) as socket:
            header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid4().hex}
            content = {
                "code": "",
                "silent": False,
                "store_history": False,
                "user_expressions": {"length": f"len('{'x' * LARGE}')"},
                "allow_stdin": False,
                "stop_on_error": True,
            }
            asked = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content}
            await socket.send_str(json.dumps(asked))
            async for message in socket:
                heard = json.loads(message.data)
                if heard["msg_type"] == "execute_reply":
                    return int(heard["content"]["user_expressions"]["length"]["data"]["text/plain"])
            raise AssertionError(f"the connection was closed: {socket.close_code}")


async def _start_kernel(session: aiohttp.ClientSession) -> str:
    while True:
        try:
            async with session.post("/api/kernels", json={"name": "python3"}) as made:
                return str((await made.json())["id"])
        except aiohttp.ClientConnectorError:
            # It says its address a moment before it listens there, and nothing tells when it does.
            await asyncio.sleep(0.1)
