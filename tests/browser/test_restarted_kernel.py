"""A page whose kernel was restarted: card, takes, form and gallery keep their shape and say the way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.fake_server import KEY, FakeServer
from support.lab import App, Lab, Notebook

pytestmark = pytest.mark.browser

CELLS = (
    "%load_ext happyhorse_nb\nimport happyhorse_nb as hh\n%config HappyHorse.max_concurrent = 9",
    "%%happyhorse rocket.jpg --duration 5 --seed {seed} --no-wait\nThe rocket lifts off",
    "%%happyhorse rocket.jpg --duration 5 --seed {more} --takes 3 --no-wait\nThe rocket lifts off",
    "hh.form('rocket.jpg', 'The rocket lifts off', duration=5)",
    "hh.gallery()",
    "list(hh.jobs()[:2])",
)
CARD, TAKES, FORM, GALLERY, TABLE = 1, 2, 3, 4, 5
#: What the front end marks a widget of a dead kernel with, and what such a mark may not leave on the page.
GONE = ".jupyter-widgets-disconnected"
BROKEN_CHAINS = """area => [...area.querySelectorAll('.jupyter-widgets-disconnected')]
    .filter(e => e.checkVisibility() && getComputedStyle(e, '::before').content !== 'none').length"""


@pytest.fixture(scope="module")
def lab(front_end: App, small_mp4: bytes, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp(front_end)
    shutil.copy(photo, root / "rocket.jpg")
    with FakeServer(video=small_mp4) as server:
        server.words = ("processing",)
        env = {"HAPPYHORSE_HOME": str(root / "home"), "MODELLIX_API_KEY": KEY, "MODELLIX_BASE_URL": server.origin}
        with Lab(front_end, root=root, env=env) as lab:
            yield lab


def restart(notebook: Notebook) -> None:
    notebook.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart() }"
    )
    notebook.wait_for_kernel()


#: Looked at in one go, since the part of a card that changes is a new element each second.
BOX = """(area, part) => { const box = area.querySelector(part).getBoundingClientRect();
    return [Math.round(box.x), Math.round(box.width), Math.round(box.height)] }"""


def boxes(notebook: Notebook) -> list[list[int]]:
    """Where the parts of the card, the takes and the form are on the page (pixels): left edge, width, height."""
    return [
        notebook.output(index).evaluate(BOX, part)
        for index, parts in (
            (CARD, (".hh", ".hh-thumb", ".hh-live", ".hh-bar")),
            (TAKES, (".hh", ".hh-thumb", ".hh-live", ".hh-take:last-child")),
            (TABLE, (".hh-jobs", ".hh-picture")),
            (FORM, (".hh-body", ".hh-frame", "textarea", ".hh-segments", ".hh-foot")),
        )
        for part in parts
    ]


@pytest.mark.parametrize("width", [1000, 480])
def test_a_page_whose_kernel_was_restarted_keeps_its_shape_and_says_how_to_go_on(
    lab: Lab, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 2600})
    name = f"{width}.ipynb"
    lab.write(name, *(cell.format(seed=width, more=width + 10) for cell in CELLS))
    notebook = lab.open(page, name, alone=lab.app == "lab")
    for index in range(len(CELLS)):
        notebook.run_to_end(index)
    for index in (CARD, TAKES):
        expect(notebook.output(index).locator(".hh-live")).to_contain_text("Generating")
        expect(notebook.output(index)).not_to_contain_text("kernel was restarted", use_inner_text=True)
    before = boxes(notebook)

    restart(notebook)
    for index in (CARD, TAKES, FORM, GALLERY, TABLE):
        expect(notebook.output(index).locator(GONE).first).to_be_attached()
        assert notebook.output(index).evaluate(BROKEN_CHAINS) == 0
        # Nothing is left that would do nothing when it is pressed.
        assert not [b for b in notebook.output(index).get_by_role("button").all() if b.is_visible()]
    for (left, across, down), was in zip(boxes(notebook), before, strict=True):
        assert [left, across] == was[:2]
        # Buttons are gone, on a narrow page two lines of them, and a line of words has come.
        assert down == pytest.approx(was[2], abs=70)

    card, takes, form, gallery = (notebook.output(i).inner_text() for i in (CARD, TAKES, FORM, GALLERY))
    said = " ".join(card.split())
    assert "Generating when its kernel was restarted or closed" in said
    assert "go on: %happyhorse resume " in said
    assert "left" not in said
    assert "will appear here" not in said
    assert "when its kernel was restarted or closed" in takes
    assert "go on: %happyhorse resume" in takes
    assert "Prompt" in form
    words = notebook.output(FORM).locator(".hh-body").evaluate("e => getComputedStyle(e, '::after').content")
    assert "was restarted or closed: run this cell to bring the form back" in words
    words = notebook.output(TABLE).locator("caption").evaluate("e => getComputedStyle(e, '::after').content")
    assert "was restarted or closed: %happyhorse resume goes on" in words
    assert "run this cell to bring the live gallery back" in gallery
    assert notebook.output(GALLERY).locator(".hh-tile:visible").count() >= 4
