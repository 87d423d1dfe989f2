"""References in a strip, sound, and what no browser plays, in a real JupyterLab."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from browser.test_screenshots import STICKING_OUT, THEMES, WIDTHS, folder_of, wear
from happyhorse_nb.inputs import thumbnail
from happyhorse_nb.models import Status
from happyhorse_nb.store import Ledger
from happyhorse_nb.store.record import StoredInput
from store.rows import record
from support.axe import serious
from support.lab import Lab, Notebook
from support.videos import make_video

pytestmark = pytest.mark.browser

R2V, EDIT = "happyhorse-1.0-r2v", "happyhorse-1.0-video-edit"
PROMPT = "character1 hands character2 to character3; slow dolly in"
#: A card that runs, without a server.
LIVE = f"""%load_ext happyhorse_nb
from happyhorse_nb.models import Cost, Progress
from happyhorse_nb.store import Ledger
from happyhorse_nb.widgets import show
from widgets.fakes import FakeJob, running
import os, pathlib
rows = {{one.snapshot.id[:4]: one for one in Ledger(pathlib.Path(os.environ["HAPPYHORSE_HOME"])).newest()}}
def live(row):
    job = FakeJob(running(model="{R2V}", prompt="{PROMPT}", params={{"duration": 8, "resolution": "1080P", "seed": 11}},
                          progress=Progress(fraction=.4, elapsed=22, left=33)))
    job.inputs = rows[row].inputs
    show(job)"""


def inputs(*pictures: bytes) -> tuple[StoredInput, ...]:
    return tuple(
        StoredInput("reference", f"{number:064x}", f"picture {number}.jpg", one)
        for number, one in enumerate(pictures, 1)
    )


def fill(home: Path, folder: Path, photos: list[bytes]) -> None:
    """Jobs whose ids say what they have: two, nine and one reference, an edit, and one that no browser plays."""
    home.mkdir(parents=True)
    folder.mkdir()
    ledger = Ledger(home)
    film = StoredInput("video", "job:0000", "two1.mp4", photos[0], 5.0)
    for number, (name, model, given, codec) in enumerate(
        [
            ("two1", R2V, inputs(*photos[:2]), "libx264"),
            ("two2", R2V, inputs(*photos[:2]), "libx264"),
            ("nine", R2V, inputs(*photos), "libx264"),
            ("edit", EDIT, (film,), "libx264"),
            ("both", EDIT, (film, *inputs(*photos[1:3])), "libx264"),
            ("hevc", R2V, inputs(photos[2]), "libx265"),
        ]
    ):
        path = make_video(folder / f"{name}.mp4", codec=codec, sound="" if name == "edit" else "aac", frames=75)
        row = record(
            owner=None, id=f"{name}{number:028x}", status=Status.DONE, model=model, prompt=PROMPT, path=path,
            width=192, height=128, created=time.time() - 60 + number, params={"seed": 7 + number},
        )  # fmt: skip
        ledger.add(replace(row, inputs=given, request=name), reuse=False)
    ledger.close()


@pytest.fixture(scope="module")
def lab(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("family")
    photos = [thumbnail(photo.with_name(name).read_bytes()) or b"" for name in ("rocket.jpg", "coffee.jpg")]
    for color in ("navy", "gold", "teal", "tomato", "black", "white", "plum"):
        out = io.BytesIO()
        Image.new("RGB", (235, 352), color).save(out, "JPEG")
        photos.append(out.getvalue())
    fill(root / "home", root / "happyhorse-videos", photos)
    env = {
        "HAPPYHORSE_HOME": str(root / "home"),
        "MODELLIX_API_KEY": "none",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    with Lab("lab", root=root, env=env) as lab:
        yield lab


def names(area: Locator) -> list[str]:
    return area.locator(".hh-strip figcaption, .hh figcaption").all_inner_texts()


@pytest.fixture(scope="module")
def cards(lab: Lab, browser: object) -> Notebook:
    shown = [f"%happyhorse show {name}" for name in ("two1", "nine", "edit", "both", "hevc")]
    lab.write("cards.ipynb", LIVE, "live('two1')", "live('nine')", *shown, "%happyhorse gallery")
    page = browser.new_page(reduced_motion="reduce", device_scale_factor=1.5)  # type: ignore[attr-defined]
    notebook = lab.open(page, "cards.ipynb", alone=True)
    for index in range(len(shown) + 4):
        notebook.run_to_end(index)
    return notebook


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_references_are_seen_with_their_names_in_every_look(
    cards: Notebook, theme: str, width: str, tmp_path: Path
) -> None:
    wear(cards.page, theme, *WIDTHS[width])
    for index, name, count in ((1, "live-two", 2), (2, "live-nine", 9), (3, "two", 2), (4, "nine", 9), (6, "both", 3)):
        area = cards.output(index)
        area.scroll_into_view_if_needed()
        cards.wait_for_pictures(area)
        wanted = [f"character{number}" for number in range(1, count + 1)]
        captions = area.locator(".hh figcaption")
        expect(captions).to_have_text(wanted if name != "both" else ["video", "character1", "character2"])
        for picture in area.locator(".hh figure").all():
            box = picture.bounding_box()
            assert box
            assert 60 <= box["width"] <= 70
        # No caption is cut or lies over another.
        assert captions.evaluate_all("all => all.every(e => e.scrollWidth <= e.clientWidth)")
        assert area.evaluate(STICKING_OUT) == []
        area.screenshot(path=folder_of(tmp_path) / f"references-{name}-{theme}-{width}.png")
    assert serious(cards.page, ".hh") == []


def test_an_edit_shows_the_poster_of_its_video(cards: Notebook) -> None:
    expect(cards.output(5).locator(".hh img")).to_have_count(1)
    expect(cards.output(5).locator(".hh figcaption")).to_have_count(0)
    expect(cards.output(5)).not_to_contain_text("with sound")


def test_what_no_browser_plays_has_a_line_in_card_and_gallery(cards: Notebook, tmp_path: Path) -> None:
    card, words = cards.output(7), "This video is HEVC, which a browser cannot play."
    expect(card).to_contain_text(words)
    expect(card).to_contain_text("with sound")
    expect(card.locator("video")).to_have_count(0)
    expect(card.get_by_role("link", name="hevc.mp4")).to_have_attribute(
        "href", re.compile("/files/happyhorse-videos/hevc.mp4")
    )
    gallery = cards.output(8)
    gallery.get_by_role("button", name="Play video 1", exact=True).click()
    expect(gallery.locator(".hh-screen")).to_contain_text(words)
    gallery.get_by_role("button", name="Play video 2", exact=True).click()
    expect(gallery.locator(".hh-screen video")).to_have_js_property("muted", True)
    gallery.screenshot(path=folder_of(tmp_path) / "gallery-playing.png")


def test_a_card_is_silent_until_its_sound_is_asked_for(cards: Notebook) -> None:
    area = cards.output(3)
    expect(area).to_contain_text("with sound")
    video = area.locator("video")
    expect(video).to_have_js_property("muted", True)
    expect(video).to_have_js_property("controls", True)
    video.evaluate("v => { v.muted = false; v.play(); }")
    cards.page.wait_for_function("v => v.webkitAudioDecodedByteCount > 0 && v.ended", arg=video.element_handle())


def test_a_comparison_plays_the_sound_of_the_chosen_one(lab: Lab, page: Page, tmp_path: Path) -> None:
    lab.write("sound.ipynb", "%load_ext happyhorse_nb", "%happyhorse compare two1 edit two2 hevc")
    notebook = lab.open(page, "sound.ipynb")
    notebook.run_to_end(0)
    notebook.run_to_end(1)
    area = notebook.output(1)
    videos = area.locator(".hh-cmp video")
    expect(videos).to_have_count(3)
    expect(area).to_contain_text("This video is HEVC")

    def heard(*muted: bool, says: str) -> None:
        assert videos.evaluate_all("all => all.map(v => v.muted)") == list(muted)
        expect(area.locator(".hh-hears")).to_have_text(says)

    choice = area.get_by_label("sound")
    expect(choice).to_be_visible()
    heard(True, True, True, says="")
    button = area.get_by_role("button", name="Play")
    area.get_by_role("checkbox", name="loop").check()
    button.click()
    choice.select_option(label="C")
    heard(True, True, False, says="C is heard")
    expect(area.locator("figure").nth(2)).to_contain_text("heard")
    page.wait_for_function("v => v.webkitAudioDecodedByteCount > 0", arg=videos.nth(2).element_handle())
    area.screenshot(path=folder_of(tmp_path) / "compare-sound.png")
    # The same by its letter, which also ends it; one without sound, or that is not there, changes nothing.
    area.get_by_role("slider", name="Time in all videos").focus()
    page.keyboard.press("a")
    heard(False, True, True, says="A is heard")
    page.keyboard.press("b")
    page.keyboard.press("d")
    heard(False, True, True, says="A is heard")
    page.keyboard.press("a")
    heard(True, True, True, says="")
    page.keyboard.press("c")
    page.keyboard.press("m")
    heard(True, True, True, says="")
    # And in the choice itself, as in any.
    choice.focus()
    page.keyboard.press("a")
    heard(False, True, True, says="A is heard")
    # The notebook's own keys have done nothing meanwhile.
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2
    assert serious(page, ".hh-cmp") == []
