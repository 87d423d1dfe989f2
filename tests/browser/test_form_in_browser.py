"""The form in a real JupyterLab, a real Notebook 7 and a real Voilà: clicked, and by keyboard alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as Waited

from support.axe import serious
from support.fake_server import KEY, FakeServer
from support.lab import DEADLINE, App, Lab, play

pytestmark = pytest.mark.browser

CELL = "%load_ext happyhorse_nb\nimport happyhorse_nb as hh\nhh.form({})"
#: Presses of Tab after which whatever can be reached has been.
ALL_ROUND = 80


@pytest.fixture(scope="module")
def server(small_mp4: bytes) -> Iterator[FakeServer]:
    with FakeServer(video=small_mp4) as server:
        yield server


@pytest.fixture(scope="module")
def lab(front_end: App, server: FakeServer, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp(front_end)
    shutil.copy(photo, root / "rocket.jpg")
    for shipped in ("02_form.ipynb", "coffee.jpg"):
        shutil.copy(photo.with_name(shipped), root / shipped)
    (root / "chosen").mkdir()
    shutil.copy(photo, root / "chosen" / "my rocket.jpg")
    Image.new("RGB", (200, 100), "navy").save(root / "chosen" / "small.png")
    (root / "chosen" / "notes.png").write_text("no picture at all")
    # More than the server takes in one message.
    (root / "chosen" / "large.jpg").write_bytes(photo.read_bytes() + bytes(12 * 1024 * 1024))
    env = {"HAPPYHORSE_HOME": str(root / "home"), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
    with Lab(front_end, root=root, env=env) as lab:
        yield lab


@pytest.fixture
def page(lasting_page: Page) -> Page:
    return lasting_page


def show(lab: Lab, page: Page, name: str, arguments: str = "") -> Locator:
    """A form in a notebook of that name; as an app, or under its cell."""
    lab.write(name, CELL.format(arguments))
    if lab.app == "voila":
        visit(lab, page, name)
    else:
        lab.open(page, name).run_to_end(0)
    form = page.locator(".hh-form")
    expect(form).to_be_visible()
    return form


def visit(lab: Lab, page: Page, name: str) -> None:
    """Open a notebook in Voilà. It waits seconds for its widgets, and then shows none: its user loads it again."""
    for _ in range(3):
        page.goto(lab.url(name))
        with suppress(Waited):
            page.locator(".hh-form").wait_for(timeout=DEADLINE * 1000 / 3)
            break


def choose(form: Locator, path: Path) -> None:
    with form.page.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(path)


@pytest.mark.front_ends("lab", "notebook", "voila")
def test_a_file_is_chosen_judged_and_sent_and_the_video_plays(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "form.ipynb")
    generate = form.get_by_role("button", name="Generate")
    prompt = form.get_by_label("Prompt", exact=True)
    expect(generate).to_be_disabled()
    expect(form).to_contain_text("No first frame yet")

    choose(form, lab.root / "chosen" / "notes.png")
    expect(form).to_contain_text("cannot be read as an image")
    choose(form, lab.root / "chosen" / "small.png")
    expect(form).to_contain_text("is 200 x 100 pixels; each side must be at least 300")
    expect(form.get_by_role("button", name="Make it fit")).to_be_visible()
    expect(generate).to_be_disabled()
    choose(form, lab.root / "chosen" / "my rocket.jpg")
    expect(form).to_contain_text("JPEG, 640 x 427, 3:2")
    expect(generate).to_be_enabled()

    prompt.fill("a" * 5000 + " and the tail")
    expect(form).to_contain_text("13 characters would be cut off")
    expect(generate).to_be_disabled()
    prompt.fill(f"It lifts off in {lab.app}")
    expect(form).to_contain_text("of 5000")
    expect(form).to_contain_text("about $1.14")
    expect(generate).to_be_enabled()
    assert serious(page, ".hh-form") == []

    paid = server.paid
    generate.dblclick()
    seen = play(form.locator("video"))
    assert seen["seconds"] == pytest.approx(2.0, abs=0.05)
    expect(form).to_contain_text("Done")
    assert server.paid == paid + 1, "a double click pays once"
    assert serious(page, ".hh-form") == []


def test_a_file_that_is_too_large_for_the_server_is_said_and_the_one_before_it_is_not_bought(
    lab: Lab, page: Page, server: FakeServer
) -> None:
    form = show(lab, page, "large.ipynb", '"rocket.jpg"')
    generate = form.get_by_role("button", name="Generate")
    expect(generate).to_be_enabled()
    # The second time with a chooser that has never been answered.
    for _ in range(2):
        choose(form, lab.root / "chosen" / "large.jpg")
        expect(form).to_contain_text("large.jpg (12.1 MB) has not arrived")
        expect(form).not_to_contain_text(": fine")
        expect(generate).to_be_disabled()
    choose(form, lab.root / "chosen" / "my rocket.jpg")
    expect(form).to_contain_text("JPEG, 640 x 427, 3:2")
    expect(form).to_contain_text("my rocket.jpg")
    expect(generate).to_be_enabled()


def test_copy_as_cell_copies_and_ctrl_enter_generates(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "copy.ipynb", '"rocket.jpg"')
    prompt = form.get_by_label("Prompt", exact=True)
    prompt.fill("Sent by hand")
    expect(form).to_contain_text("12 of 5000")
    form.get_by_role("button", name="Copy as cell").click()
    expect(form).to_contain_text("Copied: paste it into a cell.")
    prompt.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+V")
    expect(prompt).to_have_value(
        "%%happyhorse rocket.jpg --model happyhorse-1.0-i2v --resolution 1080P --duration 5\nSent by hand"
    )
    paid = server.paid
    page.keyboard.press("Control+A")
    page.keyboard.type(f"Sent by hand in {lab.app}")
    page.keyboard.press("Control+Enter")
    form.locator("video").wait_for()
    assert server.of("submit")[-1].json["prompt"] == f"Sent by hand in {lab.app}"
    assert server.paid == paid + 1
    expect(prompt).to_have_value(f"Sent by hand in {lab.app}")


def test_it_is_used_by_keyboard_alone(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "keys.ipynb", '"rocket.jpg"')
    expect(form.get_by_role("button", name="Generate")).to_be_enabled()
    # Out of the cell's editor, where Tab indents.
    page.keyboard.press("Escape")
    tab_to(form.get_by_label("Prompt", exact=True))
    page.keyboard.type(f"By keyboard in {lab.app}")
    expect(form).to_contain_text(f"{len(f'By keyboard in {lab.app}')} of 5000")
    tab_to(form.get_by_label("720P"))
    expect(form).to_contain_text("about $0.64")
    tab_to(form.get_by_role("slider"))
    page.keyboard.press("ArrowRight")
    expect(form).to_contain_text("about $0.77")
    tab_to(form.get_by_role("button", name="Generate"))
    paid = server.paid
    page.keyboard.press("Enter")
    video = form.locator("video")
    video.wait_for()
    tab_to(video)
    page.keyboard.press("Space")
    page.wait_for_function("video => video.currentTime > 0.2", arg=video.element_handle())
    assert server.paid == paid + 1


@pytest.mark.front_ends("lab", "voila")
def test_the_notebook_that_is_shipped_is_an_app(lab: Lab, page: Page, server: FakeServer) -> None:
    if lab.app == "voila":
        visit(lab, page, "02_form.ipynb")
    else:
        notebook = lab.open(page, "02_form.ipynb")
        notebook.run_to_end(1)
        notebook.run_to_end(2)
    form = page.locator(".hh-form")
    form.get_by_label("Prompt", exact=True).fill(f"Steam rises in {lab.app}")
    generate = form.get_by_role("button", name="Generate")
    expect(generate).to_be_enabled()
    paid = server.paid
    generate.click()
    play(form.locator("video"))
    assert server.paid == paid + 1


@pytest.mark.front_ends("lab", "notebook", "voila")
def test_the_switch_is_used_by_keyboard_and_text_alone_makes_a_video(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "text.ipynb", '"rocket.jpg"')
    kinds = form.get_by_role("radiogroup", name="Made from")
    page.keyboard.press("Escape")
    tab_to(kinds.get_by_role("radio", name="Image"))
    page.keyboard.press("ArrowLeft")
    expect(kinds.get_by_role("radio", name="Text")).to_be_focused()
    expect(form.get_by_role("radiogroup", name="Ratio")).to_be_visible()
    expect(form.get_by_role("button", name="Choose a file")).to_be_hidden()
    generate = form.get_by_role("button", name="Generate")
    expect(generate).to_be_disabled()
    form.get_by_label("Prompt", exact=True).fill(f"A horse in {lab.app}")
    form.get_by_label("9:16").check()
    expect(form).to_contain_text("1080 x 1920, about $1.14")
    expect(generate).to_be_enabled()
    assert serious(page, ".hh-form") == []
    generate.click()
    play(form.locator("video"))
    asked = server.of("submit")[-1]
    assert asked.path.startswith("/api/v1/alibaba/happyhorse-1.0-t2v")
    assert (asked.json["prompt"], asked.json["ratio"]) == (f"A horse in {lab.app}", "9:16")


def test_references_are_chosen_moved_and_removed_by_keyboard(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "references.ipynb", "prompt='character1 meets character2', references=['small.png']")
    names = [f"{name}.png" for name in ("red", "green", "blue")]
    for name in names:
        Image.new("RGB", (480, 400), name.partition(".")[0]).save(lab.root / "chosen" / name)
    pictures = form.locator(".hh-strip img")
    expect(form).to_contain_text("'small.png' is not found")
    with page.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Add pictures").click()
    chooser.value.set_files([lab.root / "chosen" / name for name in names])
    expect(pictures).to_have_count(3)
    page.keyboard.press("Escape")
    remove = form.get_by_role("button", name="Remove character1")
    tab_to(remove)
    page.keyboard.press("Enter")
    expect(form).to_contain_text("small.png is removed")
    # What follows is in its place, and so is the focus.
    expect(remove).to_be_focused()
    expect(form).to_contain_text("3 pictures: fine")
    tab_to(form.get_by_role("button", name="Move character1 right"))
    page.keyboard.press("Enter")
    expect(form).to_contain_text("red.png is character2 now")
    onward = form.get_by_role("button", name="Move character2 right")
    expect(onward).to_be_focused()
    page.keyboard.press("Space")
    expect(form).to_contain_text("red.png is character3 now")
    expect(form.get_by_role("button", name="Move character3 left")).to_be_focused()
    expect(form.get_by_role("button", name="Move character3 right")).to_be_disabled()
    shown = [pictures.nth(n).get_attribute("alt") for n in range(3)]
    assert shown == ["green.png", "blue.png", "red.png"]
    assert serious(page, ".hh-form") == []
    tab_to(form.get_by_role("button", name="Remove character2"))
    page.keyboard.press("Enter")
    expect(pictures).to_have_count(2)
    form.get_by_role("button", name="Copy as cell").click()
    expect(form.get_by_label("The cell that does the same")).to_have_value(
        "%%happyhorse --ref green.png --ref red.png --model happyhorse-1.0-r2v --resolution 1080P --ratio 16:9 "
        "--duration 5\ncharacter1 meets character2"
    )


def test_references_by_their_addresses_make_a_video(lab: Lab, page: Page, server: FakeServer) -> None:
    form = show(lab, page, "addresses.ipynb", "prompt='character2 follows character1'")
    form.get_by_role("radiogroup", name="Made from").get_by_role("radio", name="References").check()
    # Addresses of the test's own server: a page may ask no other.
    one, other = (f"{server.origin}/files/{name}.png" for name in ("one", "other"))
    for address in (one, other):
        form.get_by_label("Reference", exact=True).fill(address)
        page.keyboard.press("Enter")
        expect(form.get_by_label("Reference", exact=True)).to_have_value("")
    form.get_by_role("button", name="Move character2 left").click()
    generate = form.get_by_role("button", name="Generate")
    expect(form).to_contain_text("other.png is character1 now")
    expect(generate).to_be_enabled()
    generate.click()
    play(form.locator(".hh-results video"))
    asked = server.of("submit")[-1]
    assert asked.path.startswith("/api/v1/alibaba/happyhorse-1.0-r2v")
    assert asked.json["reference_images"] == [other, one]


def test_a_video_that_was_made_is_picked_by_keyboard_shown_and_billed(lab: Lab, page: Page, server: FakeServer) -> None:
    making = "%%happyhorse rocket.jpg --duration 5 --seed 5 --wait\nThe one to edit"
    lab.write("edit.ipynb", "%load_ext happyhorse_nb\nimport happyhorse_nb as hh", making, "hh.form(audio='origin')")
    notebook = lab.open(page, "edit.ipynb")
    for index in range(3):
        notebook.run_to_end(index)
    form = page.locator(".hh-form")
    form.get_by_label("Prompt", exact=True).fill("Make it snow")
    form.get_by_label("720P").check()
    expect(form).to_contain_text("No video yet")
    page.keyboard.press("Escape")
    films = form.get_by_role("radiogroup", name="Finished videos")
    tab_to(films.get_by_role("radio").first)
    page.keyboard.press("Space")
    expect(films.get_by_role("radio", name="5 s: The one to edit").first).to_be_checked()
    expect(form).to_contain_text("5 s in + 5 s out in 720P: about $1.28")
    assert play(form.locator(".hh-left video"))["seconds"] == pytest.approx(2.0, abs=0.05)
    expect(form.get_by_role("button", name="Generate, about $1.28")).to_be_enabled()
    assert serious(page, ".hh-form") == []
    # By its address.
    clip = f"{server.origin}/files/clip.mp4"
    form.get_by_label("Video to edit", exact=True).fill(clip)
    page.keyboard.press("Enter")
    expect(form).to_contain_text("at most 60 s in + 15 s out in 720P: about $9.60")
    form.get_by_role("button", name="Generate, about $9.60").click()
    play(form.locator(".hh-results video"))
    asked = server.of("submit")[-1]
    assert asked.path.startswith("/api/v1/alibaba/happyhorse-1.0-video-edit")
    assert (asked.json["input_video_url"], asked.json["audio_setting"]) == (clip, "origin")


def tab_to(wanted: Locator) -> None:
    """Press Tab, and within a group of choices an arrow, until it has the focus."""
    page = wanted.page
    handle = wanted.element_handle()
    for _ in range(ALL_ROUND):
        if page.evaluate("e => document.activeElement === e", handle):
            return
        same = "e => e.type === 'radio' && document.activeElement.name === e.name"
        page.keyboard.press("ArrowLeft" if page.evaluate(same, handle) else "Tab")
    raise AssertionError(f"Tab never came to {wanted}")
