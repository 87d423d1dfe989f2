"""How it looks: every view, light and dark, wide and narrow, on the embedded server. Nothing sticks out of its cell.

`make screenshots` keeps the pictures in docs/screenshots/, where the README shows them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from support.lab import Lab, Notebook, play

pytestmark = pytest.mark.browser

SETUP = "%load_ext happyhorse_nb\nimport happyhorse_nb as hh\n%happyhorse sandbox --seconds 1"
TAKES = (
    "%%happyhorse coffee.jpg --duration 3 --resolution 720P --seed 86 --takes 4 --name takes --wait\n"
    "Steam rises from the cup in slow motion, the spoon glints, shallow depth of field"
)
DONE = (
    "%%happyhorse rocket.jpg --duration 3 --resolution 720P --seed 7 --name launch --wait\n"
    "The rocket lifts off; smoke rolls towards the camera, golden hour, slow tilt up"
)
SLOW = "%happyhorse sandbox --seconds 90"
RUNNING = DONE.replace("--seed 7", "--seed 8").replace("--wait", "--no-wait")
FORM = (
    'hh.form("coffee.jpg", "Steam rises from the cup in slow motion, the spoon glints, shallow depth of field", '
    'duration=5, resolution="1080P")'
)
OUT = (
    "%config HappyHorse.max_concurrent = 1\n"
    'out = hh.generate("rocket.jpg", "The rocket lifts off", duration=3, seed=9)\n'
    "out.stop(); hh.wait(out); out"
)
#: The views by the name of their pictures, in the order in which their cells run.
CELLS = {
    "setup": SETUP,
    "takes": TAKES,
    "done": DONE,
    "compare": "hh.compare(*takes[:2])",
    "form": FORM,
    "gallery": "hh.gallery()",
    "jobs": "hh.jobs()",
    "question": TAKES.replace("--duration 3", "--duration 15").replace(" --name takes --wait", ""),
    "slow": SLOW,
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
def lab(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("looks")
    for name in ("rocket.jpg", "coffee.jpg"):
        shutil.copy(photo.with_name(name), root / name)
    with Lab("lab", root=root, env={"HAPPYHORSE_HOME": str(root / "home")}) as lab:
        yield lab


def opened(lab: Lab, browser: Browser, name: str, *cells: str, run: int) -> Notebook:
    """A notebook of these cells, the first so many of them run."""
    lab.write(name, *cells)
    # Reduced motion, so that no picture is taken in the middle of a movement.
    page = browser.new_page(reduced_motion="reduce", device_scale_factor=1.5)
    notebook = lab.open(page, name, alone=True)
    for index in range(run):
        notebook.run_to_end(index)
    return notebook


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Notebook:
    return opened(lab, browser, "looks.ipynb", *CELLS.values(), run=len(CELLS))


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
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    # Other seeds than those of the views: an equal request would show the video that it has made.
    done = DONE.replace("--seed 7", "--seed 11").replace(" --wait", "")
    running = "%%happyhorse coffee.jpg --duration 3\nSteam rises from the cup in slow motion, the spoon glints"
    notebook = opened(lab, browser, "quickstart.ipynb", SETUP.replace("1", "20"), done, running, run=2)
    page = notebook.page
    wear(page, "light", 860, 1400)
    play(notebook.output(1).locator("video"))
    notebook.output(1).locator("video").evaluate("video => video.pause()")
    notebook.run_to_end(2)
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
    return Path(os.environ.get("HH_SCREENSHOTS") or tmp_path)


def drawn(path: Path) -> bool:
    """Whether there is something to be seen: a view that was not drawn is of one colour."""
    with Image.open(path) as picture:
        return len(picture.convert("L").getcolors() or [()] * 256) > 16
