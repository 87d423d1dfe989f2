"""The form in a real kernel, driven by the traits that a front end sets."""

from __future__ import annotations

import html
from typing import Any

import pytest

from kernels.forms import Form
from support.fake_server import FakeServer
from support.kernel import Kernel


@pytest.fixture
def form(kernel: Kernel) -> Form:
    made = Form(kernel, "%happyhorse form rocket.jpg --duration 8 --resolution 720P")
    made.wait_ready()
    return made


@pytest.mark.every_kernel
def test_it_is_filled_in_and_says_what_is_expected(form: Form) -> None:
    assert form.find("Duration")[1]["value"] == 8
    assert "JPEG, 640 x 427, 3:2" in form.verdicts
    assert ": fine" in form.verdicts
    assert "1176 x 784" in form.verdicts
    assert "about $1.02" in form.verdicts
    form.set("Duration", value=10)
    form.wait("about $1.28")


def test_the_time_is_that_of_all_takes_and_only_two_are_made_at_once(kernel: Kernel) -> None:
    form = Form(kernel, "%happyhorse form rocket.jpg --duration 8 --takes 2")
    form.wait(" for 2, about 10 s")
    many = Form(kernel, "%happyhorse form rocket.jpg --duration 8 --takes 4")
    many.wait(" for 4, about 20 s")


def test_what_of_the_prompt_stays_as_it_stands_is_said_before_it_is_paid_for(form: Form) -> None:
    form.set("Prompt", value="It lifts off, {undefined}")
    form.wait("There is no variable undefined, so the prompt has {undefined} as it stands.")


@pytest.mark.every_kernel
def test_two_clicks_pay_once_and_another_is_made_on_purpose(form: Form, fake_server: FakeServer) -> None:
    form.set("Prompt", value="It lifts off")
    button, another = form.find("Generate")[0], form.find("Make another")[0]
    form.kernel.click(button)
    form.kernel.click(button)
    form.wait("Done")
    fake_server.quiet()
    assert fake_server.paid == 1
    assert form.words.count("Done") == 1
    form.wait_for_words(button, "Show it, nothing to pay")
    form.kernel.click(button)
    form.wait("Already made")
    assert fake_server.paid == 1
    form.wait_for_words(another, "Make another, about $1.02")
    form.kernel.click(another)
    form.kernel.click(another)
    fake_server.wait_for("submit", 2)
    form.kernel.wait(lambda: form.words.count("<video") or form.words.count("Done") >= 1, "the second one")
    fake_server.quiet()
    assert fake_server.paid == 2


@pytest.mark.every_kernel
def test_the_saved_notebook_holds_the_video_of_the_form(form: Form, small_mp4: bytes) -> None:
    form.click("Generate")
    form.wait("Done")
    form.kernel.wait(lambda: "data:video/mp4" in str(form.kernel.data(form.cell)[-1]), "the kept copy")
    assert "hh-saved" in form.kernel.data(form.cell)[-1]["text/html"]


def test_what_is_wrong_is_said_and_nothing_can_be_sent(form: Form) -> None:
    form.set("First frame", value="rocket.jp")
    form.wait("is not found")
    form.wait_not_ready()
    form.set("First frame", value="rocket.jpg")
    form.wait_ready()
    form.set("Prompt", value="a" * 4999 + "的" + "tail")
    form.wait("5 characters would be cut off, from here on: “的tail")
    form.wait_not_ready()
    form.click("Cut it there")
    form.wait_ready()
    assert form.find("Prompt")[1]["value"] == "a" * 4999


def test_an_image_outside_the_limits_is_made_to_fit(form: Form) -> None:
    form.kernel.run("from PIL import Image; small = Image.new('RGB', (200, 100), 'red')")
    form.set("First frame", value="small")
    form.wait("is 200 x 100 pixels; each side must be at least 300")
    form.wait("It can be made to fit: scaled up to 600 x 300")
    form.click("Make it fit")
    form.wait_ready()
    form.click("Copy as cell")
    form.kernel.wait(lambda: "--fit" in form.words + str(form.widgets), "the cell")


