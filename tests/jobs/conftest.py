"""Jobs in this process, on a ledger of their own, against the scripted server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

import happyhorse_nb as hh
from happyhorse_nb import Job
from happyhorse_nb.settings import process
from happyhorse_nb.settings.config import Settings, config
from support.fake_server import KEY, SIGNATURE, FakeServer

Generate = Callable[..., Job]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the videos go."""
    return tmp_path / "videos"


@pytest.fixture
def settings(folder: Path) -> Iterator[Settings]:
    """As impatient as can be: a test waits for nobody's back-off. Put back as they were."""
    found = config()
    before = {name: getattr(found, name) for name in found.trait_names() if name not in ("config", "parent", "log")}
    found.folder = str(folder)
    found.max_poll_gap = 0.1
    found.requests_per_minute = 10_000
    found.max_backoff = 0.01
    found.send_patience = 0.2
    found.fetch_patience = 0.2
    found.missing_patience = 0.2
    yield found
    for name, value in before.items():
        setattr(found, name, value)


@pytest.fixture
def generate(
    fake_server: FakeServer,
    settings: Settings,
    photo: Path,
    home: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Generate]:
    """`hh.generate` of the photograph. After the test nothing that was kept holds a secret, or is a half file."""
    monkeypatch.setenv("MODELLIX_API_KEY", KEY)
    monkeypatch.setenv("MODELLIX_BASE_URL", fake_server.origin)
    monkeypatch.chdir(tmp_path)

    def generate(prompt: str = "The rocket lifts off", **options: Any) -> Job:
        return hh.generate(photo, prompt, **options)

    yield generate
    running = process.get(f"engine {home}")
    if running is not None:
        running.close()
    for path in [file for place in (home, folder) for file in place.rglob("*") if file.is_file()]:
        assert not path.name.endswith(".part"), path
        content = unquote_to_bytes(path.read_bytes().lower())
        for secret in (KEY, SIGNATURE):
            assert secret.encode() not in content, path


@pytest.fixture
def videos(folder: Path) -> Callable[[], list[str]]:
    """The names of the files that were made."""
    return lambda: sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
