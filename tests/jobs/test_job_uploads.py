"""References of this machine: each uploaded once, before the request is paid for, and no more than the server holds."""

from __future__ import annotations

import base64
import io
import logging
import sqlite3
import time
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
from support.fake_server import KEY, SIGNATURE, Answer, Cut, Do, FakeServer, Say, refused_origin

COLORS = ("red", "green", "blue", "black", "white", "cyan", "pink", "gold", "navy", "teal", "lime", "gray")


def picture(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (400, 400), color).save(out, "PNG")
    return out.getvalue()


REFERENCES = """
import io
from PIL import Image
out = io.BytesIO()
Image.new("RGB", (400, 400), "red").save(out, "PNG")
job = hh.generate(None, sys.argv[2], references=[out.getvalue()])
"""

Make = Callable[..., hh.Job]


@pytest.fixture
def make(generate: Generate) -> Make:
    """A job with references of these colours."""

    def make(*colors: str, prompt: str = "character1 waves", **options: Any) -> hh.Job:
        return hh.generate(None, prompt, references=[picture(color) for color in colors], **options)

    return make


def rows(home: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        return connection.execute("SELECT digest, owner, file, address FROM uploads ORDER BY created").fetchall()


def kinds(server: FakeServer) -> list[str]:
    return [request.kind for request in server.requests if request.kind != "poll"]


def test_each_picture_is_uploaded_once_and_its_address_sent(
    make: Make, fake_server: FakeServer, home: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = ended(make("red", "blue", "red"))
    assert str(job.status) == "done"
    links = {
        data: f"{fake_server.origin}/media/{name}?signature={SIGNATURE}" for name, data in fake_server.files.items()
    }
    [sent] = fake_server.of("submit")
    assert sent.path == "/api/v1/alibaba/happyhorse-1.0-r2v/async"
    assert sent.json["reference_images"] == [links[picture(color)] for color in ("red", "blue", "red")]
    assert kinds(fake_server) == ["upload", "upload", "submit", "file"]
    # Byte for byte, and nothing of the user's with it.
    assert fake_server.of("upload")[0].part == ("picture.png", "image/png", picture("red"))

    # Another job, another kernel's too: nothing is uploaded again.
    ended(make("blue", "red", prompt="character2 runs"))
    done = "job.result(timeout=120); print(json.dumps(str(job.status)))"
    assert Program(REFERENCES + done, folder, "character1 sits").end() == "done"
    assert len(fake_server.of("upload")) == 2
    assert fake_server.of("submit")[-1].json["reference_images"] == [links[picture("red")]]

    # The address is a secret: what the home holds is looked at when the test is over.
    seen = repr(job) + repr(job.snapshot) + caplog.text + repr(vars(engine()))
    assert SIGNATURE not in seen
    assert all(owner is None and file and address for _, owner, file, address in rows(home))


def test_a_request_that_was_made_is_not_made_again_whatever_the_address(make: Make, fake_server: FakeServer) -> None:
    first = ended(make("red", "blue"))
    assert make("red", "blue").id == first.id
    assert make("blue", "red").id != first.id
    assert kinds(fake_server).count("upload") == 2


def test_inline_they_go_inside_the_request(make: Make, fake_server: FakeServer, settings: Settings) -> None:
    settings.references = "inline"
    assert str(ended(make("red")).status) == "done"
    [sent] = fake_server.of("submit")
    assert sent.json["reference_images"] == ["data:image/png;base64," + base64.b64encode(picture("red")).decode()]
    assert fake_server.of("upload") == []


def test_the_key_goes_to_no_other_host(make: Make, fake_server: FakeServer) -> None:
    with FakeServer() as media:
        fake_server.media_origin = media.origin
        assert str(ended(make("red")).status) == "done"
        assert media.requests == []
        assert fake_server.of("submit")[0].json["reference_images"][0].startswith(media.origin)
    assert {request.key for request in fake_server.requests if request.kind != "file"} == {KEY}


#: How the job ends after the first answer to its upload, how many uploads were sent, and a word of what it says.
FAULTS: dict[str, tuple[Answer, str, int, str]] = {
    "cut before reading": (Do(cut=Cut.BEFORE_READING), "refused", 1, "not known whether the picture was taken"),
    "cut after accepting": (Do(cut=Cut.AFTER_ACCEPTING), "refused", 1, "not known whether the picture was taken"),
    "cut in the answer": (Do(cut=Cut.HALFWAY), "refused", 1, "not known whether the picture was taken"),
    **{
        str(status): (Say(status), "refused", 1, "not known whether the picture was taken")
        for status in (408, 409, 425, 500, 502, 503, 504)
    },
    "garbage": (Say(raw=b"<html>Sign in"), "refused", 1, "not known whether the picture was taken"),
    "no public address": (
        Do(edit=lambda body: body["data"].update(url=f"ftp://example.com/?signature={SIGNATURE}")),
        "refused",
        1,
        "not known whether the picture was taken",
    ),
    "307": (Say(307, headers={"Location": "https://new.example/"}), "refused", 1, "redirects to https://new.example"),
    "code 17": (Say(body={"code": 17, "message": "Busy: no"}), "refused", 1, "The server says: Busy: no"),
    "401": (Say(401), "refused", 1, "Check the key"),
    "402": (Say(402), "refused", 1, "Top up"),
    **{
        str(status): (Say(status), "refused", 1, 'hh.config.references = "inline"')
        for status in (400, 403, 404, 405, 413, 415, 422)
    },
    "429": (Say(429), "done", 2, ""),
    "429 with a wait": (Say(429, headers={"Retry-After": "0.01"}), "done", 2, ""),
    "code 429": (Say(body={"code": 429, "message": "Slow down"}), "done", 2, ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_upload(make: Make, fake_server: FakeServer, fault: str) -> None:
    answer, end, uploads, words = FAULTS[fault]
    fake_server.script("upload", answer)
    seen = Seen(make("red"))
    job = ended(seen.job)
    assert (str(job.status), len(fake_server.of("upload"))) == (end, uploads)
    assert fake_server.paid == (end == "done")
    if end == "refused":
        assert isinstance(job.error, hh.JobRefused)
        said = str(job.error)
        assert said.startswith("The picture bytes could not be uploaded, so the request was not sent. ")
        assert words in said
        assert said.isprintable()
        assert SIGNATURE not in said
        assert len(said) < 600
        # Another try is the user's, and finds everything in order.
        again = ended(make("red"))
        assert str(again.status) == "done"
        assert len(fake_server.of("upload")) == 2


def test_a_server_that_goes_on_refusing_for_its_limits_is_believed_in_the_end(
    make: Make, fake_server: FakeServer
) -> None:
    fake_server.script("upload", *[Say(429)] * 400)
    job = ended(make("red"))
    assert str(job.status) == "refused"
    assert "ten pictures" in str(job.error)
    assert len(fake_server.of("upload")) >= 5
    assert fake_server.paid == 0


def test_what_never_left_is_tried_again_and_then_refused(
    make: Make, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", refused_origin())
    job = ended(make("red"))
    assert str(job.status) == "refused"
    assert "refuses the connection" in str(job.error)


def test_a_stop_in_an_upload_takes_the_job_out_of_the_queue(make: Make, fake_server: FakeServer) -> None:
    with fake_server.held("upload"):
        job = make("red")
        fake_server.wait_for("upload")
        assert str(job.status) == "queued"
        job.stop()
        assert str(ended(job).status) == "cancelled"
        assert isinstance(job.error, hh.JobCancelled)
    assert fake_server.paid == 0
    # The server had all of it, so its answer is noted.
    assert str(ended(make("red")).status) == "done"
    assert len(fake_server.of("upload")) == 1


def test_jobs_at_once_upload_a_picture_once_and_what_it_ends_with_is_for_all(
    make: Make, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 8
    with fake_server.held("upload"):
        jobs = [make("red", prompt=f"character1 waves {number}") for number in range(4)]
        fake_server.wait_for("upload")
    assert {str(ended(job).status) for job in jobs} == {"done"}
    assert len(fake_server.of("upload")) == 1


def test_an_upload_that_many_jobs_wait_for_is_not_repeated_by_each_when_it_fails(
    make: Make, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 8
    fake_server.script("upload", Say(500))
    with fake_server.held("upload"):
        jobs = [make("red", prompt=f"character1 waves {number}") for number in range(4)]
        for job in jobs:
            Seen(job).wait(lambda now: now.message == "Uploading picture 1 of 1.")
    assert {str(ended(job).status) for job in jobs} == {"refused"}
    assert len({str(job.error) for job in jobs}) == len(fake_server.of("upload")) == 1


def test_at_most_two_go_at_once(make: Make, fake_server: FakeServer, settings: Settings) -> None:
    settings.max_concurrent = 8
    with fake_server.held("upload"):
        jobs = [make(color) for color in COLORS[:5]]
        fake_server.wait_for("upload", 2)
    assert {str(ended(job).status) for job in jobs} == {"done"}
    assert fake_server.most_uploads == 2
    assert len(fake_server.of("upload")) == 5


def test_two_processes_at_once_upload_a_picture_once(make: Make, fake_server: FakeServer, folder: Path) -> None:
    fake_server.words = ("success",)
    body = REFERENCES + "job.result(timeout=120); print(json.dumps(str(job.status)))"
    with fake_server.held("upload"):
        programs = [Program(body, folder, f"character1 waves {number}") for number in range(3)]
        fake_server.wait_for("upload")
    assert [program.end() for program in programs] == ["done"] * 3
    assert (len(fake_server.of("upload")), fake_server.paid) == (1, 3)
    assert len({request.json["reference_images"][0] for request in fake_server.of("submit")}) == 1


def test_what_a_killed_kernel_was_uploading_is_uploaded_anew(make: Make, fake_server: FakeServer, folder: Path) -> None:
    with fake_server.held("upload"):
        killed = Program(REFERENCES + "job.result(timeout=120)", folder, "character1 waves")
        fake_server.wait_for("upload")
        job = make("red", prompt="character1 runs")
        seen = Seen(job)
        killed.kill()
        fake_server.wait_for("upload", 2)
    seen.until("done")
    # And its job, which was not sent, goes on.
    [left] = hh.resume()
    assert str(ended(left).status) == "done"
    assert len(fake_server.of("upload")) == 2


def test_the_oldest_that_no_job_needs_makes_room_for_the_eleventh(make: Make, fake_server: FakeServer) -> None:
    first = ended(make(*COLORS[:9]))
    ended(make(COLORS[9]))
    assert len(fake_server.files) == 10
    with fake_server.held("file"):
        fake_server.words = ("success",)
        job = make(COLORS[10])
        Seen(job).until("downloading")
    ended(job)
    [deleted] = fake_server.of("delete")
    assert deleted.path == "/api/v1/media/files/file-0001"
    assert deleted.key == KEY
    assert (str(first.status), str(job.status)) == ("done", "done")
    assert len(fake_server.files) == 10
    # What was deleted is uploaded anew where it is needed, and the next oldest goes.
    assert str(ended(make(COLORS[0])).status) == "done"
    assert [request.path[-4:] for request in fake_server.of("delete")] == ["0001", "0002"]


def test_more_than_ten_that_running_jobs_need_wait_and_say_so(
    make: Make, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 8
    fake_server.words = ("processing",)
    running = make(*COLORS[:9])
    Seen(running).until("processing")
    waiting = make(COLORS[9], COLORS[10])
    seen = Seen(waiting)
    said = seen.wait(lambda now: "as many pictures" in now.message)
    assert str(said.status) == "queued"
    assert len(fake_server.files) == 9
    fake_server.words = ("success",)
    fake_server.task.say("success")
    assert str(ended(running).status) == "done"
    assert str(ended(waiting).status) == "done"
    assert waiting.snapshot.message == ""
    assert len(fake_server.of("delete")) == 1
    assert len(fake_server.files) == 10


def test_a_job_that_waits_for_room_can_be_stopped(make: Make, fake_server: FakeServer, settings: Settings) -> None:
    settings.max_concurrent = 8
    fake_server.words = ("processing",)
    running = make(*COLORS[:9])
    Seen(running).until("processing")
    waiting = make(*COLORS[9:11])
    Seen(waiting).wait(lambda now: "as many pictures" in now.message)
    waiting.stop()
    assert str(ended(waiting).status) == "cancelled"
    running.stop()
    assert (len(fake_server.of("upload")), fake_server.paid) == (9, 1)


def test_ten_that_others_hold_are_one_line(make: Make, fake_server: FakeServer) -> None:
    fake_server.files = {f"other-{number}": b"" for number in range(10)}
    job = ended(make("red"))
    assert str(job.status) == "refused"
    assert str(job.error) == (
        "The picture bytes could not be uploaded, so the request was not sent. The server says: Bad request: the team "
        "has 10 files already. Nothing was charged. If the account holds ten pictures already, of other programs too, "
        "delete one or wait until they expire (7 days). Or send it inside the request: "
        'hh.config.references = "inline".'
    )
    assert (fake_server.paid, len(fake_server.of("upload"))) == (0, 1)


@pytest.mark.parametrize(
    "fault", [Say(500), Say(429), Do(cut=Cut.AFTER_ACCEPTING), Do(cut=Cut.BEFORE_READING), Say(404), Say(403)]
)
def test_a_deletion_that_fails_is_sent_again_where_that_helps(
    make: Make, fake_server: FakeServer, fault: Answer, settings: Settings
) -> None:
    settings.send_patience = 30.0
    ended(make(*COLORS[:9]))
    ended(make(COLORS[9]))
    fake_server.script("delete", fault)
    job = ended(make(COLORS[10]))
    # (With 403 and 404 this server has it still, and says that it is full.)
    kept = isinstance(fault, Say) and fault.status in (403, 404)
    assert str(job.status) == ("refused" if kept else "done")
    assert fake_server.paid == (2 if kept else 3)


def test_what_expires_is_uploaded_anew(make: Make, fake_server: FakeServer, home: Path) -> None:
    fake_server.files_expire = time.time() + 7200
    ended(make("red"))
    ended(make("red", prompt="character1 runs"))
    assert len(fake_server.of("upload")) == 1
    # Less than what a task may take is left, then nothing.
    for left, deletions in ((60.0, 1), (-60.0, 1)):
        with sqlite3.connect(home / "ledger.sqlite3") as connection:
            connection.execute("UPDATE uploads SET expires = ?", (time.time() + left,))
        before = len(fake_server.of("upload"))
        assert str(ended(make("red", prompt=f"character1 sits {left}")).status) == "done"
        assert (len(fake_server.of("upload")), len(fake_server.of("delete"))) == (before + 1, deletions)


def test_it_waits_for_no_upload_while_it_is_queued(make: Make, fake_server: FakeServer, settings: Settings) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    first, second = make("red"), make("blue")
    Seen(first).until("processing")
    assert str(second.status) == "queued"
    assert len(fake_server.files) == 1
    fake_server.words = ("success",)
    fake_server.task.say("success")
    assert {str(ended(job).status) for job in (first, second)} == {"done"}
    assert kinds(fake_server)[:4] in (["upload", "submit", "file", "upload"], ["upload", "submit", "upload", "submit"])


def test_back_in_the_queue_it_gives_its_room_to_others(make: Make, fake_server: FakeServer, home: Path) -> None:
    fake_server.script("submit", Say(429, body={"code": 429, "message": "Rate limit: too many concurrent tasks"}))
    seen = Seen(make("red"))
    seen.wait(lambda now: "sent again" in now.message or now.status.ended)
    assert str(ended(seen.job).status) == "done"
    assert (len(fake_server.of("upload")), fake_server.paid) == (1, 2)
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM upload_uses").fetchone() == (1,)
    ended(make("red", prompt="character1 runs"))
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM upload_uses").fetchone() == (1,)
