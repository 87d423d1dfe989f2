"""What Tab and ? show, and how a wrong cell is refused."""

from __future__ import annotations

import pytest

from support.fake_server import FakeServer
from support.kernel import Kernel


@pytest.mark.every_kernel
def test_tab_completes_options_values_and_subcommands(lasting_kernel: Kernel) -> None:
    def offered(code: str, position: int | None = None) -> set[str]:
        return {match.strip() for match in lasting_kernel.complete(code, position)}

    assert "--duration" in offered("%%happyhorse rocket.jpg --dur")
    assert {"720P", "1080P"} <= offered("%%happyhorse rocket.jpg --resolution ")
    assert offered("%%happyhorse rocket.jpg --resolution 72") == {"720P"}
    assert {"jobs", "show", "wait", "stop", "doctor", "sandbox", "help", "generate"} <= offered("%happyhorse ")
    assert offered("%happyhorse jo") == {"jobs"}
    # Also while the prompt is already there, as it is when a user comes back to the first line.
    first = "%%happyhorse rocket.jpg --se"
    assert "--seed" in offered(f"{first}\nThe rocket lifts off", len(first))


@pytest.mark.every_kernel
def test_question_mark_shows_every_option(lasting_kernel: Kernel) -> None:
    shown = lasting_kernel.inspect("%%happyhorse")
    for option in ("--duration", "--resolution", "--seed", "--name", "--wait", "--save", "--again", "--fit", "--model"):
        assert option in shown


@pytest.mark.every_kernel
def test_h_shows_every_option_and_is_no_error(lasting_kernel: Kernel) -> None:
    cell = lasting_kernel.run("%happyhorse -h")
    assert cell.ok
    for option in ("--duration", "--resolution", "--seed", "generate", "jobs"):
        assert option in lasting_kernel.shown(cell)


REFUSED = {
    "duration": ("--duration 99", "duration 99", "3 to 15"),
    "resolution": ("--resolution 4K", "4K", "720P or 1080P"),
    "seed": ("--seed -1", "seed", "0"),
    "model": ("--model nosuch-1", "nosuch-1", "happyhorse-1.0-i2v"),
    "option": ("--lenght 5", "--lenght", "--"),
}


@pytest.mark.every_kernel
@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_option_is_refused_in_one_line(lasting_kernel: Kernel, idle_server: FakeServer, case: str) -> None:
    options, what, limit = REFUSED[case]
    cell = lasting_kernel.run(f"%%happyhorse rocket.jpg {options}\nThe rocket lifts off")
    assert not cell.ok
    [line] = cell.error
    assert what in line
    assert limit in line
    assert idle_server.requests == []


@pytest.mark.every_kernel
def test_a_missing_image_names_all_that_was_tried(lasting_kernel: Kernel, idle_server: FakeServer) -> None:
    cell = lasting_kernel.run("%%happyhorse nowhere.jpg\nThe rocket lifts off")
    [line] = cell.error
    assert "nowhere.jpg" in line
    for tried in ("URL", "file", "variable"):
        assert tried in line
    assert idle_server.requests == []


@pytest.mark.every_kernel
def test_a_prompt_that_would_be_cut_is_refused_and_says_where(lasting_kernel: Kernel, idle_server: FakeServer) -> None:
    cell = lasting_kernel.run("%%happyhorse rocket.jpg\n" + "a" * 5001)
    [line] = cell.error
    assert "5000" in line
    assert "--fit" in line
    assert idle_server.requests == []


def test_without_a_key_the_ways_to_give_one_are_named(new_kernel, fake_server: FakeServer) -> None:
    kernel: Kernel = new_kernel(key=None)
    kernel.run("%load_ext happyhorse_nb")
    cell = kernel.run("%%happyhorse rocket.jpg\nThe rocket lifts off")
    [line] = cell.error
    for way in ("MODELLIX_API_KEY", "%happyhorse login", "%happyhorse sandbox"):
        assert way in line
    assert fake_server.requests == []


