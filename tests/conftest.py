"""What every test has: the wheel instead of the checkout, a home and an environment of its own, and no silent skips."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from itertools import groupby
from pathlib import Path

import hypothesis
import pytest

from support.fake_server import FakeServer
from support.videos import make_mp4

CHECKOUT = Path(__file__).resolve().parent.parent
#: CI: a skipped or expectedly failing test fails.
STRICT = os.environ.get("HH_CI") == "1"
#: A developer's quick loop, never CI's: test the sources as they are imported.
SOURCES = os.environ.get("HH_SOURCES") == "1" and not STRICT
#: The kinds of kernels: current, the last 6.x, Colab's pins.
KERNELS = ("current", "ipykernel6", "colab")
#: The folders of tests that take seconds each, those with the longest ones first.
LONGEST = ("soak", "browser", "notebooks", "kernels", "jobs", "polling", "cli", "sandbox")

# How long an example takes is no property of the code: the first one imports what the others then have.
hypothesis.settings.register_profile("happyhorse_nb", deadline=None, max_examples=40)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("happyhorse_nb")


def pytest_report_header() -> str:
    import happyhorse_nb

    return f"happyhorse_nb: {Path(happyhorse_nb.__file__).parent}"


def pytest_sessionstart() -> None:
    import happyhorse_nb

    if Path(happyhorse_nb.__file__).parent == CHECKOUT / "happyhorse_nb" and not SOURCES:
        raise pytest.UsageError(
            "happyhorse_nb comes from the checkout, but the wheel is what is tested: use `make test`, "
            "or set HH_SOURCES=1 for a quick look."
        )


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(CHECKOUT / "tests").parts[0]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that share a browser or a kernel go to one worker, and so do those of a file where they are short."""
    # Here, not once all are collected: there xdist reads the groups before it is our turn.
    fixtures = getattr(item, "fixturenames", ())
    if folder_of(item) not in LONGEST or "browser" in fixtures:
        item.add_marker(pytest.mark.xdist_group(item.path.name))
    elif "lasting_kernel" in fixtures:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {params.get('python', KERNELS[0])}"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first; browsers, which keep a core busy, are spread among tests that mostly wait."""
    items.sort(key=lambda item: LONGEST.index(folder_of(item)) if folder_of(item) in LONGEST else len(LONGEST))
    browsers = [list(some) for _, some in groupby((i for i in items if folder_of(i) == "browser"), lambda i: i.path)]
    others = [item for item in items if folder_of(item) != "browser"]
    long = sum(folder_of(item) in LONGEST for item in others)
    for number, some in reversed(list(enumerate(browsers))):
        at = number * long // (len(browsers) + 1)
        others[at:at] = some
    items[:] = others


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if STRICT and report.skipped:
        why = f"expected to fail: {report.wasxfail}" if hasattr(report, "wasxfail") else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be skipped here: {why}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped as a whole, and nothing may be skipped here: {report.longreprtext}"
    return report


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's ledger lies. No test sees the user's own, or the user's key."""
    for name in ("MODELLIX_API_KEY", "MODELLIX_BASE_URL", "HAPPYHORSE_WAIT"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "home"
    monkeypatch.setenv("HAPPYHORSE_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def small_mp4() -> bytes:
    """A real H.264 video: 320 x 214 pixels, 2 seconds."""
    return make_mp4()


@pytest.fixture
def fake_server(small_mp4: bytes) -> Iterator[FakeServer]:
    """The scripted API on loopback. Its key is `support.fake_server.KEY`."""
    with FakeServer(video=small_mp4) as server:
        yield server


@pytest.fixture(scope="session")
def photo() -> Path:
    """A JPEG photograph, 640 x 427 pixels."""
    return CHECKOUT / "notebooks" / "rocket.jpg"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked ``every_kernel`` is run on kernels of all three kinds, every other one on the current."""
    if "python" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_kernel"):
        metafunc.parametrize("python", KERNELS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of a kernel's environment, each with the same wheel: see `KERNELS`."""
    name = getattr(request, "param", KERNELS[0])
    if name == KERNELS[0]:
        return Path(sys.executable)
    # Not resolved: a venv's interpreter is known by the place of its link.
    path = CHECKOUT / ".venvs" / name / "bin" / "python"
    if not path.exists():
        pytest.skip(f"{path.relative_to(CHECKOUT)} is missing: run `make setup`")
    return path
