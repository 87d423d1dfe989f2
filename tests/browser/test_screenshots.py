"""How it looks: every view, light and dark, wide and narrow. Nothing sticks out of its cell.

`make screenshots` keeps the pictures in docs/screenshots/, where the README shows them; there the embedded server makes
the videos. Elsewhere they come from a scripted one, which has them at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from support.fake_server import KEY, FakeServer
from support.lab import Lab, Notebook, play
from support.videos import make_mp4

pytestmark = pytest.mark.browser

#: Where the pictures are kept, if they are.
KEPT = os.environ.get("HH_SCREENSHOTS")


def sandbox(seconds: int) -> str:
    """The line that chooses the server whose videos take so long, where pictures are kept."""
    return f"%happyhorse sandbox --seconds {seconds}" if KEPT else ""


SETUP = "%load_ext happyhorse_nb\nimport happyhorse_nb as hh\n"
TAKES = (
    "%%happyhorse coffee.jpg --duration 3 --resolution 720P --seed 86 --takes 4 --name takes --wait\n"
    "Steam rises from the cup in slow motion, the spoon glints, shallow depth of field"
)
DONE = (
    "%%happyhorse rocket.jpg --duration 3 --resolution 720P --seed 7 --name launch --wait\n"
    "The rocket lifts off; smoke rolls towards the camera, golden hour, slow tilt up"
)
RUNNING = DONE.replace("--seed 7", "--seed 8").replace("--wait", "--no-wait")
FORM = (
    'hh.form("coffee.jpg", "Steam rises from the cup in slow motion, the spoon glints, shallow depth of field", '
    'duration=5, resolution="1080P")'
)
#: The forms of the other kinds of videos.
TEXT = 'hh.form(prompt="A grey horse gallops along the beach at dawn", ratio="9:16", resolution="720P")'
REFERENCES = (
    'hh.form(prompt="character1 lifts off behind character2", references=["rocket.jpg", "coffee.jpg"], '
    'resolution="720P")'
)
EDIT = 'hh.form(prompt="Make it night, rain on the lens", video=launch, audio="origin", resolution="720P")'
OUT = (
    "%config HappyHorse.max_concurrent = 1\n"
    'out = hh.generate("rocket.jpg", "The rocket lifts off", duration=3, seed=9)\n'
    "out.stop(); hh.wait(out); out"
)
#: The views by the name of their pictures, in the order in which their cells run.
CELLS = {
    "setup": SETUP + sandbox(1),
    "takes": TAKES,
    "done": DONE,
    "compare": "hh.compare(*takes[:2])",
    "form": FORM,
    "form-text": TEXT,
    "form-references": REFERENCES,
    "form-edit": EDIT,
    "gallery": "hh.gallery()",
    "jobs": "hh.jobs()",
    "question": TAKES.replace("--duration 3", "--duration 15").replace(" --name takes --wait", ""),
    "slow": sandbox(90) or "pass",
    "running": RUNNING,
    "out": OUT,
}
VIEWS = [name for name in CELLS if name not in ("setup", "slow")]
#: What shows that a view is all there.
READY = {
    "takes": "video",
    "done": "video",
    "compare": "video",
    "form": "textarea",
    "form-text": ".hh-verdict:has-text('720 x 1280')",
    "form-references": ".hh-verdict:has-text('2 pictures: fine')",
    "form-edit": ".hh-verdict:has-text('3 s in + 3 s out')",
    "gallery": "img",
    "jobs": "table",
    "question": "button:has-text('Make 4 videos')",
    "running": ".hh-state:has-text('Generating')",
    "out": ".hh-state:has-text('Cancelled')",
}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
#: Pixels of the window; tall enough for every view: Lab draws a cell only when it comes into sight.
WIDTHS = {"wide": (1000, 1400), "narrow": (480, 2600)}
#: Elements that reach beyond the right edge of their cell, unless they lie in something that scrolls.
STICKING_OUT = """area => {
    const edge = area.getBoundingClientRect().right + 1;
    const scrolls = e => e && e !== area && (/auto|scroll|hidden|clip/.test(getComputedStyle(e).overflowX)
        || scrolls(e.parentElement));
    return [...area.querySelectorAll('*')]
        .filter(e => e.getClientRects().length && e.getBoundingClientRect().right > edge && !scrolls(e.parentElement))
        .map(e => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """Has every video at once, of the size and length that the cells ask for; not asked where pictures are kept."""
    width, height = size = (1176, 784)
    with FakeServer(video=make_mp4(width=width, height=height, seconds=3, fps=8), size=size) as server:
        yield server


@pytest.fixture(scope="module")
def lab(server: FakeServer, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("looks")
    for name in ("rocket.jpg", "coffee.jpg"):
        shutil.copy(photo.with_name(name), root / name)
    env = {"HAPPYHORSE_HOME": str(root / "home")}
    if not KEPT:
        env |= {"MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
    with Lab("lab", root=root, env=env) as lab:
        yield lab


def opened(lab: Lab, browser: Browser, name: str, *cells: str) -> Notebook:
    """A notebook of these cells."""
    lab.write(name, *cells)
    # Reduced motion, so that no picture is taken in the middle of a movement.
    page = browser.new_page(reduced_motion="reduce", device_scale_factor=1.5)
    return lab.open(page, name, alone=True)


def run(notebook: Notebook, server: FakeServer, cells: Iterable[int], *words: str) -> None:
    """Run these cells, whose tasks say these words."""
    server.words = words
    for index in cells:
        notebook.run_to_end(index)


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser, server: FakeServer) -> Notebook:
    notebook = opened(lab, browser, "looks.ipynb", *CELLS.values())
    slow = list(CELLS).index("slow")
    run(notebook, server, range(slow), "success")
    run(notebook, server, range(slow, len(CELLS)), "processing")
    return notebook


@pytest.fixture(params=[(theme, width) for theme in THEMES for width in WIDTHS], ids="-".join, scope="module")
def look(request: pytest.FixtureRequest, notebook: Notebook) -> str:
    theme, width = request.param
    page = notebook.page
    wear(page, theme, *WIDTHS[width])
    return f"{theme}-{width}"


def wear(page: Page, theme: str, across: int, down: int) -> None:
    """Give the page a theme and a size."""
    page.set_viewport_size({"width": across, "height": down})
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
        THEMES[theme],
    )
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=str(theme == "light").lower())


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_whole_in_both_themes_wide_and_narrow(
    view: str, look: str, notebook: Notebook, tmp_path: Path
) -> None:
    area = notebook.output(list(CELLS).index(view))
    area.scroll_into_view_if_needed()
    expect(area.locator(READY[view]).first).to_be_visible()
    notebook.wait_for_pictures(area)
    assert area.evaluate(STICKING_OUT) == []
    path = folder_of(tmp_path) / f"{view}-{look}.png"
    area.screenshot(path=path)
    assert drawn(path)


def test_a_page_with_a_done_and_a_running_cell_is_what_the_readme_shows(
    lab: Lab, browser: Browser, server: FakeServer, tmp_path: Path
) -> None:
    # Other seeds than those of the views: an equal request would show the video that it has made.
    done = DONE.replace("--seed 7", "--seed 11").replace(" --wait", "")
    running = "%%happyhorse coffee.jpg --duration 3\nSteam rises from the cup in slow motion, the spoon glints"
    notebook = opened(lab, browser, "quickstart.ipynb", SETUP + sandbox(20), done, running)
    run(notebook, server, (0, 1), "success")
    page = notebook.page
    wear(page, "light", 860, 1400)
    play(notebook.output(1).locator("video"))
    notebook.output(1).locator("video").evaluate("video => video.pause()")
    run(notebook, server, [2], "processing")
    expect(notebook.output(2).locator(READY["running"])).to_be_visible()
    cells = page.locator(".jp-Notebook .jp-Cell")
    first, last = cells.nth(1).bounding_box(), cells.nth(2).bounding_box()
    assert first
    assert last
    path = folder_of(tmp_path) / "quickstart.png"
    height = last["y"] + last["height"] - first["y"]
    page.screenshot(path=path, clip={"x": first["x"], "y": first["y"], "width": first["width"], "height": height})
    assert drawn(path)


def folder_of(tmp_path: Path) -> Path:
    """Where the pictures go."""
    return Path(KEPT or tmp_path)


def drawn(path: Path) -> bool:
    """Whether there is something to be seen: a view that was not drawn is of one colour."""
    with Image.open(path) as picture:
        return len(picture.convert("L").getcolors() or [()] * 256) > 16
