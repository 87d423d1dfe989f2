"""All kinds of videos from the form in a real kernel: the switch, references, a video to edit."""

from __future__ import annotations

import html
from functools import partial
from typing import Any

import pytest

from kernels.forms import Form
from support.fake_server import FakeServer
from support.kernel import Kernel

HERO, STREET, CLIP = (f"https://example.com/{name}" for name in ("hero.png", "street.png", "clip.mp4"))


def shows(form: Form, description: str) -> bool:
    """Whether a control is shown."""
    return form.is_shown(form.find(description)[0])


def sent(server: FakeServer, number: int = -1) -> tuple[str, dict[str, Any]]:
    """The kind of model that a request names, and its body without the seed."""
    request = server.of("submit")[number]
    body = {name: value for name, value in request.json.items() if name != "seed"}
    return request.path.removeprefix("/api/v1/alibaba/happyhorse-").partition("/")[0], body


@pytest.mark.every_kernel
def test_the_switch_changes_the_controls_and_keeps_what_was_typed(kernel: Kernel, fake_server: FakeServer) -> None:
    form = Form(kernel, "%happyhorse form rocket.jpg --duration 8 --resolution 720P")
    form.wait_ready()
    form.set("Prompt", value="A horse runs along the beach")
    form.set("File name", value="horse")
    assert not shows(form, "Ratio")
    assert not shows(form, "Audio")
    form.choose("Made from", "Text")
    form.wait("1280 x 720, about $1.02")
    assert shows(form, "Ratio")
    form.choose("Ratio", "9:16")
    form.wait("720 x 1280")
    assert list(form.find("Model")[1]["_options_labels"]) == ["happyhorse-1.0-t2v", "happyhorse-1.1-t2v"]
    form.choose("Model", "happyhorse-1.1")
    form.wait("about $0.99")
    form.wait_ready()
    form.click("Copy as cell")
    form.kernel.wait(lambda: form.pasted, "the cell")
    assert form.pasted == (
        "%%happyhorse --model happyhorse-1.1-t2v --resolution 720P --ratio 9:16 --duration 8 --save horse.mp4\n"
        "A horse runs along the beach"
    )
    form.choose("Made from", "References")
    form.wait_not_ready()
    form.choose("Made from", "Text")
    form.wait_ready()
    form.click("Generate")
    fake_server.wait_for("submit")
    body = {"prompt": "A horse runs along the beach", "resolution": "720P", "ratio": "9:16", "duration": 8}
    assert sent(fake_server) == ("1.1-t2v", body)


