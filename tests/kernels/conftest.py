"""Kernels of three kinds that know the fake server, and a search for what they must not say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.fake_server import KEY, SIGNATURE, FakeServer
from support.kernel import Kernel

NewKernel = Callable[..., Kernel]


@pytest.fixture
def new_kernel(python: Path, fake_server: FakeServer, home: Path, tmp_path: Path, photo: Path) -> Iterator[NewKernel]:
    """Starts kernels that know the fake server, in a folder with rocket.jpg.

    After the test, the key and the signed links are looked for in all that the kernels have said and left behind.
    """
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(photo, folder / "rocket.jpg")
    started: list[Kernel] = []

    with ExitStack() as stack:

        def new(*, key: str | None = KEY, **env: str) -> Kernel:
            given = {
                "HAPPYHORSE_HOME": str(home),
                "MODELLIX_BASE_URL": fake_server.origin,
                # Else the debugger of Python 3.11 complains about frozen modules, which is not our noise.
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                # Else the user's own start-up files would run.
                "IPYTHONDIR": str(tmp_path / "ipython"),
                **env,
            }
            if key is not None:
                given["MODELLIX_API_KEY"] = key
            kernel = stack.enter_context(Kernel(python, env=given, cwd=folder))
            started.append(kernel)
            return kernel

        yield new
    for kernel in started:
        said = kernel.everything() + kernel.noise.read_text()
        for secret in (KEY, SIGNATURE):
            assert secret not in said
    for path in [*home.rglob("*"), *folder.rglob("*")]:
        if path.is_file():
            for secret in (KEY, SIGNATURE):
                assert secret.encode() not in path.read_bytes(), path


@pytest.fixture
def kernel(new_kernel: NewKernel) -> Kernel:
    """A kernel with the extension loaded."""
    kernel = new_kernel()
    assert kernel.run("%load_ext happyhorse_nb").error == []
    return kernel
