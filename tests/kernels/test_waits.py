"""A wait in a notebook says what it waits for, in one line of the cell that waits."""

from __future__ import annotations

import re

import pytest

from kernels.conftest import LOAD, NewKernel
from support.fake_server import FakeServer
from support.kernel import Cell, Kernel

SETUP = f"""\
{LOAD}
import happyhorse_nb as hh
def make(*prompts): return [hh.generate('rocket.jpg', prompt) for prompt in prompts]
"""


@pytest.fixture
def kernel(new_kernel: NewKernel, fake_server: FakeServer) -> Kernel:
    fake_server.words = ("processing",)
    kernel = new_kernel()
    assert kernel.run(SETUP).error == []
    return kernel


def lines(kernel: Kernel, cell: Cell) -> list[str]:
    """The outputs of a cell as plain text."""
    return [bundle["text/plain"] for bundle in kernel.data(cell) if "text/plain" in bundle]


def end(server: FakeServer) -> None:
    for task in server.tasks.values():
        task.say("success")


def waits(kernel: Kernel, code: str, words: str, *, cell_id: str = "a cell of JupyterLab") -> Cell:
    """A cell that is seen to wait."""
    cell = kernel.start(code, cell_id=cell_id)
    kernel.wait(lambda: any(re.search(words, line) for line in lines(kernel, cell)), f"{code} says {words}")
    return cell


ONE = r"Waiting for a video: generating, \d+ s.*; Stop ends the wait, not the video\."


@pytest.mark.every_kernel
@pytest.mark.parametrize("wait", ["job.result();", "await job;", "hh.wait()", "hh.run(job);"])
def test_a_wait_for_one_video_says_how_far_it_is_and_then_what_came_of_it(
    kernel: Kernel, fake_server: FakeServer, wait: str
) -> None:
    kernel.run("[job] = make('The rocket lifts off')")
    cell = waits(kernel, wait, ONE)
    # It moves.
    first = lines(kernel, cell)
    kernel.wait(lambda: lines(kernel, cell) != first, "another second")
    end(fake_server)
    assert cell.wait().ok
    [line] = lines(kernel, cell)
    assert re.fullmatch(r"Done in .*, \$0\.70 of play money \(\w+\): .*\.mp4", line)


@pytest.mark.parametrize("wait", ["hh.wait()", "import asyncio\nawait asyncio.gather(*jobs);"])
def test_a_wait_for_several_is_one_line(kernel: Kernel, fake_server: FakeServer, wait: str) -> None:
    kernel.run("%config HappyHorse.max_concurrent = 2\njobs = make('one', 'two', 'three')")
    fake_server.wait_for("submit", 2)
    cell = waits(kernel, wait, "Waiting for 3 videos: 2 running, 1 queued.*; Stop ends the wait, not the videos")
    fake_server.words = ("success",)
    end(fake_server)
    assert cell.wait().ok
    [line] = lines(kernel, cell)
    assert re.fullmatch(r"Waited for 3 videos: 3 done, \$[\d.]+ of play money\.", line)


def test_a_loop_has_one_line_and_not_one_for_each_video(kernel: Kernel, fake_server: FakeServer) -> None:
    cell = kernel.start("for n in ('one', 'two', 'three'): make(n)[0].result()")

    def waiting() -> bool:
        return any("Waiting for a video" in line for line in lines(kernel, cell))

    for count in (1, 2, 3):
        fake_server.wait_for("submit", count)
        kernel.wait(waiting, "it waits")
        end(fake_server)
        # Else the next round would take this one's words for its own.
        kernel.wait(lambda: not waiting(), "it waits no more")
    assert cell.wait().ok
    [line] = lines(kernel, cell)
    assert line.startswith("Waited for 3 videos: 3 done")