def test_text_needs_a_prompt_and_says_so_before_anything_is_sent(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("%config HappyHorse.version = '1.1'")
    form = Form(kernel, "%happyhorse form --ratio 1:1")
    assert form.find("Model")[1]["index"] == 1
    form.kernel.wait(lambda: "needed, any language" in form.words, "the hint")
    form.wait_not_ready()
    form.set("Prompt", value="A horse")
    form.wait("1440 x 1440")
    form.wait_ready()
    assert fake_server.requests == []


@pytest.mark.every_kernel
def test_references_are_added_checked_moved_and_removed(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("from PIL import Image; small = Image.new('RGB', (200, 100), 'red')")
    form = Form(kernel, f"%happyhorse form --ref {HERO}")
    form.set("Prompt", value="character1 meets character3")
    form.kernel.wait(lambda: "names character3; 1 given" in form.words, "the reason")
    assert "--ref" not in form.verdicts
    form.enter("Reference", "small")
    form.wait("character2, small: reference is 200 x 100 pixels; each side must be at least 400")
    form.wait("It can be made to fit: scaled up to 800 x 400")
    form.wait_not_ready()
    form.click("Make them fit")
    form.wait("character2: scaled up to 800 x 400")
    form.enter("Reference", STREET)
    form.wait_ready()
    # From the second place to the first, to the third, out.
    form.click("Move character2 left")
    form.wait("small is character1 now")
    form.click("Move character1 right")
    form.wait("small is character2 now")
    form.click("Move character2 right")
    form.wait("small is character3 now")
    form.click("Remove character3")
    form.wait("small is removed")
    form.wait_not_ready()
    form.click("Move character2 left")
    form.set("Prompt", value="character1 meets character2")
    form.wait_ready()
    form.click("Copy as cell")
    form.kernel.wait(lambda: form.pasted, "the cell")
    assert f"--ref {STREET} --ref {HERO} --model happyhorse-1.0-r2v" in form.pasted
    form.click("Generate")
    fake_server.wait_for("submit")
    kind, body = sent(fake_server)
    assert (kind, body["reference_images"]) == ("1.0-r2v", [STREET, HERO])


def test_a_prompt_that_names_no_reference_is_warned_of_and_goes(kernel: Kernel, fake_server: FakeServer) -> None:
    form = Form(kernel, f"%happyhorse form --ref {HERO}")
    form.set("Prompt", value="A knight waves")
    form.wait("The prompt names none of the references")
    form.wait_ready()
    form.click("Generate")
    fake_server.wait_for("submit")


def test_more_references_than_a_model_takes_are_left_out_or_refused(kernel: Kernel) -> None:
    refs = " ".join(f"--ref https://example.com/{n}.png" for n in range(8))
    form = Form(kernel, f"%happyhorse form {refs}")
    form.set("Prompt", value="character1 to character8")
    form.wait_ready()
    form.enter("Reference", HERO)
    form.enter("Reference", STREET)
    form.wait("1 left out: at most 9 are taken")
    form.choose("Made from", "Edit")
    form.enter("Video to edit", CLIP)
    form.wait("9 are given, and at most 5 are taken: remove 4")
    form.wait_not_ready()


@pytest.mark.every_kernel
def test_a_finished_job_is_picked_and_edited_and_both_bills_are_said(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("%%happyhorse rocket.jpg --duration 5 --wait --name launch\nThe rocket lifts off").wait()
    form = Form(kernel, "%happyhorse form --resolution 720P")
    form.choose("Made from", "Edit")
    form.wait("No video yet")
    form.kernel.wait(lambda: form.find("Generate")[1]["description"] == "Generate", "no price without a video")
    assert not shows(form, "Duration")
    form.set("Prompt", value="Make it snow")
    form.choose("Finished videos", "5 s: The rocket lifts off")
    form.wait("5 s in + 5 s out in 720P: about $1.28")
    form.wait_ready()
    # It is shown: the video itself, as it is on disk.
    assert "data:video/mp4" in str([w.get("value") for w in form.widgets.values() if "<video" in str(w.get("value"))])
    form.choose("Audio", "origin")
    form.click("Copy as cell")
    form.kernel.wait(lambda: form.pasted, "the cell")
    name = kernel.run("launch.id[:8]").result
    options = "--model happyhorse-1.0-video-edit --resolution 720P --audio origin"
    assert form.pasted == f"%%happyhorse --edit {name} {options}\nMake it snow"
    form.click("Generate")
    kernel.run("import happyhorse_nb as hh; from happyhorse_nb.job.state import state_of")
    # By the job and not by its link, which is read anew when it is sent.
    kernel.run("made = hh.jobs()[0]; [film] = state_of(made).record.inputs")
    assert kernel.run("film.job == launch.id, film.role, film.seconds").result == (True, "video", 5.0)
    assert kernel.run("made.snapshot.model, made.params['audio'], made.params['resolution']").result == (
        "happyhorse-1.0-video-edit",
        "origin",
        "720P",
    )


def test_an_address_is_edited_for_at_most_what_the_longest_would_cost(kernel: Kernel, fake_server: FakeServer) -> None:
    form = Form(kernel, f"%happyhorse form --edit {CLIP} --ref {HERO} --resolution 720P")
    form.set("Prompt", value="character1 walks in")
    form.wait("at most 60 s in + 15 s out in 720P: about $9.60")
    form.wait_ready()
    form.click("Generate")
    fake_server.wait_for("submit")
    body = {"prompt": "character1 walks in", "input_video_url": CLIP, "reference_images": [HERO]}
    kind, given = sent(fake_server)
    assert kind == "1.0-video-edit"
    assert body.items() <= given.items()


def test_what_cannot_be_edited_is_said_in_one_line(kernel: Kernel) -> None:
    form = Form(kernel, "%happyhorse form --edit nothing-of-the-kind")
    form.wait("no job")
    form.enter("Video to edit", "clip.mp4")
    form.wait("video clip.mp4 is a file on this machine")
    form.wait_not_ready()


def test_a_job_of_any_kind_is_edited_with_its_inputs(kernel: Kernel, fake_server: FakeServer) -> None:
    kernel.run("import happyhorse_nb as hh")
    kernel.run("text = hh.generate(prompt='A horse', ratio='1:1', seed=7); text.result(); None")
    kernel.run(f"some = hh.generate(prompt='character1', references=['{HERO}', 'rocket.jpg']); some.result(); None")
    kernel.run("odd = hh.generate(prompt='Wide', ratio='21:9', unlisted=True); odd.result(); None")
    kernel.run("edit = hh.generate(prompt='Snow', video=text, audio='origin', yes=True); edit.result(); None")
    for name, kind, model in (("text", 0, "t2v"), ("some", 2, "r2v"), ("odd", 0, "t2v"), ("edit", 3, "video-edit")):
        form = Form(kernel, f"%happyhorse edit {name}")
        form.wait_ready()
        assert form.find("Made from")[1]["index"] == kind
        assert form.find("Prompt")[1]["value"] == kernel.run(f"{name}.prompt").result
        form.wait("made before, nothing now")
        form.click("Copy as cell")
        kernel.wait(partial(getattr, form, "pasted"), "the cell")
        assert f"--model happyhorse-1.0-{model}" in form.pasted
    assert fake_server.paid == 4
    assert kernel.run("%happyhorse forget some").error == []
    gone = Form(kernel, "%happyhorse edit " + str(kernel.run("some.id").result))
    gone.wait("The references of job")
    gone.wait_not_ready()


def test_the_kind_that_was_switched_to_survives_a_run_of_the_cell(kernel: Kernel) -> None:
    form = Form(kernel, "%happyhorse form rocket.jpg")
    form.choose("Made from", "References")
    form.enter("Reference", HERO)
    form.set("Prompt", value="character1 waves")
    form.wait_ready()
    again = Form(kernel, form.cell.code)
    again.wait_ready()
    assert again.find("Made from")[1]["index"] == 2
    assert "character1" in html.unescape(again.words)


def test_python_opens_each_kind_and_refuses_what_no_model_takes(kernel: Kernel) -> None:
    kernel.run("import happyhorse_nb as hh")
    for call, kind in (
        (f"references=['{HERO}']", 2),
        (f"video='{CLIP}', references=['{HERO}']", 3),
        ("ratio='9:16'", 0),
        ("model='happyhorse-1.1-t2v'", 0),
        ("audio='origin'", 3),
        ("", 1),
    ):
        assert Form(kernel, f"hh.form({call})").find("Made from")[1]["index"] == kind
    for call, words in (
        (f"'rocket.jpg', video='{CLIP}'", "no model takes image and video together"),
        ("'rocket.jpg', model='happyhorse-1.0-t2v'", "happyhorse-1.0-t2v takes no image"),
        ("'rocket.jpg', ratio='1:1'", "'ratio' is not a parameter of happyhorse-1.0-i2v"),
        ("ratio='21:9'", "Alibaba's pages"),
    ):
        assert words in "".join(kernel.run(f"hh.form({call})").error)


@pytest.mark.every_kernel
def test_pictures_that_do_not_arrive_are_said_and_nothing_goes_without_them(
    kernel: Kernel, fake_server: FakeServer
) -> None:
    form = Form(kernel, f"%happyhorse form --ref {HERO}")
    form.set("Prompt", value="character1 waves")
    form.wait_ready()
    form.tell(file="3 pictures", size=32 * 1024 * 1024)
    form.wait("3 pictures (32 MB) is on its way…")
    form.wait_not_ready()
    form.kernel.ask_for_all_widgets()
    form.wait("3 pictures (32 MB) has not arrived")
    form.wait_not_ready()
    form.enter("Reference", STREET)
    form.wait_ready()
    assert fake_server.paid == 0
