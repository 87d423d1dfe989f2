"""One browser for each module of tests; in JupyterLab unless a test is marked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.lab import DEADLINE, App, chromium, find_chromium

expect.set_options(timeout=DEADLINE * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("******** NO CHROMIUM: nothing was tested in a browser; apt-get install chromium ********")
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of the test's own."""
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def only_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture
def lasting_page(only_page: Page) -> Page:
    """One page for a module's tests that close, reload and disconnect nothing, since JupyterLab takes long to load."""
    only_page.set_viewport_size({"width": 1280, "height": 720})
    return only_page


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Notebook 7 is made of JupyterLab's parts: what may differ there, or in Voilà, is marked ``front_ends``."""
    if "front_end" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("front_ends")
        metafunc.parametrize("front_end", mark.args if mark else ("lab",), indirect=True, scope="module")


@pytest.fixture(scope="module")
def front_end(request: pytest.FixtureRequest) -> App:
    """Which one it is."""
    app: App = request.param
    return app
