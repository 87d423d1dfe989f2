"""Every kind of model on the embedded server: from the cell to a video that plays with its sound in a real page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from happyhorse_nb.sandbox import SandboxOptions, SandboxProcess
from happyhorse_nb.settings import SANDBOX_KEY
from support.lab import Lab

pytestmark = pytest.mark.browser

LOAD = "%load_ext happyhorse_nb"
TEXT = "%%happyhorse --ratio 1:1 --duration 3 --resolution 720P --name beach\nA horse runs along the beach"
REFERENCES = (
    "%%happyhorse --ref rocket.jpg --ref coffee.jpg --ratio 16:9 --duration 3 --resolution 720P\n"
    "character1 flies past character2"
)
EDIT = "%%happyhorse --edit beach --audio {audio} --resolution 720P\nMake it night"
PYTHON = "import happyhorse_nb as hh\nhh.generate(prompt='A horse', ratio='9:16', duration=3, resolution='720P')"


@pytest.fixture(scope="module")
def lab(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("family")
    for name in ("rocket.jpg", "coffee.jpg"):
        shutil.copy(photo.with_name(name), root)
    with SandboxProcess(root / "sandbox", SandboxOptions(seconds=0.5)) as sandbox:
        env = {
            "HAPPYHORSE_HOME": str(root / "home"),
            "MODELLIX_API_KEY": SANDBOX_KEY,
            "MODELLIX_BASE_URL": sandbox.origin,
        }
        with Lab("lab", root=root, env=env) as lab:
            yield lab


def heard(video: Locator) -> dict[str, Any]:
    """Play a video with its sound: its size in pixels, its length in seconds, and how many bytes of sound came."""
    video.wait_for()
    handle = video.element_handle()
    video.page.wait_for_function("video => video.readyState === 4", arg=handle)
    video.evaluate("video => { video.muted = false; video.volume = 1; return video.play() }")
    video.page.wait_for_function("v => v.currentTime > 0.2 && v.webkitAudioDecodedByteCount > 0", arg=handle)
    seen: dict[str, Any] = video.evaluate("v => ({width: v.videoWidth, height: v.videoHeight, seconds: v.duration})")
    return seen


def test_each_kind_plays_with_sound(lab: Lab, page: Page) -> None:
    cells = [LOAD, TEXT, REFERENCES, PYTHON, "beach.result()", EDIT.format(audio="auto"), EDIT.format(audio="origin")]
    lab.write("family.ipynb", *cells)
    notebook = lab.open(page, "family.ipynb")
    for number in range(len(cells)):
        notebook.run_to_end(number)
    # The sound outlasts the picture, which has 24n + 3 frames; that of an edit 24n + 1.
    sizes = {1: (960, 960), 2: (1280, 720), 3: (720, 1280), 5: (960, 960), 6: (960, 960)}
    for number, (width, height) in sizes.items():
        expect(notebook.output(number)).to_contain_text("Done")
        seen = heard(notebook.output(number).locator("video"))
        assert (seen["width"], seen["height"]) == (width, height)
        assert seen["seconds"] == pytest.approx(3.1, abs=0.15)


FORMS = (
    "hh.form(None, 'A horse runs', ratio='1:1', duration=3, resolution='720P')",
    "hh.form('rocket.jpg', 'The rocket lifts off', duration=3, resolution='720P')",
    "hh.form(None, 'character1 meets character2', references=['rocket.jpg', 'coffee.jpg'], duration=3,"
    " resolution='720P')",
    "hh.form(None, 'Make it night', video=first, audio='origin', resolution='720P')",
)


def test_each_kind_is_made_from_the_form(lab: Lab, page: Page) -> None:
    first = "first = hh.generate(prompt='A ship', duration=3, resolution='720P'); first.result(); None"
    lab.write("forms.ipynb", f"{LOAD}\nimport happyhorse_nb as hh", first, *FORMS)
    notebook = lab.open(page, "forms.ipynb")
    for number in range(2 + len(FORMS)):
        notebook.run_to_end(number)
    for number in range(2, 2 + len(FORMS)):
        form = notebook.output(number)
        form.get_by_role("button", name="Generate").click()
        expect(form).to_contain_text("Done")
        # An edit shows the film that it edits, too, and behind all stands the copy for the saved notebook.
        assert heard(form.locator("video:visible").last)["seconds"] == pytest.approx(3.1, abs=0.15)
