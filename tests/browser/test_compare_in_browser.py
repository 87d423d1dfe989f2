"""Takes and their comparison in a real JupyterLab and a real Notebook 7: in step, by keyboard, and without a kernel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Locator, Page, expect

from support.axe import serious
from support.fake_server import KEY, FakeServer
from support.lab import App, Lab
from support.videos import make_mp4

pytestmark = pytest.mark.browser

#: Seconds that videos which play in step may be apart.
IN_STEP = 0.1

# Looks at all videos at once whenever one of them tells of something, after whatever the page does about it.
WATCH = """videos => {
    const seen = window.hhSeen = {apart: [], events: {}, largest: 0};
    const look = event => {
        const times = videos.filter(v => v.currentTime < v.duration - 0.1).map(v => v.currentTime);
        if (times.length < 2) return;
        const apart = Math.max(...times) - Math.min(...times);
        seen.apart.push(apart);
        seen.largest = Math.max(seen.largest, apart);
        seen.events[event.type] = (seen.events[event.type] || 0) + 1;
    };
    for (const video of videos)
        for (const name of ['timeupdate', 'seeked', 'playing', 'pause', 'waiting']) video.addEventListener(name, look);
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(video=make_mp4(seconds=5)) as server:
        server.words = ("pending", "success")
        yield server


@pytest.fixture(scope="module")
def lab(front_end: App, server: FakeServer, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp(front_end)
    shutil.copy(photo, root / "rocket.jpg")
    env = {"HAPPYHORSE_HOME": str(root / "home"), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
    with Lab(front_end, root=root, env=env) as lab:
        yield lab


def ready(output: Locator, count: int) -> list[float]:
    """Wait until that many videos are there and loaded; how long each is, in seconds."""
    videos = output.locator(".hh-cmp video")
    expect(videos).to_have_count(count)
    for place in range(count):
        handle = videos.nth(place).element_handle()
        output.page.wait_for_function("v => v.readyState >= 1", arg=handle)
    lengths: list[float] = videos.evaluate_all("videos => videos.map(v => v.duration)")
    return lengths


def past(output: Locator, seconds: float) -> None:
    """Wait until all videos have come so far."""
    for video in output.locator(".hh-cmp video").all():
        output.page.wait_for_function("([v, s]) => v.currentTime >= s", arg=[video.element_handle(), seconds])


def times(output: Locator) -> list[float]:
    found: list[float] = output.locator(".hh-cmp video").evaluate_all("videos => videos.map(v => v.currentTime)")
    return found


@pytest.mark.front_ends("lab", "notebook")
def test_four_takes_play_in_step_by_keyboard_and_one_is_kept(lab: Lab, page: Page) -> None:
    name = "takes.ipynb"
    cell = f"%%happyhorse rocket.jpg --takes 4 --resolution 720P --name four\nThe rocket lifts off in {lab.app}"
    lab.write(name, "%load_ext happyhorse_nb\n%config HappyHorse.max_concurrent = 4", cell, "four[1].starred")
    notebook = lab.open(page, name)
    notebook.run_to_end(0)
    notebook.run_to_end(1)
    output = notebook.output(1)
    expect(output).to_contain_text("4 takes")
    assert ready(output, 4) == [pytest.approx(5.0, abs=0.05)] * 4
    expect(output).to_contain_text("4 done")
    expect(output).to_contain_text("Nothing differs but the seed.")

    output.locator(".hh-cmp video").evaluate_all(WATCH)
    button = output.get_by_role("button", name="Play")
    scrubber = output.get_by_role("slider", name="Time in all videos")
    # It never ends while it is looked at, however slow this machine is.
    output.get_by_role("checkbox", name="loop").check()
    button.focus()
    page.keyboard.press("Space")
    past(output, 0.8)
    # One of them stalls: the others wait for it, and go on when it does.
    output.locator(".hh-cmp video").nth(2).evaluate("v => { window.hhStall = setInterval(() => v.pause(), 1) }")
    page.wait_for_function("() => [...document.querySelectorAll('.hh-cmp video')].every(v => v.paused)")
    page.evaluate("clearInterval(window.hhStall)")
    past(output, 2.0)
    page.keyboard.press("Space")
    expect(button).to_be_visible()
    stood = times(output)
    assert max(stood) - min(stood) < 0.001
    page.keyboard.press("Tab")
    expect(scrubber).to_be_focused()
    page.keyboard.press("Home")
    assert times(output) == [0] * 4
    page.keyboard.press("Space")
    past(output, 0.3)
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    past(output, 1.5)
    seen = page.evaluate("window.hhSeen")
    assert seen["events"]["timeupdate"] > 10
    assert seen["events"]["seeked"] > 4
    assert seen["largest"] < IN_STEP
    output.get_by_role("checkbox", name="loop").uncheck()
    expect(output.locator(".hh-cmp output")).to_have_text("5.0 of 5.0 s")
    assert serious(page, ".hh-cmp", ".hh-choose", ".hh") == []

    output.get_by_role("button", name="Keep B").focus()
    page.keyboard.press("Enter")
    expect(output).to_contain_text("Kept B")
    expect(output.get_by_role("button", name="Keep")).to_have_count(0)
    notebook.run_to_end(2)
    expect(notebook.output(2)).to_contain_text("True")
    saved = notebook.save()
    assert "widget-view" not in str(saved["cells"][1]["outputs"])
    assert "Kept B" in str(saved["cells"][1]["outputs"])

    # Opened again, the script of the saved output does the same.
    notebook.reload()
    ready(output, 4)
    output.get_by_role("button", name="Play").click()
    past(output, 0.3)


def test_on_an_exported_page_each_comparison_plays_by_itself_and_a_shorter_video_waits_at_its_end(
    lab: Lab, page: Page, server: FakeServer
) -> None:
    name = "page.ipynb"
    cell = "%%happyhorse rocket.jpg --wait --seed {seed} --name {name}\nThe rocket lifts off on a page of {app}"
    five, two = server.video, make_mp4(seconds=2)
    lab.write(
        name,
        "%load_ext happyhorse_nb",
        *(cell.format(seed=seed, name=var, app=lab.app) for seed, var in enumerate("ab")),
        "import happyhorse_nb as hh\nhh.compare(a, b)",
        "%happyhorse compare a b",
    )
    notebook = lab.open(page, name)
    notebook.run_to_end(0)
    notebook.run_to_end(1)
    server.video = two
    try:
        notebook.run_to_end(2)
    finally:
        server.video = five
    notebook.run_to_end(3)
    notebook.run_to_end(4)
    ready(notebook.output(4), 2)
    expect(notebook.output(4).get_by_role("button", name="Keep A")).to_be_visible()
    notebook.save()
    html, _ = HTMLExporter().from_filename(str(notebook.path))
    path = notebook.path.with_suffix(".html")
    path.write_text(html)
    # As sent to somebody by mail: nothing is fetched from anywhere, and no server is there.
    page.context.set_offline(True)
    page.goto(path.as_uri())

    first, second = (page.locator(".jp-Cell").nth(place) for place in (3, 4))
    assert ready(second, 2) == [pytest.approx(5.0, abs=0.05), pytest.approx(2.0, abs=0.05)]
    # No button stands there without a kernel.
    expect(page.get_by_role("button", name="Keep")).to_have_count(0)
    second.locator(".hh-cmp video").evaluate_all(WATCH)
    button = second.get_by_role("button", name="Play")
    button.click()
    expect(second.locator(".hh-cmp output")).to_have_text("5.0 of 5.0 s")
    expect(button).to_be_visible()
    assert times(second) == [pytest.approx(5.0, abs=0.1), pytest.approx(2.0, abs=0.1)]
    assert times(first) == [0, 0]
    button.click()
    page.wait_for_function(
        "([v, w]) => v.currentTime > 0.3 && v.currentTime < 2 && Math.abs(v.currentTime - w.currentTime) < 0.1",
        arg=[video.element_handle() for video in second.locator(".hh-cmp video").all()],
    )
    assert page.evaluate("window.hhSeen.largest") < IN_STEP
    assert serious(page, ".hh-cmp") == []
