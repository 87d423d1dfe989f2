"""Every fault at every request of a job: what went over the wire, what the ledger says, what is on disk, what is said.

A paid request leaves once, and again only when the server has refused it for now or never got a byte of it.
"""

from __future__ import annotations

import io
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

import happyhorse_nb as hh
from happyhorse_nb.engine import engine
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, Seen, ended
from support.fake_server import KEY, Answer, Cut, Do, FakeServer, Say, refused_origin
from support.videos import look_into

#: fault: (answer, how the job ends, paid requests, words of its error)
SUBMIT: dict[str, tuple[Answer, str, int, str]] = {
    "cut before reading": (Do(cut=Cut.BEFORE_READING), "unknown", 1, "may have been charged"),
    "cut after accepting": (Do(cut=Cut.AFTER_ACCEPTING), "unknown", 1, "may have been charged"),
    "cut in the answer": (Do(cut=Cut.HALFWAY), "unknown", 1, "may have been charged"),
    **{
        str(status): (Say(status), "unknown", 1, f"answered {status} (Scripted: as the test asked)")
        for status in (408, 500, 502, 503, 504)
    },
    "302": (Say(302, headers={"Location": "/login"}), "unknown", 1, "answered 302"),
    "303": (
        Say(303, headers={"Location": "https://done.example/1"}),
        "unknown",
        1,
        "redirects to https://done.example)",
    ),
    **{
        str(status): (
            Say(status, headers={"Location": "https://new.example/x?y"}),
            "refused",
            1,
            f"The server answers {status}: it redirects to https://new.example. If that is your server's new address, "
            "set MODELLIX_BASE_URL=https://new.example. Then run it again; nothing was charged.",
        )
        for status in (301, 307, 308)
    },
    "201": (Say(201, body={"code": 0}), "unknown", 1, "cannot be read"),
    "garbage": (Say(raw=b"<html>"), "unknown", 1, "cannot be read"),
    "400": (Say(400), "refused", 1, "The server says: Scripted: as the test asked."),
    "401": (Say(401), "refused", 1, "happyhorse-nb doctor"),
    "402": (Say(402), "refused", 1, "Top up the account"),
    "code 17": (Say(body={"code": 17, "message": "Busy: not today"}), "refused", 1, "Busy: not today."),
    "429": (Say(429, headers={"Retry-After": "0"}), "done", 2, ""),
    "429 without a time": (Say(429), "done", 2, ""),
    "slow": (Do(delay=0.3), "done", 1, ""),
}


@pytest.mark.parametrize("fault", SUBMIT)
def test_a_submit(generate: Generate, fake_server: FakeServer, videos: Callable[[], list[str]], fault: str) -> None:
    answer, end, paid, words = SUBMIT[fault]
    fake_server.words = ("success",)
    fake_server.script("submit", answer)
    job = ended(generate())
    assert (str(job.status), fake_server.paid) == (end, paid)
    row = engine().ledger.get(job.id)
    assert row is not None
    assert (row.snapshot.status, row.snapshot.task_id) == (job.status, job.task_id)
    assert row.snapshot.ended is not None
    if end == "done":
        assert job.error is None
        assert len(videos()) == 1
        return
    assert videos() == []
    assert job.error is not None
    assert words in str(job.error)
    assert "\n" not in str(job.error)
    assert job.error.job is job
    # Run again: what may have been bought is not bought by itself, what was refused may be sent again.
    again = ended(generate())
    assert (fake_server.paid == 1) == (end == "unknown")
    assert (again.id == job.id) == (end == "unknown")


def test_a_model_that_the_server_does_not_know(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Say(404), Say(404))
    job = ended(generate())
    assert (str(job.status), fake_server.paid, fake_server.tasks) == ("refused", 2, {})


