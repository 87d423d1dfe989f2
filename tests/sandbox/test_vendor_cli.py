"""The requests that the vendor's own command line sends, and what it reads in the answers.

It asks for itself over plain HTTP with the three headers below, and gives up on what does not have these shapes.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess
from sandbox.calls import PICTURE_URI, SHORT


class VendorCli:
    """One connection per request, as there."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        parts = urlsplit(self.origin)
        assert parts.scheme == "http"
        assert parts.hostname == "127.0.0.1"
        headers = {"Authorization": "Bearer mdlx-any"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def download(self, url: str) -> tuple[str, bytes]:
        """The file's name as it would be saved, and the file; no key goes along."""
        parts = urlsplit(url)
        assert not parts.username
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            connection.request("GET", parts.path, headers={"User-Agent": "modellix-cli"})
            answer = connection.getresponse()
            assert answer.status == 200
            return parts.path.rpartition("/")[2], answer.read()
        finally:
            connection.close()


@pytest.fixture
def cli(folder: Path) -> Iterator[VendorCli]:
    with SandboxProcess(folder, SandboxOptions(seconds=0.2)) as sandbox:
        yield VendorCli(sandbox.origin)


def test_doctor_and_whoami(cli: VendorCli) -> None:
    status, answer = cli.request("GET", "/api/v1/apikey/validate")
    assert (status, answer["data"]["is_valid"]) == (200, True)
    status, answer = cli.request("GET", "/api/v1/team/balance")
    assert status == 200
    assert isinstance(answer["data"]["balance"], (int, float))
    assert not isinstance(answer["data"]["balance"], bool)


def test_model_list_and_describe(cli: VendorCli) -> None:
    status, answer = cli.request("GET", "/api/v1/models")
    assert status == 200
    # Filters and limits are applied over there, on these fields.
    for model in answer["models"]:
        assert re.fullmatch(r"[^/\s]+/[^/\s]+", model["slug"])
        assert model["provider"] == model["slug"].partition("/")[0]
        assert model["type"] in ("image-to-video", "text-to-video", "reference-to-video", "video-edit")
        assert isinstance(model["description"], str)


def test_model_run_task_wait_and_download(cli: VendorCli) -> None:
    _, answer = cli.request("GET", "/api/v1/models")
    provider, _, model = answer["models"][0]["slug"].partition("/")
    body = {"first_frame_image": PICTURE_URI, "prompt": "waves", **SHORT}
    status, answer = cli.request("POST", f"/api/v1/{quote(provider, safe='')}/{quote(model, safe='')}", body)
    assert status == 200
    task_id = answer["data"]["task_id"]
    assert re.fullmatch(r"[A-Za-z0-9._~:/+@=-]{1,512}", task_id)
    while True:
        status, answer = cli.request("GET", f"/api/v1/tasks/{quote(task_id, safe='')}")
        assert (status, answer["data"]["task_id"]) == (200, task_id)
        if answer["data"]["status"].lower() in ("success", "failed"):
            break
    (resource,) = answer["data"]["result"]["resources"]
    assert resource["type"] == "video"
    name, data = cli.download(resource["url"])
    assert name == f"{task_id}.mp4"
    assert data[4:8] == b"ftyp"


def test_errors_have_a_message_to_show(cli: VendorCli) -> None:
    for method, path, body, expected in [
        ("GET", "/api/v1/tasks/task-none", None, 404),
        ("POST", "/api/v1/alibaba/none", {}, 404),
        ("POST", "/api/v1/alibaba/happyhorse-1.0-i2v", {"prompt": "no picture"}, 400),
    ]:
        status, answer = cli.request(method, path, body)
        assert (status, answer["code"]) == (expected, expected)
        assert re.match(r"[A-Z][a-z ]+: \S", answer["message"])
