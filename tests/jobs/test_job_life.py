"""A job from Python: it comes back at once, can be awaited, waited for, listened to, stopped, shown."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Snapshot
from happyhorse_nb.engine import engine
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import Settings
from jobs.conftest import Generate
from jobs.seen import DEADLINE, Seen, ended
from support.fake_server import Answer, Do, FakeServer, Say


def test_generate_is_back_before_the_server_has_accepted(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        job = generate()
        assert (job.task_id, job.done(), job.path) == (None, False, None)
        fake_server.wait_for("submit")
        seen = Seen(job)
        seen.until("submitting")
        # On disk before the request left.
        row = engine().ledger.get(job.id)
        assert row is not None
        assert str(row.snapshot.status) == "submitting"
        assert fake_server.tasks == {}
    video = job.result(timeout=DEADLINE)
    assert job.task_id == "task-fake0001"
    assert job.path is not None
    assert job.path.is_absolute()
    assert video.path == job.path
    assert seen.words[-4:] == ["pending", "processing", "downloading", "done"]


def test_what_a_job_is_when_it_is_done(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate(seed=7, duration=3))
    assert job.done()
    assert str(job.status) == "done"
    assert job.error is None
    assert job.cost is not None
    assert (float(job.cost), job.cost.billed) == (0.7, True)
    assert job.snapshot.took == 61.0
    assert (job.snapshot.width, job.snapshot.height) == (320, 214)
    assert job.snapshot.progress.fraction == 1.0
    assert job.snapshot.video_url is None
    assert repr(job) == f"<Job {job.id[:8]}: done>"
    row = engine().ledger.get(job.id)
    assert row is not None
    assert (row.snapshot.path, row.snapshot.size) == (job.path, job.path and job.path.stat().st_size)
    assert [found.id for found in hh.jobs()] == [job.id]


async def test_a_job_is_awaited_in_a_program(generate: Generate, fake_server: FakeServer) -> None:
    videos = await asyncio.gather(*[generate(prompt) for prompt in ("one", "two", "three")])
    assert len({video.path for video in videos}) == 3
    assert fake_server.paid == 3


async def test_a_waiter_that_is_cancelled_leaves_the_job_alone(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(job, 0.05)
    assert not job.done()
    await fake_server.seen("poll")
    fake_server.task.say("success")
    assert (await job).path == job.path


def test_a_wait_that_is_over_leaves_the_job_alone(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    job = generate()
    with pytest.raises(hh.WaitTimeout, match="still runs") as caught:
        job.result(timeout=0)
    assert isinstance(caught.value, TimeoutError)
    fake_server.wait_for("poll")
    fake_server.task.say("success")
    assert job.result(timeout=DEADLINE).path == job.path


def test_several_threads_wait_for_one_job(generate: Generate, fake_server: FakeServer) -> None:
    results: list[object] = []
    with fake_server.held("submit"):
        job = generate()
        threads = [threading.Thread(target=lambda: results.append(job.result(DEADLINE).path)) for _ in range(3)]
        for thread in threads:
            thread.start()
        fake_server.wait_for("submit")
    for thread in threads:
        thread.join(DEADLINE)
    assert results == [job.path] * 3


def test_callbacks_hear_every_state_in_order_and_the_end_once(generate: Generate, fake_server: FakeServer) -> None:
    heard: list[str] = []
    over = threading.Event()

    def listen(snapshot: Snapshot) -> None:
        heard.append(str(snapshot.status))
        if snapshot.status.ended:
            over.set()

    with fake_server.held("submit"):
        job = generate()
        job.on_change(listen)
        fake_server.wait_for("submit")
    assert over.wait(DEADLINE)
    ended(job)
    assert heard[-4:] == ["pending", "processing", "downloading", "done"]
    assert heard.count("done") == 1


def test_a_callback_of_an_ended_job_is_called_at_once_and_can_be_taken_back(
    generate: Generate, fake_server: FakeServer
) -> None:
    job = ended(generate())
    heard: list[Snapshot] = []
    told = threading.Event()

    def listen(snapshot: Snapshot) -> None:
        heard.append(snapshot)
        told.set()

    job.on_change(listen)
    assert told.wait(DEADLINE)
    assert [str(snapshot.status) for snapshot in heard] == ["done"]
    with fake_server.held("submit"):
        other = generate("another")
        undo = other.on_change(heard.append)
        undo()
        undo()
        fake_server.wait_for("submit")
    ended(other)
    assert [snapshot.id for snapshot in heard if snapshot.status.ended] == [job.id]


def test_a_callback_that_raises_harms_nothing_and_is_noted(generate: Generate, fake_server: FakeServer) -> None:
    def bad(snapshot: Snapshot) -> None:
        # With half a character, as of the name of a broken file.
        raise LookupError("of mine" + os.fsdecode(b"\xe9"))

    with fake_server.held("submit"):
        job = generate()
        job.on_change(bad)
        job.subscribe(bad)
        seen = Seen(job)
        fake_server.wait_for("submit")
    assert str(ended(job).status) == "done"
    seen.wait(lambda snapshot: "callback raised LookupError: of mine" in job.snapshot.note)
    engine().ledger.flush()
    assert str(hh.jobs()[0].status) == "done"
    assert not engine().ledger.owes
    assert str(job.status) == "done"


def test_a_callback_may_wait_for_another_job(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    paths: list[Path | None] = []
    over = threading.Event()

    def next_one(snapshot: Snapshot) -> None:
        if snapshot.status.ended:
            paths.append(generate("the next one").result(DEADLINE).path)
            over.set()

    generate().on_change(next_one)
    assert over.wait(DEADLINE)
    assert paths[0] is not None


# Stopping


def test_a_stop_in_the_queue_sends_nothing(generate: Generate, fake_server: FakeServer, settings: Settings) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    first, second, third = (Seen(generate(prompt)) for prompt in ("one", "two", "three"))
    third.wait(lambda snapshot: snapshot.position == 2)
    second.job.stop()
    second.until("cancelled")
    assert isinstance(second.job.error, hh.JobCancelled)
    assert "nothing was sent" in str(second.job.error)
    third.wait(lambda snapshot: snapshot.position == 1)
    assert fake_server.paid == 1
    fake_server.task.say("success")
    first.until("done")
    fake_server.wait_for("submit", 2)
    third.job.stop()
    third.until("stopped")
    assert [task.payload["prompt"] for task in fake_server.tasks.values()] == ["one", "three"]


def test_a_stop_right_after_generate_is_not_lost(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    for number in range(5):
        job = generate(str(number))
        job.stop()
        job.stop()
        assert str(ended(job).status) in ("cancelled", "stopped")
        assert (job.task_id is None) == (str(job.status) == "cancelled")
    assert fake_server.paid == len(fake_server.tasks)


def test_a_stop_while_the_server_thinks_is_obeyed_and_what_it_says_late_is_noted(
    generate: Generate, fake_server: FakeServer
) -> None:
    with fake_server.held("submit"):
        seen = Seen(generate())
        fake_server.wait_for("submit")
        seen.job.stop()
        unknown = seen.until("unknown")
        assert unknown.message.startswith("Stopped, as you asked, before the server had answered. It may have been")
        assert 'hh.resume("TASK-ID", ' in str(seen.job.error)
        row = engine().ledger.get(seen.job.id)
        assert row is not None
        assert str(row.snapshot.status) == "unknown"
        # It may be paid for, so nothing is bought by itself.
        assert generate().id == seen.job.id
    seen.until("stopped")
    row = engine().ledger.get(seen.job.id)
    assert row is not None
    assert (str(row.snapshot.status), row.snapshot.task_id) == ("stopped", "task-fake0001")
    [resumed] = hh.resume()
    assert str(ended(resumed).status) == "done"
    assert (fake_server.paid, resumed.id) == (1, seen.job.id)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (Say(402), "refused"),
        (Say(429), "refused"),
        (Do(edit=lambda body: body["data"].update(status="failed")), "failed"),
        (Do(edit=lambda body: body.update(code=500, message="Busy")), "stopped"),
    ],
)
def test_a_late_refusal_is_noted_too(generate: Generate, fake_server: FakeServer, answer: Answer, end: str) -> None:
    fake_server.script("submit", answer)
    with fake_server.held("submit"):
        seen = Seen(generate())
        fake_server.wait_for("submit")
        seen.job.stop()
        seen.until("unknown")
    seen.until(end)
    row = engine().ledger.get(seen.job.id)
    assert row is not None
    assert (str(row.snapshot.status), row.snapshot.task_id is None) == (end, end == "refused")


def test_a_late_answer_changes_nothing_that_the_user_has_settled(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        seen = Seen(generate())
        fake_server.wait_for("submit")
        seen.job.stop()
        seen.until("unknown")
        # As somebody who has looked the task up.
        engine().ledger.update(replace(seen.job.snapshot, status=hh.Status.STOPPED, task_id="task-mine"))
    generate("the next one").result(DEADLINE)
    row = engine().ledger.get(seen.job.id)
    assert row is not None
    assert row.snapshot.task_id == "task-mine"


def test_a_stop_while_submitting_waits_for_the_outcome(generate: Generate, fake_server: FakeServer) -> None:
    with fake_server.held("submit"):
        job = generate()
        seen = Seen(job)
        fake_server.wait_for("submit")
        job.stop()
    seen.until("stopped")
    assert job.task_id == "task-fake0001"
    row = engine().ledger.get(job.id)
    assert row is not None
    assert (str(row.snapshot.status), row.snapshot.task_id) == ("stopped", "task-fake0001")
    assert "as you asked; the task still runs" in str(job.error)


@pytest.mark.parametrize("kind", ["poll", "file"])
def test_a_stop_while_watching_or_downloading(generate: Generate, fake_server: FakeServer, kind: str) -> None:
    fake_server.words = ("success",)
    with fake_server.held("poll" if kind == "poll" else "file"):
        job = generate()
        fake_server.wait_for("poll" if kind == "poll" else "file")
        job.stop()
        ended(job)
        assert str(job.status) == "stopped"
    [resumed] = hh.resume()
    assert str(ended(resumed).status) == "done"
    assert resumed.id == job.id
    assert fake_server.paid == 1


def test_a_stop_while_the_server_says_to_wait(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.script("submit", Say(429, headers={"Retry-After": "3000"}))
    seen = Seen(generate())
    waiting = seen.wait(lambda snapshot: "sent again in 3000 s" in snapshot.message)
    assert "nothing was charged" in waiting.message
    seen.job.stop()
    seen.until("cancelled")
    assert fake_server.tasks == {}


def test_a_stop_of_an_ended_job_changes_nothing(generate: Generate, fake_server: FakeServer) -> None:
    job = ended(generate())
    job.stop()
    assert str(ended(generate("another")).status) == "done"
    assert str(job.status) == "done"


# The queue


def test_no_more_run_at_once_than_the_account_allows_and_in_order(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    fake_server.words = ("processing",)
    jobs = [Seen(generate(str(number))) for number in range(4)]
    jobs[2].wait(lambda snapshot: snapshot.position == 1)
    jobs[3].wait(lambda snapshot: snapshot.position == 2)
    fake_server.wait_for("submit", 2)
    assert fake_server.paid == 2
    jobs[0].wait(lambda snapshot: snapshot.task_id)
    fake_server.tasks[jobs[0].job.task_id or ""].say("failed")
    jobs[2].wait(lambda snapshot: snapshot.task_id)
    jobs[3].wait(lambda snapshot: snapshot.position == 1)
    assert fake_server.paid == 3
    # A raised limit counts at once.
    settings.max_concurrent = 4
    jobs[3].wait(lambda snapshot: snapshot.task_id)
    assert [request.json["prompt"] for request in fake_server.of("submit")] in (
        ["0", "1", "2", "3"],
        ["1", "0", "2", "3"],
    )
    for seen in jobs[1:]:
        seen.job.stop()
        seen.until("stopped")


def test_a_place_is_free_while_the_file_comes_down(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("success",)
    with fake_server.held("file"):
        first, second = generate("one"), generate("two")
        fake_server.wait_for("file", 2)
        assert {str(first.status), str(second.status)} == {"downloading"}
    assert {str(ended(job).status) for job in (first, second)} == {"done"}


# Where it goes


def test_save_names_the_file(generate: Generate, fake_server: FakeServer, tmp_path: Path) -> None:
    job = ended(generate(save=tmp_path / "mine.mp4"))
    assert job.path == tmp_path / "mine.mp4"
    for wrong in (tmp_path / "mine.mp4", tmp_path / "mine.avi", tmp_path / "nowhere" / "mine.mp4"):
        with pytest.raises(hh.InvalidRequest, match="save "):
            generate("another", save=wrong)
    assert fake_server.paid == 1


def test_two_jobs_with_one_name_are_both_kept(generate: Generate, fake_server: FakeServer, tmp_path: Path) -> None:
    with fake_server.held("file"):
        jobs = [generate(prompt, save=tmp_path / "mine.mp4") for prompt in ("one", "two")]
        fake_server.wait_for("file", 2)
    assert {ended(job).path for job in jobs} == {tmp_path / "mine.mp4", tmp_path / "mine (2).mp4"}


@pytest.mark.parametrize("ids", ["task-20261122-{:06d}", "01936f2a-7c4e-7000-8000-{:012d}"], ids=["date", "UUIDv7"])
def test_videos_whose_tasks_ids_begin_alike_are_each_fetched_once(
    generate: Generate, fake_server: FakeServer, settings: Settings, videos: Callable[[], list[str]], ids: str
) -> None:
    settings.max_concurrent = 6
    fake_server.ids = ids
    fake_server.words = ("success",)
    with fake_server.held("file"):
        jobs = [generate("The same words", again=True) for _ in range(6)]
        fake_server.wait_for("file", 6)
    assert {str(ended(job).status) for job in jobs} == {"done"}
    assert len({job.path for job in jobs}) == len(videos()) == len(fake_server.of("file")) == 6
    # Each is named so that a command finds it, by what is in its file's name too.
    assert [hh.find(job.path.stem.split()[-1]) for job in jobs if job.path] == jobs


def test_a_name_that_is_taken_at_the_last_moment_costs_no_second_fetch(
    generate: Generate, fake_server: FakeServer, tmp_path: Path
) -> None:
    fake_server.words = ("success",)
    with fake_server.held("file"):
        job = generate(save=tmp_path / "mine.mp4")
        fake_server.wait_for("file")
        for number in range(1, 12):
            (tmp_path / ("mine.mp4" if number == 1 else f"mine ({number}).mp4")).write_text("of another program")
    assert ended(job).path == tmp_path / "mine (12).mp4"
    assert len(fake_server.of("file")) == 1


def test_a_file_of_that_name_is_never_written_over(generate: Generate, fake_server: FakeServer, folder: Path) -> None:
    with fake_server.held("file"):
        job = generate("p")
        fake_server.wait_for("file")
        row = engine().ledger.get(job.id)
        assert row is not None
        from happyhorse_nb.settings import video_name

        taken = folder / video_name(job.snapshot.created, "p", job.id)
        taken.write_text("mine")
    assert ended(job).path == taken.with_name(f"{taken.stem} (2).mp4")
    assert taken.read_text() == "mine"


def test_a_prompt_makes_a_name_and_never_a_path(generate: Generate, folder: Path) -> None:
    job = ended(generate("../../etc/passwd\x00 <b>火箭</b> " + "火" * 200))
    assert job.path is not None
    assert job.path.parent == folder
    assert job.path.name.endswith(f"etc-passwd-b-火箭 {job.id[:8]}.mp4")


# What it shows


def test_it_shows_itself_as_one_line_outside_of_a_notebook(
    generate: Generate, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ended(generate())
    job._ipython_display_()
    out = capsys.readouterr()
    assert out.out.count("\n") == 1
    assert job.id[:8] in out.out
    assert str(job.path and job.path.name) in out.out
    assert out.err == ""


def test_after_a_sleep_of_the_machine_jobs_are_asked_about_at_once(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("processing", "success")
    fake_server.script("poll", Say(429, headers={"Retry-After": "3000"}))
    seen = Seen(generate())
    fake_server.wait_for("poll")
    # Until it has gone to rest for those 50 minutes, a wake is nothing.
    while not seen.job.done():
        engine().wake()
        seen.wait(lambda snapshot: True)
        threading.Event().wait(0.01)
    assert str(seen.job.status) == "done"


def test_one_thread_for_all(generate: Generate, fake_server: FakeServer) -> None:
    for prompt in ("one", "two"):
        ended(generate(prompt))
    assert [thread.name for thread in threading.enumerate()].count("happyhorse_nb") == 1
    assert process.get("loop") is not None


def test_a_slow_server_and_a_quick_one_do_not_wait_for_each_other(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    # As slow as the whole test at least.
    fake_server.script("poll", Do(delay=600.0))
    slow = generate("slow")
    fake_server.wait_for("poll")
    assert str(ended(generate("quick")).status) == "done"
    assert not slow.done()
    slow.stop()
    assert str(ended(slow).status) == "stopped"


def test_a_callback_that_exits_ends_nobody_else_s_callbacks(generate: Generate) -> None:
    heard, job = threading.Event(), ended(generate())
    for problem in (SystemExit, KeyboardInterrupt):

        def leave(_: Snapshot, problem: type[BaseException] = problem) -> None:
            raise problem

        job.on_change(leave)
    job.on_change(lambda _: heard.set())
    assert heard.wait(DEADLINE)
    assert "callback raised KeyboardInterrupt" in job.snapshot.note


def test_what_callbacks_raise_does_not_grow_without_end(generate: Generate) -> None:
    job = ended(generate())
    heard = threading.Event()
    for number in range(20):

        def complain(_: Snapshot, number: int = number) -> None:
            raise ValueError(f"{number} " + "x" * 100_000)

        job.on_change(complain)
    job.on_change(lambda _: heard.set())
    assert heard.wait(DEADLINE)
    assert "ValueError: 0 x" in job.snapshot.note
    assert len(job.snapshot.note) <= 600


def test_a_queued_job_holds_a_few_kilobytes_and_one_picture_is_looked_at_once(
    generate: Generate, fake_server: FakeServer, settings: Settings
) -> None:
    settings.max_concurrent = 1
    fake_server.words = ("processing",)
    first = generate("first")
    fake_server.wait_for("submit")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    waiting = [generate(str(number)) for number in range(40)]
    Seen(waiting[-1]).wait(lambda snapshot: snapshot.position == 40)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / 40
    tracemalloc.stop()
    # The photo has 110 KB, its thumbnail 5 KB.
    assert each < 16 * 1024
    assert all(job.thumbnail is first.thumbnail for job in waiting)
    assert fake_server.paid == 1
    for job in [*waiting, first]:
        job.stop()
        ended(job)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("Rate limit exceeded", "has made too many requests"),
        ("Rate limit exceeded: too many requests", "has made too many requests"),
        ("Rate limit exceeded: 2 concurrent tasks", "runs as many tasks"),
        ("Too many concurrent tasks", "runs as many tasks"),
    ],
)
def test_a_429_is_understood_by_its_words(generate: Generate, fake_server: FakeServer, words: str, why: str) -> None:
    fake_server.script("submit", Say(429, {"code": 429, "message": words}, headers={"Retry-After": "2"}))
    seen = Seen(generate())
    assert why in seen.wait(lambda snapshot: snapshot.message).message
    ended(seen.job)


def test_a_second_request_for_one_submit_is_counted(generate: Generate, fake_server: FakeServer) -> None:
    fake_server.without_suffix = True
    ended(generate())
    [limits] = engine()._runner._limits.values()
    assert limits.limiter.sent == len(fake_server.requests) - len(fake_server.of("file"))


@pytest.mark.parametrize("slow", [0.0, 0.8], ids=["a quick server", "one that answers more slowly than is waited"])
def test_a_429_sends_no_storm(generate: Generate, fake_server: FakeServer, settings: Settings, slow: float) -> None:
    settings.max_backoff = 0.5
    settings.max_concurrent = 3
    fake_server.words = ("processing",)
    first = generate("first")
    Seen(first).until("processing")
    fake_server.script("submit", Say(429), *[Say(429, delay=slow * times) for times in (1, 2)], Say(429))
    others = [Seen(generate(str(number))) for number in range(6)]
    for seen in others[:2]:
        seen.wait(lambda snapshot: snapshot.task_id)
    # Each refusal was worth one more request. The oldest have the places; two that are on their way at once may pass
    # each other, and nobody else.
    assert fake_server.paid == 1 + 4 + 2
    assert {task.payload["prompt"] for task in fake_server.tasks.values()} == {"first", "0", "1"}
    others[2].wait(lambda snapshot: snapshot.position == 1)
    for seen in [*reversed(others), Seen(first)]:
        seen.job.stop()
        ended(seen.job)
    assert fake_server.paid == 1 + 4 + 2
