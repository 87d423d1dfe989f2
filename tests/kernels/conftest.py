"""Kernels that know the fake server, and a search for what they must not say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from support.fake_server import KEY, SIGNATURE, FakeServer
from support.kernel import Kernel

#: Loads the extension, to look at tasks often: how seldom it may is shown elsewhere, and each test would wait for it.
LOAD = "%load_ext happyhorse_nb\n%config HappyHorse.max_poll_gap = 0.25"


class NewKernel(Protocol):
    """Starts a kernel with these variables in its environment; without a key if that is None."""

    def __call__(self, *, key: str | None = KEY, **env: str) -> Kernel: ...


@contextmanager
def kernels(python: Path, server: FakeServer, photo: Path, root: Path, home: Path) -> Iterator[NewKernel]:
    """Starts kernels that know the server, in a folder with rocket.jpg.

    At the end, the key and the signed links are looked for in all that the kernels have said and left behind.
    """
    folder = root / "work"
    folder.mkdir()
    shutil.copy(photo, folder / "rocket.jpg")
    started: list[Kernel] = []
    with ExitStack() as stack:

        def new(*, key: str | None = KEY, **env: str) -> Kernel:
            given = {
                "HAPPYHORSE_HOME": str(home),
                "MODELLIX_BASE_URL": server.origin,
                # Else the debugger of Python 3.11 complains about frozen modules, which is not our noise.
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                # Else the user's own start-up files would run.
                "IPYTHONDIR": str(root / "ipython"),
                **env,
            }
            if key is not None:
                given["MODELLIX_API_KEY"] = key
            started.append(stack.enter_context(Kernel(python, env=given, cwd=folder)))
            return started[-1]

        yield new
    said = "".join(kernel.everything() + kernel.noise.read_text() for kernel in started)
    left = {path: path.read_bytes() for path in [*home.rglob("*"), *folder.rglob("*")] if path.is_file()}
    for secret in (KEY, SIGNATURE):
        assert secret not in said
        assert [path for path, content in left.items() if secret.encode() in content] == []


@pytest.fixture
def new_kernel(python: Path, fake_server: FakeServer, photo: Path, tmp_path: Path, home: Path) -> Iterator[NewKernel]:
    """Starts kernels: see `kernels`."""
    with kernels(python, fake_server, photo, tmp_path, home) as new:
        yield new


@pytest.fixture
def kernel(new_kernel: NewKernel) -> Kernel:
    """A kernel with the extension loaded."""
    kernel = new_kernel()
    assert kernel.run(LOAD).error == []
    return kernel


@pytest.fixture(scope="module")
def idle_server(small_mp4: bytes) -> Iterator[FakeServer]:
    """The server of `lasting_kernel`."""
    with FakeServer(video=small_mp4) as server:
        yield server


@pytest.fixture(scope="module")
def lasting_kernel(
    python: Path, idle_server: FakeServer, photo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """One kernel for a module's tests that leave nothing behind, since each kernel has much to import."""
    root = tmp_path_factory.mktemp("lasting")
    with kernels(python, idle_server, photo, root, root / "home") as new:
        kernel = new()
        assert kernel.run("%load_ext happyhorse_nb").error == []
        yield kernel
