"""Reloading the extension or its modules leaves the threads of ours and the running jobs as they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kernels.conftest import NewKernel
from support.fake_server import FakeServer
from support.kernel import Kernel

#: All of ours but those that come when they are needed, two at most.
THREADS = (
    "[t.name for t in __import__('threading').enumerate() "
    "if 'happyhorse' in t.name.lower() and t.name not in ('happyhorse_nb io_0', 'happyhorse_nb io_1')]"
)

RELOADS = {
    "reload_ext": "%reload_ext happyhorse_nb",
    "importlib": """
import importlib, sys
for name in sorted((n for n in sys.modules if n.split(".")[0] == "happyhorse_nb"), key=lambda n: -n.count(".")):
    importlib.reload(sys.modules[name])
%reload_ext happyhorse_nb
""",
    "importlib twice": """
import importlib, sys
for name in 2 * sorted((n for n in sys.modules if n.split(".")[0] == "happyhorse_nb"), key=lambda n: n.count(".")):
    importlib.reload(sys.modules[name])
""",
    "autoreload": "%load_ext autoreload\n%autoreload 2",
}


@pytest.mark.every_kernel
def test_a_reload_leaves_the_threads_and_the_running_job(new_kernel: NewKernel, fake_server: FakeServer) -> None:
    reload(new_kernel(), fake_server, "reload_ext")


# (Colab has no autoreload: that of IPython 7.34 imports imp, which Python 3.13 has not.)
@pytest.mark.parametrize("way", ["importlib", "importlib twice", "autoreload"])
def test_modules_that_are_run_anew_leave_the_threads_and_the_running_job(
    new_kernel: NewKernel, fake_server: FakeServer, way: str
) -> None:
    reload(new_kernel(), fake_server, way)


def reload(kernel: Kernel, fake_server: FakeServer, way: str) -> None:
    package = copy_of_package(kernel)
    kernel.run("%load_ext happyhorse_nb")
    assert Path(kernel.run("import happyhorse_nb; happyhorse_nb.__file__").result).parent == package
    fake_server.words = ("pending",)
    first = kernel.run("%%happyhorse rocket.jpg --name first\nbefore the reload")
    kernel.wait(lambda: "Accepted" in kernel.shown(first), "the first job is watched")
    before = kernel.run(THREADS).result
    # The loop, and the one that writes its ledger.
    assert sorted(before) == ["happyhorse_nb", "happyhorse_nb ledger_0"]

    assert kernel.run(RELOADS[way]).error == []
    if way == "autoreload":
        for path in package.rglob("*.py"):
            later = path.stat().st_mtime + 10
            os.utime(path, (later, later))
    second = kernel.run("%%happyhorse rocket.jpg --name second\nafter the reload")
    assert second.error == []
    fake_server.wait_for("submit", 2)
    kernel.wait(lambda: "Accepted" in kernel.shown(second), "the second job is watched")
    assert kernel.run(THREADS).result == before

    for task in fake_server.tasks.values():
        task.say("success")
    kernel.wait(lambda: "Done" in kernel.shown(first), "the first job ends")
    kernel.wait(lambda: "Done" in kernel.shown(second), "the second job ends")

    # Old and new know each other: what was made is found by its variable, and not bought again.
    fake_server.words = ("success",)
    assert kernel.run("%%happyhorse rocket.jpg --name third --wait\nand waited for").error == []
    again = kernel.run("%%happyhorse rocket.jpg --name again\nbefore the reload")
    assert "Already made" in kernel.shown(again)
    assert kernel.run("again == first").result is True
    assert kernel.run("%happyhorse show first").error == []
    assert kernel.run("%happyhorse wait").error == []
    [line] = kernel.run("%happyhorse show nothing").error
    assert "JobNotFound" in line
    assert fake_server.paid == 3


def copy_of_package(kernel: Kernel) -> Path:
    """The installed package copied into the kernel's folder, which comes first on its path: so it can be touched."""
    installed = Path(kernel.run("import importlib.util; importlib.util.find_spec('happyhorse_nb').origin").result)
    copy = kernel.cwd / "happyhorse_nb"
    shutil.copytree(installed.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    kernel.run("import importlib; importlib.invalidate_caches()")
    return copy
