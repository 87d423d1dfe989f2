"""An edit of one's own job: its video is given by the link that its task has now, which is written down nowhere."""

from __future__ import annotations

import io
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import Seen, ended
from jobs.test_job_again import Program
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say, error

Edit = Callable[..., hh.Job]


@pytest.fixture
def source(generate: Generate, fake_server: FakeServer) -> hh.Job:
    """A finished job. What is made after it is ready at once."""
    fake_server.words = ("success",)
    return ended(generate())


@pytest.fixture
def edit(source: hh.Job) -> Edit:
    """An edit of it."""

    def edit(prompt: str = "Turn it blue", **options: Any) -> hh.Job:
        return hh.generate(None, prompt, video=source, **options)

    return edit


def link(server: FakeServer) -> str:
    return f"{server.file_origin or server.origin}/files/task-fake0001.mp4?signature={SIGNATURE}"


def test_its_link_is_read_anew_and_shown_nowhere(
    edit: Edit, source: hh.Job, fake_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = len(fake_server.of("poll"))
    with FakeServer(video=fake_server.video) as elsewhere:
        # Not the link that it was fetched by.
        fake_server.file_origin = elsewhere.origin
        job = ended(edit())
        sent = fake_server.of("submit")[-1]
        assert str(job.status) == "done"
        assert sent.path == "/api/v1/alibaba/happyhorse-1.0-video-edit/async"
        assert sent.json["input_video_url"] == link(fake_server)
    read = fake_server.of("poll")[before]
    assert (read.path, read.key) == ("/api/v1/tasks/task-fake0001", KEY)
    assert {request.kind for request in fake_server.requests} == {"submit", "poll", "file"}
    # (What the home holds is looked at when the test is over.)
    record = engine().ledger.get(job.id)
    assert record is not None
    assert [(one.role, one.source) for one in record.inputs] == [("video", f"job:{source.id}")]
    assert SIGNATURE not in caplog.text + repr(job) + repr(job.snapshot) + repr(record) + repr(vars(engine()))


def test_it_equals_an_earlier_edit_of_that_job_whatever_the_link(
    edit: Edit, source: hh.Job, generate: Generate, fake_server: FakeServer
) -> None:
    first = ended(edit())
    asked = len(fake_server.requests)
    fake_server.file_origin = "http://127.0.0.1:9"
    assert edit().id == first.id
    assert hh.generate(None, "Turn it blue", video=source.id[:6]).id == first.id
    assert len(fake_server.requests) == asked
    fake_server.file_origin = None
    other = ended(generate("Another rocket"))
    assert ended(hh.generate(None, "Turn it blue", video=other)).id != first.id
    again = ended(hh.again(first))
    assert again.id != first.id
    assert fake_server.of("submit")[-1].json["input_video_url"] == link(fake_server)


def test_with_references(edit: Edit, fake_server: FakeServer) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 400), "red").save(out, "PNG")
    assert str(ended(edit("character1 enters", references=[out.getvalue()])).status) == "done"
    sent = fake_server.of("submit")[-1].json
    assert sent["input_video_url"] == link(fake_server)
    assert sent["reference_images"] == [f"{fake_server.origin}/media/file-0002?signature={SIGNATURE}"]
    # The link is read last, so that it is fresh.
    kinds = [request.kind for request in fake_server.requests]
    assert kinds[kinds.index("upload") :][:3] == ["upload", "poll", "submit"]


