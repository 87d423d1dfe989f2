"""The gallery in a real JupyterLab and a real Notebook 7, over a ledger with a thousand jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Locator, Page, expect

from support.axe import serious
from support.lab import App, Lab, play
from widgets.gallery_ledger import fill

pytestmark = pytest.mark.browser

COUNT = 1000


@pytest.fixture(scope="module")
def lab(front_end: App, photo: Path, small_mp4: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp(front_end)
    fill(root / "home", COUNT, photo=photo, folder=root / "happyhorse-videos", mp4=small_mp4)
    env = {"HAPPYHORSE_HOME": str(root / "home"), "MODELLIX_API_KEY": "none"}
    with Lab(front_end, root=root, env=env) as lab:
        yield lab


def button(part: Locator, words: str) -> Locator:
    return part.get_by_role("button", name=words, exact=True)


@pytest.mark.front_ends("lab", "notebook")
def test_a_thousand_videos_are_paged_played_starred_and_forgotten(lab: Lab, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    lab.write("gallery.ipynb", "%load_ext happyhorse_nb\n%happyhorse gallery")
    notebook = lab.open(page, "gallery.ipynb")
    notebook.run_to_end(0)
    gallery = notebook.output(0).locator(".hh-gallery")
    tiles = gallery.locator(".hh-tile:visible")
    expect(tiles).to_have_count(24)
    expect(gallery).to_contain_text(f"{COUNT} jobs")
    expect(gallery).to_contain_text("Page 1 of 42")
    # Once: what is saved with the notebook stands behind the live one, unseen.
    expect(notebook.output(0).locator(".hh-posters")).to_be_hidden()
    assert not [url for url in asked if ".mp4" in url]

    # By keyboard: on to the poster, play; the focus stays on what closes it again.
    button(gallery, "Play video 1").focus()
    page.keyboard.press("Enter")
    assert play(gallery.locator("video"))["seconds"] == pytest.approx(2.0, abs=0.05)
    assert [url for url in asked if "video%201000.mp4" in url], "it is linked, not embedded"
    expect(button(gallery, "Close video 1")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button(gallery, "Give video 1 a star")).to_be_focused()
    page.keyboard.press("Space")
    expect(button(gallery, "Remove the star of video 1")).to_be_visible()

    button(gallery, "More of video 2").click()
    button(gallery, "Forget…").click()
    expect(gallery).to_contain_text("Forget it?")
    assert serious(page, ".hh-gallery") == []
    button(gallery, "Keep").click()
    expect(button(gallery, "Forget")).to_be_hidden()
    button(gallery, "Forget…").click()
    button(gallery, "Forget").click()
    expect(tiles.nth(1)).to_contain_text("video 998 of <b>many</b>")
    expect(gallery).to_contain_text("999 jobs")
    assert (lab.root / "happyhorse-videos" / ".trash" / "video 999.mp4").is_file()

    button(gallery, "Next page").click()
    expect(tiles.first).to_contain_text("video 975 of")
    # As one types: nothing has to be pressed.
    gallery.get_by_label("Search").press_sequentially("job-00000500")
    expect(tiles).to_have_count(1)
    expect(tiles).to_contain_text("video 500 of")

    # After a reload of the page: the star is in the ledger.
    notebook.save()
    notebook.reload()
    notebook.run_to_end(0)
    gallery.get_by_label("starred").check()
    expect(tiles).to_have_count(1)
    expect(tiles).to_contain_text("video 1000 of")
    notebook.save()
    notebook.shut_down_kernel()
    saved = notebook.path.read_text()
    assert "video 999 of" not in saved
    assert len(saved) < 400_000

    html, _ = HTMLExporter().from_filename(str(notebook.path))
    made = notebook.path.with_suffix(".html")
    made.write_text(html)
    page.context.set_offline(True)
    page.goto(made.as_uri())
    expect(page.locator(".hh-posters .hh-tile")).to_have_count(24)
    expect(page.locator(".hh-posters img").first).to_be_visible()
    expect(page.locator(".hh-posters a").first).to_have_attribute("href", "happyhorse-videos/video%201000.mp4")


#: Where each tile stands in the gallery, and how wide it is, in pixels: the page itself may scroll.
PLACES = """tiles => tiles.map(tile => {
    const place = tile.getBoundingClientRect(), all = tile.closest('.hh-gallery').getBoundingClientRect();
    return [place.x - all.x, place.y - all.y, place.width];
})"""


@pytest.mark.parametrize("width", [1280, 480])
def test_a_playing_film_is_large_and_what_stands_beside_it_stays_where_it_is(
    lab: Lab, lasting_page: Page, width: int
) -> None:
    lasting_page.set_viewport_size({"width": width, "height": 1400})
    lab.write(f"large-{width}.ipynb", "%load_ext happyhorse_nb\n%happyhorse gallery")
    notebook = lab.open(lasting_page, f"large-{width}.ipynb", alone=True)
    notebook.run_to_end(0)
    gallery = notebook.output(0).locator(".hh-gallery")
    tiles = gallery.locator(".hh-tile:visible")
    expect(tiles).to_have_count(24)
    button(gallery, "Play video 1").scroll_into_view_if_needed()
    before = tiles.evaluate_all(PLACES)
    button(gallery, "Play video 1").click()
    play(gallery.locator("video"))
    button(gallery, "More of video 2").click()
    expect(button(gallery, "Edit")).to_be_visible()
    after = tiles.evaluate_all(PLACES)
    beside = [place for place in before if place[1] == before[0][1]]
    assert after[: len(beside)] == beside
    # Those below it move down together, and keep their columns.
    assert [place[0] for place in after] == [place[0] for place in before]
    box = gallery.locator("video").bounding_box()
    assert box is not None
    assert box["width"] >= 2 * before[0][2]
    assert serious(lasting_page, ".hh-gallery") == []


def test_what_is_picked_is_removed_and_brought_back_by_keyboard(lab: Lab, lasting_page: Page) -> None:
    lab.write("removed.ipynb", "%load_ext happyhorse_nb\n%happyhorse gallery")
    notebook = lab.open(lasting_page, "removed.ipynb")
    notebook.run_to_end(0)
    gallery = notebook.output(0).locator(".hh-gallery")
    first = gallery.locator(".hh-tile:visible").first
    prompt = str(first.locator(".hh-prompt").get_attribute("title"))
    for number in (1, 2):
        button(gallery, f"Pick video {number}").focus()
        lasting_page.keyboard.press("Space")
    button(gallery, "Remove 2").focus()
    lasting_page.keyboard.press("Enter")
    expect(gallery).to_contain_text("2 jobs are removed.")
    expect(first).not_to_contain_text(prompt)
    button(gallery, "Undo").focus()
    lasting_page.keyboard.press("Enter")
    expect(first).to_contain_text(prompt)


def test_two_videos_are_compared_and_one_is_edited_below_the_grid(lab: Lab, lasting_page: Page) -> None:
    lab.write("below.ipynb", "%load_ext happyhorse_nb\n%happyhorse gallery")
    notebook = lab.open(lasting_page, "below.ipynb")
    notebook.run_to_end(0)
    gallery = notebook.output(0).locator(".hh-gallery")
    compare = button(gallery, "Compare: pick two to four")
    expect(compare).to_be_disabled()
    button(gallery, "Pick video 1").click()
    button(gallery, "Pick video 3").focus()
    lasting_page.keyboard.press("Space")
    button(gallery, "Compare 2").click()
    videos = gallery.locator(".hh-slot .hh-cmp video")
    expect(videos).to_have_count(2)
    button(gallery, "Play").click()
    lasting_page.wait_for_function(
        "() => [...document.querySelectorAll('.hh-cmp video')].every(v => v.currentTime > 0.2)"
    )

    button(gallery, "More of video 3").click()
    button(gallery, "Show file").click()
    expect(gallery.locator(".hh-where")).to_contain_text("happyhorse-videos")
    button(gallery, "Edit").click()
    form = gallery.locator(".hh-slot .hh-form")
    expect(form.get_by_label("Prompt")).to_have_value(re.compile(r"video \d+ of <b>many</b>"))
    expect(form).to_contain_text("JPEG, 640 x 427")
    expect(button(form, "Copy as cell")).to_be_enabled()
    # The comparison stays above it.
    expect(videos).to_have_count(2)
    assert serious(lasting_page, ".hh-gallery") == []