def test_what_was_typed_survives_but_for_arguments_that_changed(form: Form) -> None:
    form.set("Prompt", value="typed")
    form.set("File name", value="mine.mp4")
    form.wait("5 of 5000")
    again = Form(form.kernel, form.cell.code)
    assert again.find("Prompt")[1]["value"] == "typed"
    assert again.find("File name")[1]["value"] == "mine.mp4"
    other = Form(form.kernel, "%happyhorse form rocket.jpg --duration 8 --resolution 1080P")
    assert other.find("Prompt")[1]["value"] == ""


def test_a_job_is_edited_and_one_that_is_forgotten_says_so(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("%%happyhorse rocket.jpg --duration 8 --seed 7 --wait --name launch\nThe rocket lifts off")
    form = Form(kernel, "%happyhorse edit launch")
    form.wait_ready()
    assert form.find("Prompt")[1]["value"] == "The rocket lifts off"
    assert form.find("Duration")[1]["value"] == 8
    assert form.find("Seed number")[1]["value"] == 7
    form.wait("made before, nothing now")
    assert kernel.run("%happyhorse forget launch").error == []
    gone = Form(kernel, "%happyhorse edit " + str(kernel.run("launch.id").result))
    gone.wait("is not kept any more")
    gone.wait_not_ready()


def test_a_job_that_is_edited_and_generated_unchanged_costs_nothing(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh")
    kernel.run("%%happyhorse rocket.jpg --takes 2 --wait --name launch\nThe rocket lifts off").wait()
    # A default that is set since is for new requests.
    kernel.run("%config HappyHorse.resolution = '720P'")
    for job in ("launch[0]", "launch[1]"):
        form = Form(kernel, f"%happyhorse edit {job}")
        form.wait_ready()
        assert form.find("Seed number")[1]["value"] == kernel.run(f"{job}.seed").result
        form.wait("made before, nothing now")
        form.click("Show it, nothing to pay")
        form.wait("Already made")
    assert fake_server.paid == 2


@pytest.mark.every_kernel
def test_the_same_seed_is_shown_with_whose_it_is(form: Form, kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh; job = hh.generate('rocket.jpg', 'from elsewhere', seed=7)")
    [seed] = [name for name, state in form.widgets.items() if state.get("description") == "Seed"]
    form.send(seed, {"method": "update", "state": {"index": 1}, "buffer_paths": []})
    form.wait("seed 7, of " + str(kernel.run("job.id[:8]").result))
    kernel.run("hh.generate('rocket.jpg', 'one more', seed=8).result(); job.result(); None")
    # What is sent is what is shown.
    form.click("Generate")
    fake_server.wait_for("submit", 3)
    assert [request.json["seed"] for request in fake_server.requests if request.kind == "submit"][2:] == [7]
    form.send(seed, {"method": "update", "state": {"index": 0}, "buffer_paths": []})
    form.kernel.wait(lambda: "seed 7, of" not in form.verdicts, "the seed is random")


def test_without_a_key_the_reason_stands_beside_the_button(new_kernel: Any) -> None:
    kernel = new_kernel(key=None)
    kernel.run("%load_ext happyhorse_nb")
    form = Form(kernel, "%happyhorse form rocket.jpg")
    form.wait("no API key")
    form.wait_not_ready()


def test_another_one_that_could_not_be_bought_can_be_asked_for_again(form: Form, fake_server: FakeServer) -> None:
    form.click("Generate")
    another = form.find("Make another")[0]
    form.wait_for_words(another, "Make another, about $1.02")
    form.kernel.run("import os; key = os.environ.pop('MODELLIX_API_KEY')")
    form.kernel.click(another)
    form.wait("no API key")
    form.kernel.run("os.environ['MODELLIX_API_KEY'] = key")
    form.kernel.click(another)
    fake_server.wait_for("submit", 2)


def test_the_button_says_what_a_press_will_do_and_what_it_costs(form: Form, fake_server: FakeServer) -> None:
    fake_server.words = ("processing",)
    button, another = form.find("Generate")[0], form.find("Make another")[0]
    form.wait_for_words(button, "Generate, about $1.02")
    form.kernel.click(button)
    form.wait_for_words(button, "Show the one that is running")
    # What is shown already is no deed, so that button is not the blue one.
    form.kernel.wait(lambda: "hh-main" not in form.widgets[button]["_dom_classes"], "a pale button")
    form.kernel.wait(lambda: not form.is_shown(another), "the other one gone")
    form.set("Takes", index=2)
    form.wait_for_words(button, "Generate 2 more, about $2.05")
    form.set("Takes", index=0)
    fake_server.wait_for("poll")
    fake_server.task.say("success")
    form.wait_for_words(another, "Make another, about $1.02")
    form.wait_for_words(button, "Show it, nothing to pay")
    form.kernel.wait(lambda: "hh-main" in form.widgets[another]["_dom_classes"], "a blue one")
    form.set("Prompt", value="Another wish")
    form.wait_for_words(button, "Generate, about $1.02")
    form.kernel.wait(lambda: not form.is_shown(another), "the other one gone")
    assert fake_server.paid == 1


def test_a_press_of_a_button_that_said_nothing_to_pay_pays_nothing(form: Form, fake_server: FakeServer) -> None:
    form.click("Generate")
    another = form.find("Make another")[0]
    form.wait_for_words(another, "Make another, about $1.02")
    button = form.find("Show it, nothing to pay")[0]
    # Meanwhile what would be shown is gone.
    assert form.kernel.run("import happyhorse_nb as hh; hh.jobs()[0].result(); hh.forget(hh.jobs()[0])").error == []
    form.kernel.click(button)
    form.wait_for_words(button, "Generate, about $1.02")
    fake_server.quiet()
    assert fake_server.paid == 1


@pytest.mark.every_kernel
def test_a_file_that_does_not_arrive_takes_the_picture_before_it_with_it(form: Form, fake_server: FakeServer) -> None:
    button = form.find("Generate")[0]
    form.tell(file="large.jpg", size=12 * 1024 * 1024)
    form.wait("large.jpg (12 MB) is on its way…")
    form.wait_not_ready()
    form.kernel.click(button)
    # As a page does that is connected anew.
    form.kernel.ask_for_all_widgets()
    form.wait("First frame large.jpg (12 MB) has not arrived")
    assert ": fine" not in form.verdicts
    form.wait_not_ready()
    form.kernel.click(button)
    form.set("First frame", value="rocket.jpg")
    form.wait_ready()
    assert fake_server.paid == 0


@pytest.mark.every_kernel
def test_ctrl_enter_sends_what_stands_in_the_prompt_though_the_page_has_not_sent_all_of_it(
    form: Form, fake_server: FakeServer
) -> None:
    button = form.find("Generate")[0]
    form.set("Prompt", value="It lif")
    form.tell(enter="It lifts off", label="Generate, about $1.02", at=1)
    fake_server.wait_for("submit")
    assert form.kernel.run("import happyhorse_nb as hh; hh.jobs()[0].prompt").result == "It lifts off"
    # Who saw that there is nothing to pay has not agreed to another one.
    form.tell(enter="It lands", label="Show the one that is running", at=2)
    form.wait_for_words(button, "Generate, about $1.02")
    fake_server.quiet()
    assert fake_server.paid == 1


def test_too_long_a_shape_is_cropped_or_padded_as_one_likes_and_that_can_be_undone(form: Form) -> None:
    form.kernel.run("from PIL import Image; long = Image.new('RGB', (1200, 300), 'red')")
    form.set("First frame", value="long")
    form.wait("It can be made to fit: cropped from 1200 x 300 to 750 x 300, or padded from 1200 x 300 to 1200 x 480.")
    form.click("Crop to fit")
    form.wait("PNG, 750 x 300")
    form.wait_ready()
    form.click("Copy as cell")
    form.kernel.wait(lambda: "fit='crop'" in html.unescape(str(form.widgets)), "the cell")
    form.click("Undo")
    form.wait("is 1200 x 300, an aspect of 4:1")
    form.wait("or padded")
    form.wait_not_ready()
    form.click("Pad to fit")
    form.wait("PNG, 1200 x 480")
    form.wait_ready()


def test_a_file_s_name_gets_its_ending_and_no_error_is_said_twice(form: Form) -> None:
    form.set("File name", value="launch")
    form.kernel.wait(lambda: form.find("File name")[1]["value"] == "launch.mp4", "the ending")
    form.set("File name", value="launch.mov")
    form.wait("is not the name of an .mp4 file")
    form.set("File name", value="")
    form.set("First frame", value="rocket.jp")
    form.wait("is not found")
    assert form.verdicts.count("is not found") == 1
    form.set("First frame", value="rocket.jpg")
    form.set("Prompt", value="a" * 5001)
    form.wait("1 character would be cut off")
    assert "server would silently" not in form.verdicts