#: What passes: the link is asked for again, and nothing is paid for before it is there.
PASSING: dict[str, Answer] = {
    "cut before reading": Do(cut=Cut.BEFORE_READING),
    "cut in the answer": Do(cut=Cut.HALFWAY),
    "garbage": Say(raw=b"<html>Sign in"),
    "another task": Do(edit=lambda body: body["data"].update(task_id="task-other")),
    "429": Say(429, headers={"Retry-After": "0.01"}),
    "404": Say(404),
    **{str(status): Say(status) for status in (408, 409, 425, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_link_that_does_not_come_is_asked_for_again(
    edit: Edit, fake_server: FakeServer, settings: Settings, fault: str
) -> None:
    settings.send_patience = settings.missing_patience = 30.0
    fake_server.script("poll", PASSING[fault], PASSING[fault])
    job = ended(edit())
    assert str(job.status) == "done"
    assert fake_server.paid == 2
    assert fake_server.of("submit")[-1].json["input_video_url"] == link(fake_server)


#: What does not: how it is said.
LASTING: dict[str, tuple[Answer, str]] = {
    "404": (Say(404), "The server does not have the video of job"),
    "failed": (
        Do(edit=lambda body: body["data"].update(status="failed")),
        "The server gives no link to the video of job",
    ),
    "running": (
        Do(edit=lambda body: body["data"].update(status="processing")),
        "The server gives no link to the video of job",
    ),
    "no link": (
        Do(edit=lambda body: body["data"].pop("result") and None),
        "The server gives no link to the video of job",
    ),
    "401": (Say(401), "The server says: Scripted: as the test asked. Check the key"),
    "402": (Say(402), "Top up the account"),
    "400": (Say(400, body=error(400, "Bad request: no")), "The server says: Bad request: no."),
    "503": (Say(503), "could not be read, so the request was not sent. The server says: Scripted"),
    "cut": (Do(cut=Cut.BEFORE_READING), "could not be read, so the request was not sent. The connection was lost"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_what_cannot_be_had_is_one_line_and_nothing_was_paid_for(
    edit: Edit, fake_server: FakeServer, fault: str
) -> None:
    answer, words = LASTING[fault]
    fake_server.script("poll", *[answer] * 400)
    job = ended(edit())
    assert str(job.status) == "refused"
    assert words in str(job.error)
    assert "nothing was charged" in str(job.error) or fault in ("401", "400")
    assert str(job.error).isprintable()
    assert fake_server.paid == 1
    if fault in ("404", "failed", "running", "no link"):
        assert "Edit another one, or give the URL of a copy that the server can reach" in str(job.error)


def test_a_job_that_is_not_in_the_ledger_any_more_has_no_link(
    edit: Edit, source: hh.Job, fake_server: FakeServer, home: Path, folder: Path
) -> None:
    with fake_server.held("poll"):
        left = edit_of(source, folder, fake_server)
        left.kill()
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        connection.execute("DELETE FROM jobs WHERE id = ?", (source.id,))
    [job] = hh.resume()
    assert str(ended(job).status) == "refused"
    assert "is not in the ledger any more" in str(job.error)
    assert fake_server.paid == 1


def edit_of(source: hh.Job, folder: Path, server: FakeServer) -> Program:
    """A program with an edit that waits for its link; the answers to reads are held back."""
    asked = len(server.of("poll"))
    program = Program(
        "job = hh.generate(None, 'Turn it blue', video=sys.argv[2]); job.result(timeout=120)", folder, source.id
    )
    server.wait_for("poll", asked + 1)
    return program


def test_one_that_a_killed_kernel_has_left_is_sent_by_another(
    edit: Edit, source: hh.Job, fake_server: FakeServer, folder: Path
) -> None:
    with fake_server.held("poll"):
        edit_of(source, folder, fake_server).kill()
    assert fake_server.paid == 1
    job = edit()
    assert str(ended(job).status) == "done"
    assert fake_server.paid == 2
    assert fake_server.of("submit")[-1].json["input_video_url"] == link(fake_server)


def test_a_stop_while_its_link_is_read_takes_it_out_of_the_queue(edit: Edit, fake_server: FakeServer) -> None:
    asked = len(fake_server.of("poll"))
    with fake_server.held("poll"):
        job = edit()
        fake_server.wait_for("poll", asked + 1)
        job.stop()
        assert str(ended(job).status) == "cancelled"
    assert fake_server.paid == 1


def test_an_address_that_a_user_gives_is_sent_as_it_is(edit: Edit, fake_server: FakeServer) -> None:
    asked = len(fake_server.of("poll"))
    job = hh.generate(None, "Turn it blue", video="https://example.com/clip.mp4?x=1", yes=True)
    Seen(job).until("done")
    assert fake_server.of("submit")[-1].json["input_video_url"] == "https://example.com/clip.mp4?x=1"
    assert all(not request.path.endswith("0001") for request in fake_server.of("poll")[asked:])