@pytest.mark.every_kernel
def test_a_verbose_traceback_does_not_show_the_key(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("%xmode Verbose")
    kernel.run("import happyhorse_nb as hh\nlaunch = hh.generate('rocket.jpg', 'The rocket lifts off')")
    cell = kernel.run("launch.on_change(1 / 0)")
    # The fixture looks for the key in all that was said.
    assert cell.reply["ename"] == "ZeroDivisionError"


@pytest.mark.every_kernel
def test_names_in_braces_come_from_the_notebook(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("mood = 'golden hour'")
    kernel.run("%%happyhorse rocket.jpg\nThe rocket lifts off, {mood}, {unknown}")
    [request] = fake_server.wait_for("submit")
    assert request.json["prompt"] == "The rocket lifts off, golden hour, {unknown}"


@pytest.mark.every_kernel
def test_config_sets_the_defaults_of_the_options(kernel: Kernel, fake_server: FakeServer) -> None:
    listed = kernel.run("%config HappyHorse").printed
    for name in ("duration", "resolution", "budget", "folder", "embed_limit", "max_concurrent"):
        assert f"HappyHorse.{name}" in listed
    assert kernel.run("%config HappyHorse.duration = 7\n%config HappyHorse.resolution = '720P'").error == []
    assert kernel.run("%%happyhorse rocket.jpg\nThe rocket lifts off").error == []
    [paid] = fake_server.wait_for("submit")
    assert (paid.json["duration"], paid.json["resolution"]) == (7, "720P")


@pytest.mark.every_kernel
def test_config_takes_no_value_that_the_server_would_not(kernel: Kernel) -> None:
    cell = kernel.run("%config HappyHorse.duration = 99")
    assert "99" in kernel.shown(cell)
    assert kernel.run("from happyhorse_nb.settings.config import config\nconfig().duration").outputs == []


def test_a_budget_set_there_is_kept(kernel: Kernel, fake_server: FakeServer) -> None:
    # The fake server is on this machine, where nothing costs money; the setting itself is what is looked at.
    kernel.run("%config HappyHorse.budget = 2")
    assert kernel.run("from happyhorse_nb.settings.config import config\nconfig().budget").result == 2.0


def test_what_fit_did_is_shown(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("from PIL import Image\nImage.new('RGB', (200, 150), 'navy').save('tiny.png')")
    card = kernel.run("%%happyhorse tiny.png --fit\nA slow pan")
    kernel.wait(lambda: "Done" in kernel.shown(card), "the job ends")
    assert "scaled up from 200 x 150" in kernel.shown(card) or "First frame scaled up" in kernel.shown(card)


def test_a_cell_with_save_can_be_run_again(kernel: Kernel, fake_server: FakeServer) -> None:
    cell = "%%happyhorse rocket.jpg --save out.mp4 --wait\nThe rocket lifts off"
    assert kernel.run(cell).error == []
    again = kernel.run(cell)
    assert again.error == []
    assert "Already made" in kernel.shown(again)
    # Another name gets a copy, which costs nothing, however often the cell is run.
    assert kernel.run(cell.replace("out.mp4", "copy.mp4")).error == []
    assert kernel.run(cell.replace("out.mp4", "copy.mp4")).error == []
    assert kernel.run("import os; sorted(f for f in os.listdir() if f.endswith('.mp4'))").result == [
        "copy.mp4",
        "out.mp4",
    ]
    assert fake_server.paid == 1


def test_a_variable_stands_for_its_job_wherever_a_job_is_named(kernel: Kernel, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    kernel.run("%%happyhorse rocket.jpg --name launch\nThe rocket lifts off")
    fake_server.wait_for("poll")
    assert "launch" in kernel.complete("%happyhorse stop la")
    stopped = kernel.run("%happyhorse stop launch")
    assert "is no longer watched. The server makes the video all the same: resume fetches it." in kernel.shown(stopped)
    kernel.run("import happyhorse_nb as hh; hh.wait(launch)")
    fake_server.task.say("success")
    assert kernel.run("%happyhorse resume launch").error == []
    assert kernel.run("%happyhorse wait launch").error == []
    assert fake_server.paid == 1
    wrong = kernel.run("%happyhorse show launch[0]")
    assert "launch is one job, not takes" in " ".join(wrong.error)


@pytest.mark.every_kernel
def test_jobs_of_the_sandbox_go_on_when_it_is_started_again(kernel: Kernel, fake_server: FakeServer) -> None:
    if kernel.run("import av").error:
        # Without the sandbox's parts, as where a user has not asked for them.
        assert "pip install" in " ".join(kernel.run("%happyhorse sandbox").error)
        return
    kernel.run("%happyhorse sandbox --seconds 3")
    kernel.run("%%happyhorse rocket.jpg --name launch --duration 3\nThe rocket lifts off")
    kernel.run("import time\nwhile not launch.task_id: time.sleep(0.01)")
    off = kernel.run("%happyhorse sandbox --off")
    assert "1 job of the sandbox is not finished" in kernel.shown(off)
    kernel.run("%happyhorse sandbox --seconds 1")
    assert kernel.run("%happyhorse wait launch --timeout 60").error == []
    assert fake_server.paid == 0
    # Where somebody else has its port meanwhile, it takes another one.
    kernel.run("from happyhorse_nb.settings import current_account, process\nport = process.get('sandbox port')")
    kernel.run("%happyhorse sandbox --off")
    kernel.run("import socket; other = socket.create_server(('127.0.0.1', port))")
    assert kernel.run("%happyhorse sandbox --seconds 1").error == []
    assert kernel.run("current_account().origin.endswith(str(port))").result is False


def test_a_name_in_braces_that_is_no_variable_is_said_before_it_is_paid_for(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    kernel.run("subject = 'A red rocket'")
    cell = kernel.run("%%happyhorse rocket.jpg --wait\n{subject} and {undefined}, {undefined} {subject.upper} {a: b}")
    assert "The prompt has {subject.upper} as it stands: only a bare {name} is replaced." in kernel.shown(cell)
    assert "{a: b} as" not in kernel.shown(cell)
    assert kernel.shown(cell).count("There is no variable undefined, so the prompt has {undefined} as it stands.") == 1
    assert "{subject}" not in kernel.shown(cell)


def test_a_cell_hides_nothing_that_has_a_meaning(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh")
    for name in ("print", "hh"):
        refused = kernel.run(f"%%happyhorse rocket.jpg --name {name}\nThe rocket lifts off")
        assert f"--name {name} would hide" in " ".join(refused.error)
    assert fake_server.paid == 0


@pytest.mark.every_kernel
def test_tab_offers_our_words_alone(new_kernel, python) -> None:
    kernel: Kernel = new_kernel()
    kernel.run("%load_ext happyhorse_nb")
    if kernel.run("import IPython; IPython.version_info[0]").result < 8:
        # There a hook is all there is, and others' offers stand beside ours.
        assert "--duration" in kernel.complete("%%happyhorse rocket.jpg --")
        return
    offered = kernel.complete("%%happyhorse rocket.jpg --")
    assert offered[0].startswith("--")
    assert set(offered) == {
        *("--help", "--model", "--resolution", "--ratio", "--duration", "--audio", "--seed", "--name"),
        *("--ref", "--edit", "--unlisted"),
        *("--wait", "--no-wait", "--save", "--again", "--fit", "--takes", "--yes"),
    }
    assert kernel.complete("%%happyhorse rocket.jpg --resolution ") == ["720P", "1080P"]
    assert kernel.complete("%%happyhorse rocket.jpg --duration ") == ["5"]


def test_a_job_is_removed_and_brought_back(kernel: Kernel) -> None:
    kernel.run("%load_ext happyhorse_nb")
    made = kernel.run(
        "%%happyhorse rocket.jpg --seed 4711 --name gone --wait\nA rocket that nobody wants to see any more"
    )
    assert made.ok, made.error
    name = kernel.run("print(gone.snapshot.short_id)").printed.strip()
    said = kernel.run("%happyhorse remove gone").printed
    assert said == f"{name} is left out of tables and gallery from now on: %happyhorse restore {name} undoes that.\n"
    assert "nobody wants to see" not in kernel.shown(kernel.run("%happyhorse jobs"))
    assert "nobody wants to see" in kernel.shown(kernel.run("%happyhorse jobs --removed"))
    assert kernel.run("%happyhorse restore").printed == f"{name} is back in tables and gallery.\n"
    assert "nobody wants to see" in kernel.shown(kernel.run("%happyhorse jobs"))
    assert kernel.run("%happyhorse restore").printed == "No jobs are removed.\n"
