"""A key that was exchanged for another one of the same account buys nothing again, and loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import happyhorse_nb as hh
from happyhorse_nb.api.preview import check
from happyhorse_nb.engine import engine
from happyhorse_nb.magic.extension import load, run_line
from happyhorse_nb.settings import account_of, use
from happyhorse_nb.settings.config import Settings
from happyhorse_nb.store import Record
from jobs.conftest import Generate
from jobs.seen import Seen, ended
from jobs.test_job_again import GENERATE, Program
from support.fake_server import KEY, Cut, Do, FakeServer

NEW, THIRD = "mdlx-test-the-second-5d11", "mdlx-test-the-third-90ab"
Rotate = Callable[..., None]


def letters(key: str) -> str:
    return account_of(key).key.fingerprint[:6]


@pytest.fixture
def rotate(fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    """The server and this kernel have another key from now on."""

    def exchange(key: str = NEW) -> None:
        monkeypatch.setenv("MODELLIX_API_KEY", key)
        fake_server.key = key

    return exchange


def magic(line: str) -> None:
    run_line(SimpleNamespace(user_ns={}), line)


def stopped(fake_server: FakeServer, job: hh.Job) -> hh.Job:
    fake_server.wait_for("poll")
    job.stop()
    return ended(job)


def test_a_video_that_another_key_has_made_is_shown(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, tmp_path: Path
) -> None:
    first = ended(generate())
    rotate()
    asked = len(fake_server.requests)
    again = generate()
    assert (again.id, again.path, again.snapshot.reused) == (first.id, first.path, True)
    # Under another name too.
    generate(save=tmp_path / "launch.mp4")
    assert (tmp_path / "launch.mp4").is_file()
    assert len(fake_server.requests) == asked


def unknown(generate: Generate, fake_server: FakeServer) -> hh.Job:
    fake_server.script("submit", Do(cut=Cut.AFTER_ACCEPTING))
    return ended(generate())


def stopped_one(generate: Generate, fake_server: FakeServer) -> hh.Job:
    fake_server.words = ("processing",)
    return stopped(fake_server, generate())


def running(generate: Generate, fake_server: FakeServer) -> hh.Job:
    fake_server.words = ("processing",)
    job = generate()
    fake_server.wait_for("poll")
    return job


def queued(generate: Generate, fake_server: FakeServer) -> hh.Job:
    fake_server.words = ("processing",)
    generate("another one, which takes the only place")
    fake_server.wait_for("poll")
    return generate()


def away(generate: Generate, fake_server: FakeServer) -> hh.Job:
    job = ended(generate())
    assert job.path is not None
    job.path.unlink()
    return job


@pytest.mark.parametrize("left", [unknown, stopped_one, running, queued, away])
def test_what_another_key_may_have_paid_for_is_not_bought_again(
    generate: Generate,
    fake_server: FakeServer,
    rotate: Rotate,
    settings: Settings,
    left: Callable[[Generate, FakeServer], hh.Job],
) -> None:
    settings.max_concurrent = 1
    job = left(generate, fake_server)
    paid, rows = fake_server.paid, len(hh.jobs())
    rotate()
    with pytest.raises(hh.InvalidRequest) as refused:
        generate()
    line = str(refused.value)
    assert "\n" not in line
    assert job.snapshot.short_id in line
    assert f"another key of this server ({letters(KEY)}, last used 20" in line
    assert f"%happyhorse login --same-account {letters(KEY)} in IPython joins" in line
    assert "Else again=True buys" in line
    assert NEW not in line
    assert (fake_server.paid, len(hh.jobs())) == (paid, rows)
    # Several at once: none of them.
    with pytest.raises(hh.InvalidRequest, match="under another key"):
        generate(takes=3)
    # As in a form, before it is pressed.
    with pytest.raises(hh.InvalidRequest, match="under another key"):
        check(Path(__file__).parents[2] / "notebooks" / "rocket.jpg", job.prompt, {}, model=job.model)
    assert (fake_server.paid, len(hh.jobs())) == (paid, rows)
    fake_server.words = ("success",)
    assert str(ended(generate(again=True)).status) == "done"
    # Which is what it shows from now on.
    assert generate().snapshot.reused
    assert [request.key for request in fake_server.of("submit")].count(NEW) == 1
    for task in fake_server.tasks.values():
        task.say("success")


def test_what_another_key_was_refused_is_bought(generate: Generate, fake_server: FakeServer, rotate: Rotate) -> None:
    fake_server.words = ("failed",)
    ended(generate())
    fake_server.words = ("success",)
    rotate()
    assert str(ended(generate()).status) == "done"


def test_what_was_forgotten_is_no_matter(generate: Generate, fake_server: FakeServer, rotate: Rotate) -> None:
    hh.forget(unknown(generate, fake_server))
    rotate()
    assert str(ended(generate()).status) == "done"


def test_a_joined_key_s_jobs_are_this_account_s(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    job = stopped_one(generate, fake_server)
    rotate()
    with pytest.raises(
        hh.JobNotFound, match=f"another key .{letters(KEY)}.*--same-account {letters(KEY)} in IPython joins"
    ):
        hh.resume(job.id)
    asked = len(fake_server.requests)
    for line in ("login --same-account", f"login --same-account {letters(KEY)[:3].upper()}"):
        # Said twice, it is so.
        magic(line)
    out = capsys.readouterr().out
    assert f"The jobs made with key {letters(KEY)} are this account's from now on. hh.resume()" in out
    assert "is one of this account's already" in out
    assert len(fake_server.requests) == asked
    # The server knows the new key alone.
    [resumed] = hh.resume()
    assert resumed.id == job.id
    assert generate().id == job.id
    fake_server.task.say("success")
    assert str(ended(resumed).status) == "done"
    assert {request.key for request in fake_server.of("poll")} == {KEY, NEW}
    assert fake_server.paid == 1


def test_a_join_holds_for_a_kernel_with_either_key(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    rotate()
    script = Program(GENERATE + "print(json.dumps([str(job.result().path), job.id]))", folder, str(photo))
    fake_server.wait_for("poll")
    # Here the old one is in use.
    use(account_of(KEY, fake_server.origin))
    try:
        with pytest.raises(hh.InvalidRequest, match="under another key"):
            generate()
        magic("login --same-account")
        job = generate()
        fake_server.task.say("success")
        path, name = script.end()
        assert (job.id, str(ended(job).path)) == (name, path)
        # Nor is anything asked here with a key that the server does not know.
        assert {request.key for request in fake_server.of("poll")} == {NEW}
    finally:
        use(None)
    rotate(THIRD)
    magic("login --same-account")
    assert generate().id == job.id
    assert fake_server.paid == 1


def test_a_kernel_that_dies_leaves_its_job_to_one_with_the_joined_key(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, folder: Path, photo: Path
) -> None:
    fake_server.words = ("processing",)
    script = Program(GENERATE + "job.result()", folder, str(photo))
    fake_server.wait_for("poll")
    # Until it dies, that kernel may ask with its own key.
    fake_server.old_key = KEY
    rotate()
    magic("login --same-account")
    [job] = hh.resume()
    script.kill()
    fake_server.task.say("success")
    assert str(ended(job).status) == "done"
    assert fake_server.of("poll")[-1].key == NEW


def test_the_task_of_a_joined_key_s_unknown_job_is_attached(
    generate: Generate, fake_server: FakeServer, rotate: Rotate
) -> None:
    job = unknown(generate, fake_server)
    rotate()
    with pytest.raises(hh.JobNotFound, match="another key"):
        hh.resume(fake_server.task.id, attach=job)
    magic("login --same-account")
    [taken] = hh.resume(fake_server.task.id, attach=job)
    assert (taken.id, str(ended(taken).status)) == (job.id, "done")


def test_a_job_that_runs_here_with_a_key_that_is_revoked_goes_on_with_the_new_one(
    generate: Generate, fake_server: FakeServer, rotate: Rotate
) -> None:
    job = running(generate, fake_server)
    rotate()
    Seen(job).until("stopped")
    magic("login --same-account")
    fake_server.task.say("success")
    assert generate() is job
    assert str(ended(job).status) == "done"
    assert fake_server.paid == 1


def test_an_expired_job_of_a_joined_key_is_asked_about_once_more(
    generate: Generate, fake_server: FakeServer, rotate: Rotate
) -> None:
    job = running(generate, fake_server)
    tasks = dict(fake_server.tasks)
    fake_server.tasks.clear()
    assert isinstance(ended(job).error, hh.JobExpired)
    fake_server.tasks.update(tasks)
    fake_server.task.say("success")
    rotate()
    magic("login --same-account")
    taken = ended(generate())
    assert (taken.id, str(taken.status), fake_server.paid) == (job.id, "done", 1)


def test_with_several_keys_one_is_named(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, key in enumerate((KEY, NEW)):
        rotate(key)
        ended(generate(str(number)))
    rotate(THIRD)
    with pytest.raises(hh.HappyHorseError) as several:
        magic("login --same-account")
    line = str(several.value)
    assert line.startswith("more than one key may be meant; the others used here are ")
    assert f"{letters(NEW)}, last used 20" in line
    assert f"{letters(KEY)}, last used 20" in line
    assert f"--same-account {letters(NEW)}" in line
    with pytest.raises(hh.HappyHorseError, match=f"with key 123456.*; the others used here are {letters(NEW)}"):
        magic("login --same-account 123456")
    magic(f"login --same-account {letters(KEY)}")
    # Now one is left.
    magic("login --same-account")
    assert len(engine().ledger.keys_of(fake_server.origin, account_of(KEY).key.fingerprint)) == 3
    with pytest.raises(hh.HappyHorseError, match=r"no job in the ledger was made on .* with another key"):
        magic("login --same-account")
    capsys.readouterr()


def test_what_is_joined_to_a_joined_key_is_joined_too(
    generate: Generate, fake_server: FakeServer, rotate: Rotate
) -> None:
    jobs = []
    for number, key in enumerate((KEY, NEW, THIRD)):
        rotate(key)
        jobs.append(unknown(lambda prompt=str(number): generate(prompt), fake_server))
    rotate(NEW)
    magic(f"login --same-account {letters(KEY)}")
    rotate(THIRD)
    # The two are one account: there is nothing to choose.
    magic("login --same-account")
    assert [generate(str(number)).id for number in range(3)] == [job.id for job in jobs]
    assert fake_server.paid == 3


def test_keys_of_two_servers_are_never_joined(
    generate: Generate, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(generate())
    with FakeServer(video=fake_server.video, key=NEW) as elsewhere:
        monkeypatch.setenv("MODELLIX_BASE_URL", elsewhere.origin)
        monkeypatch.setenv("MODELLIX_API_KEY", NEW)
        for line in ("login --same-account", f"login --same-account {letters(KEY)}"):
            with pytest.raises(hh.HappyHorseError, match=elsewhere.origin):
                magic(line)
        with pytest.raises(hh.HappyHorseError, match=f"was used on {fake_server.origin}"):
            magic(f"login --same-account {letters(KEY)}")
        # And what one server has made is no video of the other's.
        assert str(ended(generate()).status) == "done"
        assert elsewhere.paid == 1
        engine().wake()


def test_a_key_that_is_typed_in_place_of_its_fingerprint_is_not_repeated(generate: Generate) -> None:
    ended(generate())
    with pytest.raises(hh.HappyHorseError, match="takes no key") as refused:
        magic(f"login --same-account {NEW}")
    assert NEW not in str(refused.value)


def test_takes_of_which_the_old_key_has_made_some(generate: Generate, fake_server: FakeServer, rotate: Rotate) -> None:
    two: Any = generate(takes=2)
    for job in two:
        ended(job)
    rotate()
    three: Any = generate(takes=3)
    for job in three:
        ended(job)
    assert [job.id for job in three][:2] == [job.id for job in two]
    assert fake_server.paid == 3


def test_two_kernels_with_two_keys_that_ask_at_once_buy_one(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, home: Path
) -> None:
    # The other kernel writes its intent down after this one has looked, and before it writes its own.
    fake_server.words = ("processing",)
    run = engine()
    other = running(generate, fake_server)
    connection = sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)
    [[request]] = connection.execute("SELECT request FROM jobs").fetchall()
    rotate()
    one = run.ledger.get(other.id)
    assert one is not None
    mine = account_of(NEW).key.fingerprint
    with pytest.raises(hh.InvalidRequest, match="under another key"):
        run.ledger.add_all([_like(one, mine, "b" * 64), _like(one, mine, request)], reuse=True)
    # All or none.
    assert connection.execute("SELECT count(*) FROM jobs").fetchall() == [(1,)]
    connection.close()
    fake_server.task.say("success")


def _like(record: Record, account: str, request: str) -> Record:
    return replace(record, account=account, request=request, snapshot=replace(record.snapshot, id=request[:12]))


def test_joined_keys_share_the_places_of_their_account(
    generate: Generate, fake_server: FakeServer, rotate: Rotate, settings: Settings
) -> None:
    settings.max_concurrent = 1
    first = running(generate, fake_server)
    rotate()
    # In one kernel: a second key is typed in while a job of the first one runs.
    with pytest.raises(hh.InvalidRequest, match="under another key"):
        generate()
    magic("login --same-account")
    second = generate("second")
    Seen(second).wait(lambda snapshot: snapshot.position == 1)
    assert fake_server.paid == 1
    rotate(KEY)
    fake_server.task.say("success")
    ended(first)
    rotate(NEW)
    Seen(second).wait(lambda snapshot: snapshot.task_id is not None)
    fake_server.task.say("success")
    assert str(ended(second).status) == "done"


def test_a_kernel_says_of_a_joined_key_s_jobs_too_that_they_wait(
    generate: Generate,
    fake_server: FakeServer,
    rotate: Rotate,
    folder: Path,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_server.words = ("processing",)
    script = Program(GENERATE + "job.result()", folder, str(photo))
    fake_server.wait_for("poll")
    script.kill()
    rotate()
    load(InteractiveShell())
    assert capsys.readouterr().out == ""
    magic("login --same-account")
    load(InteractiveShell())
    assert "1 video was not finished when a kernel ended: %happyhorse resume goes on." in capsys.readouterr().out