def test_where_nobody_listens_nothing_is_sent(
    generate: Generate, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", refused_origin())
    job = ended(generate())
    assert str(job.status) == "refused"
    assert "refuses the connection" in str(job.error)
    assert fake_server.requests == []


class Doorway:
    """An address where nobody listens until it is opened; then it leads to the server."""

    def __init__(self, server: FakeServer, stack: ExitStack) -> None:
        host, _, port = server.origin.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._stack = stack
        self._socket = stack.enter_context(socket.socket())
        self._socket.bind(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def open(self) -> None:
        self._socket.listen()
        self._stack.callback(self._socket.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


@pytest.fixture
def doorway(fake_server: FakeServer) -> Iterator[Doorway]:
    with ExitStack() as stack:
        yield Doorway(fake_server, stack)


def test_what_never_left_is_sent_when_the_way_is_free(
    generate: Generate, fake_server: FakeServer, settings: Settings, doorway: Doorway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELLIX_BASE_URL", doorway.origin)
    settings.send_patience = 60.0
    settings.max_backoff = 0.1
    seen = Seen(generate())
    waiting = seen.wait(lambda snapshot: "sent again" in snapshot.message)
    assert (str(waiting.status), fake_server.paid) == ("queued", 0)
    doorway.open()
    seen.wait(lambda snapshot: snapshot.task_id)
    assert fake_server.paid == 1
    seen.job.stop()
    seen.until("stopped")


#: Reading goes on through all of these.
POLL: dict[str, Answer] = {
    "cut before reading": Do(cut=Cut.BEFORE_READING),
    "cut after reading": Do(cut=Cut.AFTER_ACCEPTING),
    "cut in the answer": Do(cut=Cut.HALFWAY),
    **{str(status): Say(status) for status in (408, 500, 502, 503, 504)},
    "429": Say(429, headers={"Retry-After": "0"}),
    "404 of a replica that lags behind": Say(404),
    "404 of a proxy": Say(404, raw=b"<html>not found</html>"),
    "302": Say(302, headers={"Location": "/login"}),
    "garbage": Say(raw=b"<html>"),
    "another task's": Do(edit=lambda body: body["data"].update(task_id="task-other", status="failed")),
    "slow": Do(delay=0.2),
}


@pytest.mark.parametrize("fault", POLL)
def test_reading_goes_on(
    generate: Generate, fake_server: FakeServer, videos: Callable[[], list[str]], fault: str
) -> None:
    fake_server.words = ("success",)
    fake_server.script("poll", POLL[fault], POLL[fault])
    job = ended(generate())
    assert job.error is None
    assert (str(job.status), fake_server.paid, len(videos())) == ("done", 1, 1)
    assert len(fake_server.of("poll")) == (1 if fault == "slow" else 3)
    assert job.path is not None
    assert look_into(job.path).seconds == 2.0


def test_a_server_that_has_moved_while_its_task_ran_is_named(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    fake_server.words = ("success",)
    fake_server.script("poll", *[Say(308, headers={"Location": "https://new.example/x?y"})] * 4)
    seen = Seen(generate())
    assert str(ended(seen.job).status) == "done"
    said = "The server answers 308: it redirects to https://new.example. If that is your server's new address"
    assert any(snapshot.message.startswith(said) for snapshot in seen.snapshots)


def test_all_faults_in_a_row(generate: Generate, fake_server: FakeServer, settings: Settings) -> None:
    settings.fetch_patience = 10.0
    fake_server.words = ("processing", "success")
    fake_server.script("submit", Say(429), Say(429, headers={"Retry-After": "0"}))
    fake_server.script("poll", *[answer for name, answer in POLL.items() if name in ("503", "garbage", "429")])
    fake_server.script("file", Do(cut=Cut.HALFWAY), Say(503))
    seen = Seen(generate())
    assert str(ended(seen.job).status) == "done"
    assert len(fake_server.tasks) == 1
    assert any("cannot be reached now" in snapshot.message for snapshot in seen.snapshots)
    assert seen.job.snapshot.message == ""


@pytest.mark.parametrize(
    "told",
    ["600", "1e9", format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)],
    ids=["seconds", "absurd", "date"],
)
def test_jobs_that_the_server_asks_to_wait_say_until_when(
    generate: Generate, fake_server: FakeServer, told: str
) -> None:
    fake_server.words = ("processing",)
    seen, other = Seen(generate()), Seen(generate("Another one"))
    fake_server.wait_for("poll", 4)
    fake_server.script("poll", Say(429, headers={"Retry-After": told}))
    # Also the one that was not told so itself.
    for one in (seen, other):
        waiting = one.wait(lambda snapshot: "The server asks to wait until " in snapshot.message)
        assert re.search(r"until \d\d:\d\d\.$", waiting.message)
        assert str(waiting.status) == "processing"
    for task in fake_server.tasks.values():
        task.say("success")
    engine().wake()
    for one in (seen, other):
        assert (str(ended(one.job).status), one.job.snapshot.message) == ("done", "")


@pytest.mark.parametrize("told", ["0", "-600", "soon", "nan", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_wait_that_is_none_is_not_waited(generate: Generate, fake_server: FakeServer, told: str) -> None:
    fake_server.words = ("success",)
    fake_server.script("poll", *[Say(429, headers={"Retry-After": told})] * 3)
    seen = Seen(generate())
    assert str(ended(seen.job).status) == "done"
    assert not any("asks to wait" in snapshot.message for snapshot in seen.snapshots)


class Heard(io.TextIOBase):
    """A stream that hands on what is written, whole and at once."""

    def __init__(self, lines: SimpleQueue[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines.put(text)
        return len(text)


def test_the_balance_says_until_when_the_server_asks_to_wait(generate: Generate, fake_server: FakeServer) -> None:
    ended(generate())
    fake_server.script("balance", Say(429, headers={"Retry-After": "600"}))
    with pytest.raises(
        hh.RateLimited, match=r"^Scripted: as the test asked\. The server asks to wait until \d\d:\d\d\.$"
    ):
        hh.balance()
    # Within a minute it is tried once all the same, and until then the line says what is waited for.
    answers: list[Decimal | None] = []
    lines: SimpleQueue[str] = SimpleQueue()
    with redirect_stderr(Heard(lines)):
        asking = threading.Thread(target=lambda: answers.append(hh.balance()))
        asking.start()
        said = ""
        while "asks to wait until" not in said:
            said += lines.get(timeout=DEADLINE)
    assert answers == []
    engine().wake()
    asking.join(DEADLINE)
    assert answers == [Decimal("12.34")]


def test_a_question_is_not_kept_waiting_for_longer_than_a_minute(generate: Generate, fake_server: FakeServer) -> None:
    ended(generate())
    [limits] = engine()._runner._limits.values()
    limiter = limits.limiter
    limiter.refused(600.0)
    # The one read that is tried has been tried.
    limiter._try = float("inf")
    with pytest.raises(hh.RateLimited, match=r"The server asks to wait until \d\d:\d\d\. Ask again then\."):
        hh.balance()
    assert fake_server.of("balance") == []


@pytest.mark.parametrize(("status", "words"), [(400, "as the test asked"), (401, "asked"), (402, "asked")])
def test_what_parks_a_task(generate: Generate, fake_server: FakeServer, status: int, words: str) -> None:
    fake_server.script("poll", Say(status))
    job = ended(generate())
    assert str(job.status) == "stopped"
    assert isinstance(job.error, hh.JobStopped)
    assert words in str(job.error)
    assert f'hh.resume("{job.id[:8]}")' in str(job.error)
    [resumed] = hh.resume()
    assert str(ended(resumed).status) == "done"
    assert fake_server.paid == 1


@pytest.mark.parametrize(
    "answers",
    [
        [Say(404)],
        [Say(404)] * 4,
        [Say(404), Do(), Say(404), Do(), Say(404)],
        [Say(404), Say(503), Say(404, raw=b"<html>no such page"), Do(cut=Cut.HALFWAY), Say(429), Say(404)],
        [Say(body={"code": 404, "message": "Not found: no such task"})],
    ],
    ids=["once", "some times", "now and then", "among other trouble", "in a 200"],
)
def test_a_404_that_passes_ends_no_task_and_buys_nothing(
    generate: Generate, fake_server: FakeServer, settings: Settings, answers: list[Answer]
) -> None:
    settings.missing_patience = 60.0
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    # Of a task that was accepted long ago, too.
    job.stop()
    ended(job)
    engine().ledger._connection.execute("UPDATE jobs SET submitted = submitted - 300")
    fake_server.words = ("processing", "success")
    fake_server.script("poll", *answers)
    fake_server.task.say("processing", "processing", "processing", "success")
    [job] = hh.resume()
    assert str(ended(job).status) == "done"
    assert generate().id == job.id
    assert fake_server.paid == 1


def test_a_404_that_is_repeated_is_said_before_it_is_believed(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.missing_patience = 60.0
    fake_server.words = ("processing",)
    seen = Seen(generate())
    fake_server.wait_for("poll")
    tasks = dict(fake_server.tasks)
    fake_server.tasks.clear()
    doubtful = seen.wait(lambda snapshot: "does not know this task" in snapshot.message)
    assert str(doubtful.status) == "processing"
    fake_server.tasks.update(tasks)
    seen.wait(lambda snapshot: not snapshot.message)
    fake_server.tasks.clear()
    seen.wait(lambda snapshot: "does not know this task" in snapshot.message)
    seen.job.stop()
    ended(seen.job)
    # A job takes over its patience when it begins to watch.
    settings.missing_patience = 0.2
    [taken] = hh.resume(seen.job)
    assert isinstance(ended(taken).error, hh.JobExpired)


def test_a_task_that_the_server_knows_no_more(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    fake_server.words = ("success",)
    fake_server.tasks.clear()
    ended(job)
    assert (str(job.status), type(job.error)) == ("expired", hh.JobExpired)
    # Its video is not to be had any more, so running again makes a new one.
    assert str(ended(generate()).status) == "done"
    assert fake_server.paid == 2


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_task_that_fails(generate: Generate, fake_server: FakeServer, when: str) -> None:
    fake_server.words = ("failed",)
    if when == "at once":
        fake_server.script("submit", Do(edit=lambda body: body["data"].update(status="failed", message="no")))
    seen = Seen(generate())
    job = ended(seen.job)
    assert (str(job.status), type(job.error)) == ("failed", hh.JobFailed)
    assert job.task_id == "task-fake0001"
    assert [str(snapshot.status) for snapshot in seen.snapshots].count("failed") == 1
    assert "The server says" in str(job.error)
    if when == "at once":
        assert fake_server.of("poll") == []


#: fault: (answers, how the job ends, words of its error)
FILE: dict[str, tuple[list[Answer], str, str]] = {
    "cut in the file": ([Do(cut=Cut.HALFWAY)] * 2, "done", ""),
    "cut before reading": ([Do(cut=Cut.BEFORE_READING)], "done", ""),
    "503": ([Say(503)], "done", ""),
    "429": ([Say(429)], "done", ""),
    "403 once": ([Say(403)], "done", ""),
    "404 once": ([Say(404)], "done", ""),
    "403 always": ([Say(403)] * 90, "stopped", "was refused (403)"),
    "503 always": ([Say(503)] * 90, "stopped", "could not be fetched: its server answers 503"),
    "login page once": ([Say(raw=b"<html>Sign in")], "done", ""),
    "login page": ([Say(raw=b"<html>Sign in")] * 90, "stopped", "not an MP4"),
    "http elsewhere": ([Say(302, headers={"Location": "http://example.com/x.mp4"})] * 90, "stopped", "not https"),
    "slow": ([Do(delay=0.2)], "done", ""),
}


@pytest.mark.parametrize("fault", FILE)
def test_a_download(generate: Generate, fake_server: FakeServer, videos: Callable[[], list[str]], fault: str) -> None:
    answers, end, words = FILE[fault]
    fake_server.words = ("success",)
    fake_server.script("file", *answers)
    job = ended(generate())
    assert (str(job.status), fake_server.paid) == (end, 1)
    if fault.endswith("once"):
        # A link that was turned down is read anew.
        assert len(fake_server.of("poll")) == 2
    films = [name for name in videos() if name.endswith(".mp4")]
    if end == "done":
        assert films == videos()
        assert len(films) == 1
        return
    assert films == []
    assert "ready and paid for" in str(job.error)
    assert words in str(job.error)
    assert f'hh.resume("{job.id[:8]}")' in str(job.error)
    fake_server.forget("file")
    [resumed] = hh.resume("fake0001")
    assert str(ended(resumed).status) == "done"
    assert (fake_server.paid, len([name for name in videos() if name.endswith(".mp4")])) == (1, 1)


def test_a_download_goes_on_where_it_was_cut(generate: Generate, fake_server: FakeServer, small_mp4: bytes) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", Do(cut=Cut.HALFWAY))
    assert str(ended(generate()).status) == "done"
    assert [request.headers.get("Range") for request in fake_server.of("file")] == [
        None,
        f"bytes={len(small_mp4) // 2}-",
    ]


def without_link(body: dict[str, Any]) -> None:
    body["data"]["result"]["resources"] = []


#: What a task that was done says for a while when it is asked for a fresh link.
READ_ANEW: dict[str, list[Answer]] = {
    "404": [Say(404)] * 3,
    "401": [Say(401)] * 3,
    "429": [Say(429, headers={"Retry-After": "0"})] * 2,
    "no link": [Do(edit=without_link)] * 3,
    "cut": [Do(cut=Cut.AFTER_ACCEPTING)] * 2,
    "failed": [Do(edit=lambda body: body["data"].update(status="failed"))] * 2,
}


@pytest.mark.parametrize("trouble", READ_ANEW)
def test_no_answer_of_the_server_is_the_last_word_on_a_paid_video(
    generate: Generate, fake_server: FakeServer, settings: Settings, trouble: str
) -> None:
    settings.fetch_patience = 30.0
    fake_server.words = ("success",)
    fake_server.script("file", Say(404), Say(403), Say(404))
    fake_server.script("poll", Do(), *READ_ANEW[trouble])
    assert str(ended(generate()).status) == "done"
    assert fake_server.paid == 1


def test_a_task_that_is_done_before_its_link_is_there(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.fetch_patience = 30.0
    fake_server.words = ("success",)
    fake_server.script("poll", *[Do(edit=without_link)] * 4)
    seen = Seen(generate())
    assert str(ended(seen.job).status) == "done"
    assert seen.words[-2:] == ["downloading", "done"]
    assert len(fake_server.of("file")) == 1


def test_a_video_that_never_comes_says_what_the_server_said_last_and_can_be_taken_up_again(
    generate: Generate, fake_server: FakeServer
) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", *[Say(403)] * 90)
    fake_server.script("poll", Do(), *[Say(404)] * 90)
    job = ended(generate())
    # Not expired, which would let an equal request buy it again: the task is asked about once more before that.
    assert str(job.status) == "stopped"
    assert "refused (403); no new link to it could be fetched: Scripted" in str(job.error)
    fake_server.forget("file")
    fake_server.forget("poll")
    assert generate() is job
    assert (str(ended(job).status), fake_server.paid) == ("done", 1)


def test_the_card_says_that_a_video_is_tried_again_and_no_more_when_it_comes(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.fetch_patience = 30.0
    fake_server.words = ("success",)
    fake_server.script("file", *[Say(404)] * 4, Do(cut=Cut.HALFWAY))
    seen = Seen(generate())
    ended(seen.job)
    says = [snapshot.message for snapshot in seen.snapshots if str(snapshot.status) == "downloading"]
    assert "The video cannot be downloaded yet: the link to the video was refused (404); trying again." in says
    assert (says[0], says[-1], seen.job.snapshot.message) == ("", "", "")


def test_a_stop_is_obeyed_while_a_video_is_tried_again(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.fetch_patience = 300.0
    fake_server.words = ("success",)
    fake_server.script("file", *[Say(404)] * 99)
    job = generate()
    fake_server.wait_for("file", 2)
    with fake_server.held("poll"):
        fake_server.wait_for("poll", 3)
        job.stop()
        assert "as you asked" in str(ended(job).error)


def test_each_link_to_another_video_is_fetched_from_its_beginning(
    generate: Generate, fake_server: FakeServer, settings: Settings, small_mp4: bytes
) -> None:
    settings.fetch_patience = 30.0
    fake_server.words = ("success",)
    numbers = iter(range(99))

    def another(body: dict[str, Any]) -> None:
        [resource] = body["data"]["result"]["resources"]
        resource["url"] = resource["url"].replace(".mp4", f"-{next(numbers)}.mp4")

    fake_server.script("poll", *[Do(edit=another)] * 9)
    fake_server.script("file", Do(cut=Cut.HALFWAY), Say(403), Do(cut=Cut.HALFWAY), Do())
    job = ended(generate())
    assert job.path is not None
    assert job.path.read_bytes() == small_mp4
    ranges = [(request.path[-7:], "Range" in request.headers) for request in fake_server.of("file")]
    assert ranges == [("1-0.mp4", False), ("1-0.mp4", True), ("1-1.mp4", False), ("1-1.mp4", True)]


def test_a_fresh_signature_of_the_same_link_goes_on_where_it_was_cut(
    generate: Generate, fake_server: FakeServer, settings: Settings, small_mp4: bytes
) -> None:
    settings.fetch_patience = 30.0
    fake_server.words = ("success",)
    fake_server.script("file", Do(cut=Cut.HALFWAY), Say(403))
    ended(generate())
    assert [request.headers.get("Range") for request in fake_server.of("file")] == [
        None,
        *[f"bytes={len(small_mp4) // 2}-"] * 2,
    ]


def test_a_damaged_video_is_kept_under_a_name_that_is_said_until_a_good_one_comes(
    generate: Generate, fake_server: FakeServer, videos: Callable[[], list[str]], small_mp4: bytes
) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", *[Say(raw=small_mp4[:-100])] * 90)
    job = ended(generate())
    [kept] = videos()
    assert (str(job.status), kept.endswith(f"{job.id[:8]}.mp4.damaged")) == ("stopped", True)
    assert f'{kept}. hh.resume("{job.id[:8]}")' in str(job.error)
    # Taken up again, and no better.
    hh.resume(job.id)
    ended(job)
    assert videos() == [kept]
    fake_server.forget("file")
    hh.resume(job.id)
    assert str(ended(job).status) == "done"
    assert videos() == [kept.removesuffix(".damaged"), kept]


def test_a_404_that_passes_while_a_link_is_read_anew(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.missing_patience = 60.0
    fake_server.words = ("success",)
    fake_server.script("file", Say(403))
    fake_server.script("poll", Do(), Say(404), Say(404))
    assert str(ended(generate()).status) == "done"


def test_a_link_that_is_hard_to_read(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", Say(403))
    fake_server.script("poll", Do(), Say(503), Do(cut=Cut.HALFWAY), Say(429))
    assert str(ended(generate()).status) == "done"


def test_a_task_that_says_something_else_once_it_was_done(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    fake_server.script("file", Say(403))
    fake_server.script("poll", Do(), Do(edit=lambda body: body["data"].update(status="failed")))
    seen = Seen(generate())
    assert str(ended(seen.job).status) == "done"
    assert seen.words[-2:] == ["downloading", "done"]


def test_the_deadline(generate: Generate, fake_server: FakeServer, settings: Settings) -> None:
    fake_server.words = ("processing",)
    settings.deadline = 1.0
    job = ended(generate())
    assert (str(job.status), fake_server.paid) == ("stopped", 1)
    assert "has not ended after 1 min; it still runs on the server." in str(job.error)
    settings.deadline = 60.0
    fake_server.task.say("success")
    [resumed] = hh.resume(job.id)
    assert str(ended(resumed).status) == "done"


def test_a_folder_that_vanishes_while_the_video_comes(
    generate: Generate, fake_server: FakeServer, folder: Path
) -> None:
    fake_server.words = ("success",)
    with fake_server.held("file"):
        job = generate()
        fake_server.wait_for("file")
        folder.rmdir()
        folder.write_text("a file where the folder was")
    ended(job)
    assert (str(job.status), job.task_id) == ("stopped", "task-fake0001")
    assert "could not be written" in str(job.error)
    assert f'hh.resume("{job.id[:8]}")' in str(job.error)
    folder.unlink()
    [resumed] = hh.resume("task-fake0001")
    assert str(ended(resumed).status) == "done"
    assert fake_server.paid == 1


def test_a_folder_that_is_deleted_while_the_video_comes(
    generate: Generate, fake_server: FakeServer, folder: Path, videos: Callable[[], list[str]]
) -> None:
    fake_server.words = ("success",)
    with fake_server.held("file"):
        job = generate()
        fake_server.wait_for("file")
        shutil.rmtree(folder)
    assert str(ended(job).status) == "stopped"
    assert "could not be written" in str(job.error)
    hh.resume(job.id)
    assert (str(ended(job).status), fake_server.paid, len(videos())) == ("done", 1, 1)


def test_a_mistyped_id_ends_no_doubt_about_a_paid_task(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    doubtful = ended(generate())
    with pytest.raises(hh.JobNotFound, match="Look the id up in your account's task list"):
        hh.resume("task-mistyped")
    assert [str(job.status) for job in hh.jobs()] == ["unknown"]
    assert generate().id == doubtful.id
    assert fake_server.paid == 1


@pytest.mark.usefixtures("generate")
def test_a_task_taken_up_by_its_id_while_nobody_answers_may_be_another_ones(
    fake_server: FakeServer, settings: Settings
) -> None:
    # Whoever has typed it is answered at once.
    settings.missing_patience = 1e9
    fake_server.script("poll", Say(503))
    [taken] = hh.resume("task-mistyped")
    assert "or the id is another one's. Look the id up in your account's task list." in str(ended(taken).error)


def test_a_404_that_passes_ends_no_task_that_was_taken_up_by_its_id(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.missing_patience = 60.0
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    job.stop()
    ended(job)
    # As in the ledger of another machine, which knows nothing of it.
    engine().ledger._connection.execute("DELETE FROM jobs")
    asked = len(fake_server.of("poll"))
    # One that the server has known when it was asked, and not at the first look.
    fake_server.script("poll", Do(), Say(404), Do(), Say(404), Say(404))
    [taken] = hh.resume("task-fake0001")
    assert taken.id != job.id
    fake_server.wait_for("poll", asked + 6)
    # Nor one that is in the ledger, when another kernel takes it up.
    taken.stop()
    ended(taken)
    fake_server.script("poll", Say(404))
    [taken] = hh.resume("task-fake0001")
    fake_server.task.say("success")
    assert str(ended(taken).status) == "done"


@pytest.mark.parametrize("code", [200, 400, 408, 429, 500])
def test_an_error_that_names_a_task_is_looked_after_and_paid_for_once(
    generate: Generate, fake_server: FakeServer, code: int
) -> None:
    fake_server.script("submit", Do(edit=lambda body: body.update(code=code, message="Busy")))
    job = ended(generate())
    assert (str(job.status), job.task_id, fake_server.paid) == ("done", "task-fake0001", 1)


def test_a_task_without_a_word_about_it_is_looked_after(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Do(edit=lambda body: body["data"].pop("status") and None))
    assert (str(ended(generate()).status), fake_server.paid) == ("done", 1)


def test_a_server_that_repeats_the_key_has_it_neither_shown_nor_written_down(
    generate: Generate, fake_server: FakeServer, home: Path
) -> None:
    fake_server.script("submit", Say(401, body={"code": 401, "message": f"invalid api key Bearer {KEY}"}))
    job = ended(generate())
    assert "invalid api key Bearer (the key)" in str(job.error)
    assert not any(KEY.encode() in file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_a_time_that_no_task_takes_harms_no_later_one(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    for time in (1e-300, 1e14):
        answer: dict[str, Any] = {"duration": time}
        fake_server.script("poll", Do(edit=lambda body, answer=answer: body["data"].update(answer)))  # type: ignore[misc]  # mypy cannot type a default
        assert str(ended(generate(f"takes {time}")).status) == "done"
    assert str(ended(generate("the next one")).status) == "done"


def test_what_is_not_charged_costs_nothing(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Say(402))
    refused = ended(generate())
    assert str(refused.cost) == "$0.00"
    assert hh.jobs().to_frame()["cost"].sum() == 0
    # Told of as it was asked for.
    assert (refused.prompt, refused.model, refused.params) == (
        refused.snapshot.prompt,
        "happyhorse-1.0-i2v",
        dict(refused.snapshot.params),
    )