def test_the_magic_says_at_the_end_where_the_videos_are(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("jobs = make('one', 'two')")
    cell = waits(kernel, "%happyhorse wait", "Waiting for 2 videos")
    end(fake_server)
    assert cell.wait().ok
    # The line makes room for the last word.
    assert lines(kernel, cell) == [""]
    [head, *paths] = cell.printed.splitlines()
    assert head == "2 videos: 2 done."
    assert all(re.fullmatch(r"Done in .*, \$0\.70 of play money \(\w+\): .*\.mp4", path) for path in paths)
    assert len(paths) == 2


def test_a_wait_below_its_own_card_says_nothing_more(kernel: Kernel, fake_server: FakeServer) -> None:
    cell = kernel.start("%%happyhorse rocket.jpg --wait\nThe rocket lifts off")
    kernel.wait(lambda: re.search(r"Generating \W+ \d*[3-9] s", kernel.shown(cell)), "three seconds have passed")
    assert "Waiting for" not in kernel.shown(cell)
    end(fake_server)
    assert cell.wait().ok


def test_a_wait_that_is_over_at_once_shows_nothing(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    kernel.run("[job] = make('The rocket lifts off')")
    kernel.run("job.result();")
    # Both before and after its end.
    cell = kernel.run("job.result(); hh.wait(job); hh.wait()")
    assert (cell.ok, cell.outputs) == (True, [])


@pytest.mark.every_kernel
def test_an_interrupted_wait_leaves_no_line_that_waits(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("jobs = make('one', 'two')")
    cell = waits(kernel, "hh.wait()", "Waiting for 2 videos")
    kernel.interrupt()
    assert not cell.wait().ok
    [line] = lines(kernel, cell)
    assert line == "Waited for 2 videos: 2 running, about $2.29 of play money."
    # And the next cell has a line of its own.
    other = waits(kernel, "hh.wait()", "Waiting for 2 videos")
    kernel.interrupt()
    assert not other.wait().ok
    assert kernel.run("hh.wait(timeout=0.1)").reply["ename"] == "WaitTimeout"
    assert lines(kernel, cell) == [line]


@pytest.mark.every_kernel
def test_waits_on_threads_of_the_user_show_nothing_and_end(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("jobs = make('one', 'two')")
    kernel.run("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor()")
    cell = kernel.start("list(pool.map(lambda job: job.result().path.name, jobs)) and print('over')")
    polled = len(fake_server.of("poll"))
    fake_server.wait_for("poll", polled + 3)
    end(fake_server)
    assert cell.wait().printed == "over\n"
    assert len(cell.outputs) == 1


@pytest.mark.every_kernel
def test_a_task_that_awaits_after_its_cell_does_not_land_in_another(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("[job] = make('The rocket lifts off')")
    begun = kernel.run("import asyncio\ntask = asyncio.ensure_future(job._arrive())\nawait asyncio.sleep(0)")
    other = kernel.run("await asyncio.sleep(4)")
    assert other.outputs == []
    end(fake_server)
    assert kernel.run("await task;").ok
    assert begun.ok


@pytest.mark.every_kernel
def test_a_wait_within_a_callback_of_a_wait_ends(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("a, b = make('one', 'two')")
    kernel.run("undo = a.on_change(lambda now: print(b.result().path.exists()) if now.status.ended else None)")
    cell = waits(kernel, "a.result();", "Waiting for a video")
    end(fake_server)
    assert cell.wait().ok
    assert cell.printed == "True\n"


@pytest.mark.every_kernel
def test_a_list_of_jobs_is_a_table_that_moves(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("jobs = make('The rocket lifts off', 'Steam rises')")
    cell = kernel.run("jobs")
    kernel.wait(lambda: kernel.shown(cell).count("Generating") == 2, "both are generated")
    end(fake_server)
    kernel.wait(lambda: kernel.shown(cell).count("Done") == 2, "both are done")
    # What is saved is no widget.
    [bundle] = kernel.data(cell)
    assert set(bundle) == {"text/html", "text/plain"}
    assert "The rocket lifts off" in bundle["text/plain"]
    # Ended ones are such a table at once, and takes stand among jobs.
    [bundle] = kernel.data(kernel.run("(jobs[0], hh.jobs()[1])"))
    assert bundle["text/html"].count("<tr") == 3


@pytest.mark.every_kernel
def test_every_other_list_is_what_it_was(kernel: Kernel) -> None:
    kernel.run("[job] = make('The rocket lifts off')")
    for code, shown in (("[1, 2]", "[1, 2]"), ("[]", "[]"), ("(1,)", "(1,)"), ("[hh, 3][1:]", "[3]")):
        assert kernel.data(kernel.run(code))[0]["text/plain"] == shown
    assert "<Job" in kernel.data(kernel.run("[job, 1]"))[0]["text/plain"]
    kernel.run("%unload_ext happyhorse_nb")
    assert "<Job" in kernel.data(kernel.run("[job]"))[0]["text/plain"]


def test_a_front_end_that_shows_no_changes_is_told_the_end(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("success",)
    # As jupyter console is: it names no cell, and can ask its user.
    cell = kernel.run("%%happyhorse rocket.jpg --wait\nThe rocket lifts off")
    assert re.fullmatch(r"Done in .*\.mp4\n", cell.printed)


def test_where_there_is_no_button_a_wait_names_the_keys_that_end_it(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("[job] = make('The rocket lifts off')")
    cell = waits(kernel, "hh.wait()", "Ctrl-C ends the wait, not the video", cell_id="")
    end(fake_server)
    assert cell.wait().ok


def test_with_notify_a_cell_asks_for_leave_and_takes_its_script_away(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("%config HappyHorse.notify = True")
    cell = kernel.run("%%happyhorse rocket.jpg\nThe rocket lifts off")
    assert "Notification.requestPermission()" in str(kernel.data(cell))
    kernel.wait(lambda: "Generating" in kernel.shown(cell), "it is accepted")
    end(fake_server)
    kernel.wait(lambda: "Done" in kernel.shown(cell), "it is done")
    kernel.wait(lambda: "Notification" not in str(kernel.data(cell)), "a quick one needs no notice")
